"""Leases: two processes never hold a version at once, even if one dies, stalls or is late."""

from __future__ import annotations

import dataclasses
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from pipelines.process.identity import Liveness, ProcessIdentity, liveness_of, this_process
from pipelines.run import lease as lock_module
from pipelines.run.lease import LeaseTiming, acquire_lease, hold_version
from pipelines.run.lease_record import (
    LeaseRecord,
    assess_lease,
    latest_lease_record,
    lease_folder,
    lease_lost_error,
    remove_lease_records,
    utc_now_text,
)
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.errors import RunError

pytestmark = pytest.mark.long

QUICK = LeaseTiming(heartbeat_s=0.05, give_up_s=0.5, stale_s=1.0)
ELSEWHERE = ProcessIdentity("far", "another-boot", "pid:[1]", 1, 1)


@pytest.fixture(autouse=True)
def default_sigint_handler() -> Iterator[None]:
    """Restores Python's handler, since shells let background processes ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


_HOLD = """
import sys, time
from pipelines.run.lease import hold_version
from pipelines.storage.open import open_store
with hold_version(open_store(sys.argv[1]), "acme", "v0001", "first"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


def record_names(store: Store) -> list[str]:
    folder = lease_folder("acme", "v0001")
    return [item.key.removeprefix(f"{folder}/") for item in store.list(folder)]


def leave_record(
    store: Store, number: int, holder: ProcessIdentity, age_s: float = 0.0
) -> LeaseRecord:
    """Writes a claim as a process at another time or on another machine would have."""
    record = LeaseRecord("acme", "v0001", number, "left", holder, utc_now_text(), f"token {number}")
    store.write_bytes(record.key(), record.to_json())
    path = Path(store.uri) / record.key()
    then = time.time() - age_s
    os.utime(path, (then, then))
    return record


def begin(store: Store) -> None:
    """Writes the record of a version that can be resumed."""
    store.write_bytes("acme/v0001/agency/run.json", b"{}")


def test_one_run_holds_the_version_and_leaves_no_claim(store: Store) -> None:
    with hold_version(store, "acme", "v0001", "run") as lease:
        assert record_names(store) == ["0001.json"]
        lease.confirm()
        with (
            pytest.raises(RunError, match=r"acme/v0001: run run, process \d+ on ") as refused,
            hold_version(store, "acme", "v0001", "other"),
        ):
            pytest.fail("two hold one version")
        assert refused.value.exit_code == 1 and "stop that process" in refused.value.remedy
        with hold_version(store, "acme", "v0002", "other"):
            pass
    assert store.list() == [] and store.unfinished_writes() == []
    assert list(Path(store.uri).iterdir()) == []


def test_failed_run_leaves_no_claim(store: Store) -> None:
    dead = dataclasses.replace(this_process(), started_ticks=1)
    leave_record(store, 1, dead)
    with pytest.raises(ZeroDivisionError), hold_version(store, "acme", "v0001", "run") as lease:
        assert lease.lease_record.number == 2
        begin(store)
        raise ZeroDivisionError
    assert record_names(store) == []


def test_killed_holder_is_replaced_at_once(store: Store) -> None:
    process = subprocess.Popen([sys.executable, "-c", _HOLD, store.uri], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"held\n"
    try:
        with pytest.raises(RunError, match=f"process {process.pid} "):
            acquire_lease(store, "acme", "v0001", "second")
        with pytest.raises(RunError, match="Another run is making this version"):
            acquire_lease(store, "acme", "v0001", "second", take_over=True)
        process.send_signal(signal.SIGSTOP)  # stopped, but alive
        with pytest.raises(RunError, match="Another run is making this version"):
            acquire_lease(store, "acme", "v0001", "second", timing=LeaseTiming(stale_s=0.0))
    finally:
        process.kill()
    # The process is a zombie, since nobody has waited for it; it cannot write any more.
    until = time.monotonic() + 10
    latest = latest_lease_record(store, "acme", "v0001")
    assert latest is not None
    while liveness_of(latest.holder) is Liveness.ALIVE and time.monotonic() < until:
        time.sleep(0.01)
    assert acquire_lease(store, "acme", "v0001", "second").number == 2
    process.communicate()


def test_reused_pid_is_another_process() -> None:
    here = this_process()
    assert liveness_of(here) is Liveness.ALIVE
    assert (
        liveness_of(dataclasses.replace(here, started_ticks=here.started_ticks - 1))
        is Liveness.DEAD
    )
    assert liveness_of(dataclasses.replace(here, pid=2**22 + 5)) is Liveness.DEAD
    assert liveness_of(dataclasses.replace(here, boot="another")) is Liveness.UNKNOWN
    assert liveness_of(dataclasses.replace(here, pid_space="pid:[7]")) is Liveness.UNKNOWN


def test_worker_ends_with_the_run_that_started_it() -> None:
    worker = (
        "import sys, time; from pipelines.process.identity import end_with;"
        "end_with(int(sys.argv[1]), int(sys.argv[2])); print('up', flush=True); time.sleep(600)"
    )
    run = (
        "import subprocess, sys; from pipelines.process.identity import this_process;"
        f"me = this_process(); subprocess.run([sys.executable, '-c', {worker!r},"
        " str(me.pid), str(me.started_ticks)])"
    )
    process = subprocess.Popen([sys.executable, "-c", run], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"up\n"
    process.kill()
    # The pipe is closed when its last holder, the worker, has ended.
    assert process.communicate(timeout=30)[0] == b""


def test_live_holder_on_another_machine_is_respected(store: Store) -> None:
    record = leave_record(store, 1, ELSEWHERE, age_s=100)
    with pytest.raises(RunError, match=r"on far.*last heartbeat 1\d\d s ago") as refused:
        acquire_lease(store, "acme", "v0001", "run")
    assert "--take-over" in refused.value.remedy
    assert re.search(r"run again in (4\d\d|500) s", refused.value.remedy)
    store.write_bytes(record.key("beat"), b"{}")
    with pytest.raises(RunError, match=r"last heartbeat 0 s ago"):
        acquire_lease(store, "acme", "v0001", "run")


def test_stale_holder_on_another_machine_is_replaced(store: Store) -> None:
    leave_record(store, 1, ELSEWHERE, age_s=601)
    assert acquire_lease(store, "acme", "v0001", "run").number == 2


def test_takeover_waits_until_the_old_holder_has_noticed(store: Store) -> None:
    record = leave_record(store, 1, ELSEWHERE)
    timing = LeaseTiming(heartbeat_s=0.3)
    began = time.monotonic()
    assert acquire_lease(store, "acme", "v0001", "run", take_over=True, timing=timing).number == 2
    assert time.monotonic() - began > 2 * timing.heartbeat_s
    store.delete(record.key())


def test_holder_that_lost_its_lease_stops(store: Store) -> None:
    began = time.monotonic()
    with (
        pytest.raises(RunError, match="another run has taken the version over"),
        hold_version(store, "acme", "v0001", "run", timing=QUICK) as lease,
    ):
        begin(store)
        leave_record(store, 2, ELSEWHERE)
        with pytest.raises(RunError, match="no longer holds"):
            lease.confirm()  # at once, before any heartbeat
        time.sleep(30)  # a signal ends it
    assert time.monotonic() - began < 20
    assert {"0001.json", "0002.json"} <= set(record_names(store))


def test_holder_that_cannot_reach_the_output_stops(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bool:
        raise RunError("The S3 service failed")

    with (
        pytest.raises(RunError, match=r"could not be reached.*The S3 service failed"),
        hold_version(store, "acme", "v0001", "run", timing=QUICK),
    ):
        monkeypatch.setattr(lock_module, "loss_reason", broken)
        try:
            time.sleep(30)
        finally:
            monkeypatch.undo()  # the output can be reached again
    assert record_names(store) == []


def test_user_interrupt_is_not_reported_as_a_lost_lease(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), hold_version(store, "acme", "v0001", "run"):
        raise KeyboardInterrupt
    assert record_names(store) == []


def test_holder_sends_heartbeats(store: Store) -> None:
    with hold_version(store, "acme", "v0001", "run", timing=QUICK) as lease:
        until = time.monotonic() + 20
        while not store.exists(lease.lease_record.key("beat")) and time.monotonic() < until:
            time.sleep(0.01)
        assert store.read_bytes(lease.lease_record.key("beat")).decode() == lease.lease_record.token
    assert record_names(store) == []


def test_lost_response_does_not_lose_the_lease(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = type(store).write_new

    def deaf(self: Store, key: str, data: bytes, *, private: bool = False) -> bool:
        honest(self, key, data)
        return False

    monkeypatch.setattr(type(store), "write_new", deaf)
    assert acquire_lease(store, "acme", "v0001", "run").number == 1


def test_late_claim_is_withdrawn(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its check and its claim, claim 1 is removed and another run starts at 1 again."""
    dead = dataclasses.replace(this_process(), started_ticks=1)
    leave_record(store, 1, dead)
    honest = type(store).write_new
    late_records: list[LeaseRecord] = []

    def slow(self: Store, key: str, data: bytes, *, private: bool = False) -> bool:
        if not late_records:
            late_records.append(leave_record(store, 1, this_process()))
        return honest(self, key, data)

    monkeypatch.setattr(type(store), "write_new", slow)
    with pytest.raises(RunError, match="Another run is making this version"):
        acquire_lease(store, "acme", "v0001", "run")
    assert record_names(store) == ["0001.json"]


def test_damaged_claim_is_named(store: Store) -> None:
    store.write_bytes(f"{lease_folder('acme', 'v0001')}/0001.json", b"{")
    with pytest.raises(RunError, match=r"claims/acme/v0001/0001\.json"):
        acquire_lease(store, "acme", "v0001", "run")


@pytest.mark.parametrize("seed", range(4))
def test_no_two_holders_at_a_time(store: Store, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads claim, end, die and start late, with a random delay in every call to the store.

    Each thread represents a process, which counts as alive until the thread says otherwise.
    """
    living: set[int] = set()
    me = threading.local()
    chance = random.Random(seed)
    inside: list[int] = []
    worst: list[int] = []
    wins = [0]

    def liveness(holder: ProcessIdentity) -> Liveness:
        return Liveness.ALIVE if holder.pid in living else Liveness.DEAD

    monkeypatch.setattr("pipelines.run.lease_record.liveness_of", liveness)
    monkeypatch.setattr(
        lock_module, "this_process", lambda: ProcessIdentity("h", "b", "p", me.number, 1)
    )
    slow = cast(Store, _Slow(store, random.Random(seed)))
    guard = threading.Lock()

    def process(number: int) -> None:
        me.number = number
        living.add(number)
        try:
            record = acquire_lease(slow, "acme", "v0001", f"run {number}")
        except RunError:
            living.discard(number)
            return
        with guard:
            inside.append(number)
            worst.append(len(inside))
            wins[0] += 1
            ends = chance.random() < 0.5
        time.sleep(0.002)
        with guard:
            inside.remove(number)
        if ends:
            remove_lease_records(slow, record)
        living.discard(number)

    def churn(first: int) -> None:
        for step in range(12):
            process(first + 100 * step)

    threads = [threading.Thread(target=churn, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(worst) == 1
    assert wins[0] > 3


class _Slow:
    """A store with a random delay before every answer."""

    def __init__(self, store: Store, chance: random.Random) -> None:
        self._store = store
        self._chance = chance

    def __getattr__(self, name: str) -> object:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def call(*given: object, **named: object) -> object:
            time.sleep(self._chance.random() * 0.003)
            answer = found(*given, **named)
            time.sleep(self._chance.random() * 0.003)
            return answer

        return call


def test_lease_age_uses_the_stores_clock(store: Store) -> None:
    record = leave_record(store, 1, ELSEWHERE, age_s=-5000)  # the writer's clock is ahead
    status = assess_lease(store, record, 600)
    assert status.held and not status.certain and status.age_s == 0.0
    assert "lease record 1" in str(lease_lost_error(record, "why"))
