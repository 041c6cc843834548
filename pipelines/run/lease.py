"""Holding a version: one process at a time, from its claim to its end.

The order, marked below: 1. look at the last claim; 2. refuse if it is held; 3. make the next
number; 4. withdraw if that is not the last one, or the claims were removed or begun again; 5. where
the claim was taken over by force, give its holder time to notice; 6. beat while the block runs;
7. remove the claims that are still ours.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipelines.process.identity import this_process
from pipelines.run.lease_record import (
    LeaseRecord,
    assess_lease,
    confirm_lease,
    latest_lease_record,
    lease_lost_error,
    loss_reason,
    read_lease_record,
    remove_lease_records,
    utc_now_text,
)
from pipelines.storage.store import Store
from schemas.errors import FairshardError, RunError

_MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class LeaseTiming:
    """How long what takes, in seconds.

    Attributes:
        heartbeat_s: Between two beats.
        give_up_s: A holder that could not reach the store for so long stops itself.
        stale_s: Without a beat for so long, a holder that cannot be looked at counts as dead. Twice
            `give_up_s`, so that it has stopped before.
    """

    heartbeat_s: float = 20.0
    give_up_s: float = 300.0
    stale_s: float = 600.0


DEFAULT_TIMING = LeaseTiming()


class Lease:
    """A version that this process holds. A thread beats; it stops the run if the hold is lost.

    Attributes:
        lease_record: The claim.
        lost_reason: Why the version is no longer held; empty while it is.
    """

    def __init__(self, store: Store, record: LeaseRecord, timing: LeaseTiming) -> None:
        self.lease_record = record
        self.lost_reason = ""
        self._store = store
        self._timing = timing
        self._last_heartbeat_s = _boottime_s()
        self._closing = threading.Event()
        # Held while a signal is sent, so that none is sent once the block has ended.
        self._ending = threading.Lock()
        self._can_interrupt = threading.current_thread() is threading.main_thread()
        self._thread = threading.Thread(target=self._heartbeat_loop, name="beat", daemon=True)

    def confirm(self) -> None:
        """To be called before anything is made final.

        Raises:
            RunError: If another process may hold the version by now.
        """
        if self.lost_reason:
            raise lease_lost_error(self.lease_record, self.lost_reason)
        confirm_lease(self._store, self.lease_record)

    def start(self) -> None:
        """Begins to beat."""
        self._thread.start()

    def close(self) -> None:
        """Beats no more."""
        with self._ending:
            self._closing.set()
        self._thread.join()

    def _heartbeat_loop(self) -> None:
        while not self.lost_reason and not self._closing.wait(self._timing.heartbeat_s):
            self.lost_reason = self._send_heartbeat()
        with self._ending:
            if self.lost_reason and self._can_interrupt and not self._closing.is_set():
                # A real signal wakes the main thread out of whatever it waits for.
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _send_heartbeat(self) -> str:
        """Beats once; says why the version is lost, if it is."""
        started_s = _boottime_s()
        try:
            if reason := loss_reason(self._store, self.lease_record):
                return reason
            self._store.write_bytes(self.lease_record.key("beat"), self.lease_record.token.encode())
            self._last_heartbeat_s = started_s
        except (FairshardError, OSError) as error:
            silence_s = _boottime_s() - self._last_heartbeat_s
            if silence_s > self._timing.give_up_s:
                return f"the output could not be reached for {silence_s:,.0f} s ({error})"
        return ""


@contextmanager
def hold_version(
    store: Store,
    deal_id: str,
    version: str,
    run_id: str,
    *,
    take_over: bool = False,
    timing: LeaseTiming = DEFAULT_TIMING,
) -> Iterator[Lease]:
    """Holds a version while the block runs; nothing is written if another process holds it.

    Args:
        store: The output.
        deal_id: The deal.
        version: Name of the version.
        run_id: Whose it is to be.
        take_over: Whether a holder elsewhere counts as dead, whatever its beat says. One that
            lives on this machine is never taken over from.
        timing: How long what takes.

    Raises:
        RunError: If another process holds it, naming that; or, at the block's end, if it was lost.
    """
    record = acquire_lease(store, deal_id, version, run_id, take_over=take_over, timing=timing)
    lease = Lease(store, record, timing)
    lease.start()  # 6
    try:
        try:
            yield lease
        finally:
            lease.close()
    except (KeyboardInterrupt, Exception) as error:
        if lease.lost_reason:
            raise lease_lost_error(record, lease.lost_reason) from error
        raise
    finally:
        lease.close()  # once more, where a signal cut the first call short
        # Where the store fails here there is an error to be shown already, or none worth failing
        # for: `clean` removes such claims, and the next run sees that this process is dead.
        with contextlib.suppress(FairshardError, OSError):
            if not loss_reason(store, record):
                remove_lease_records(store, record)  # 7


def acquire_lease(
    store: Store,
    deal_id: str,
    version: str,
    run_id: str,
    *,
    take_over: bool = False,
    timing: LeaseTiming = DEFAULT_TIMING,
) -> LeaseRecord:
    """Makes the next claim to a version.

    Raises:
        RunError: If another process holds it.
    """
    token = secrets.token_hex(8)
    for _ in range(_MAX_ATTEMPTS):
        latest = latest_lease_record(store, deal_id, version)  # 1
        forced = latest is not None and _refuse_if_held(store, latest, take_over, timing)  # 2
        number = 1 if latest is None else latest.number + 1
        record = LeaseRecord(
            deal_id, version, number, run_id, this_process(), utc_now_text(), token
        )
        # Not by the answer: that of a first attempt may be lost, and a second told that there is
        # one. What lies there says whose it is.
        store.write_new(record.key(), record.to_json())  # 3
        time.sleep(store.settle_s)
        last = latest_lease_record(store, deal_id, version) == record
        if last and (latest is None or read_lease_record(store, latest.key()) == latest):
            if forced:
                time.sleep(2 * timing.heartbeat_s)  # 5
            return record
        if read_lease_record(store, record.key()) == record:  # 4
            store.delete(record.key())
    raise RunError(
        "The version cannot be claimed",
        f"{deal_id}/{version}: other runs were quicker {_MAX_ATTEMPTS} times",
        "Run again when they have ended.",
    )


def _refuse_if_held(
    store: Store, record: LeaseRecord, take_over: bool, timing: LeaseTiming
) -> bool:
    """Whether the version is held by a claim that may be taken over by force.

    Raises:
        RunError: If it is held and may not.
    """
    status = assess_lease(store, record, timing.stale_s)
    if not status.held or (take_over and not status.certain):
        return status.held
    if status.certain:
        remedy = "Let it end, or end that process, then run again."
    else:
        wait_s = max(0.0, timing.stale_s - status.age_s)
        remedy = (
            f"Let it end. If that process is dead, run again in {wait_s:,.0f} s, or at once with "
            "--take-over."
        )
    which = f"{record.describe()}, heard of {status.age_s:,.0f} s ago"
    raise RunError("Another run is making this version", which, remedy)


def _boottime_s() -> float:
    """Seconds that pass while a machine sleeps as well, where it can tell them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
