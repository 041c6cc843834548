"""A store behind a proxy that injects faults: the bytes are exact or there is an error."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from moto.server import ThreadedMotoServer

from pipelines.storage.open import open_store
from pipelines.storage.s3_client import S3Options, s3_client
from pipelines.storage.store import Store
from schemas.errors import FairshardError, RunError
from tests.faults.faulty_s3 import ALL_FAULTS, FaultyProxy, S3Fault, Schedule, faulty_proxy
from tests.storage.store_contract import SMALLEST_PART, Exercise

# moto accepts a truncated body, which no real S3 does, so this fault is tried only with Swift.
FAULTS = tuple(fault for fault in ALL_FAULTS if fault is not S3Fault.CUT_REQUEST)
BIG = SMALLEST_PART + 100_000


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def proxy(moto: str) -> Iterator[FaultyProxy]:
    with faulty_proxy(moto, Schedule(0, rate=0.0)) as running:
        yield running


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens waits, without removing them, and makes parts as small as S3 accepts."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    short = SimpleNamespace(sleep=lambda seconds, wait=time.sleep: wait(seconds / 100))
    monkeypatch.setattr("tenacity.nap.time", short)
    monkeypatch.setattr("pipelines.storage.s3_sink.PART_BYTES", SMALLEST_PART)


@pytest.fixture
def store(moto: str, proxy: FaultyProxy) -> Iterator[Store]:
    bucket = f"b-{uuid.uuid4().hex}"
    s3_client(S3Options(moto, "us-east-1")).create_bucket(Bucket=bucket)
    yield open_store(f"s3://{bucket}/p", S3Options(proxy.endpoint, "us-east-1"))
    proxy.schedule = Schedule(0, rate=0.0)


def exercise(store: Store, proxy: FaultyProxy, schedule: Schedule, calls: int) -> Exercise:
    course = Exercise(store, schedule.seed, BIG)
    proxy.schedule = schedule
    course.run(calls)
    proxy.schedule = Schedule(0, rate=0.0)
    course.check()
    return course


@pytest.mark.parametrize("seed", range(3))
def test_store_survives_faults_in_a_third_of_requests(
    store: Store, proxy: FaultyProxy, seed: int
) -> None:
    course = exercise(store, proxy, Schedule(seed, 0.35, FAULTS), 30)
    # At most two faults in a row and six attempts, so every operation succeeds.
    assert course.errors == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_store_is_exact_or_fails_when_most_requests_break(
    store: Store, proxy: FaultyProxy, seed: int
) -> None:
    course = exercise(store, proxy, Schedule(seed, 0.95, FAULTS, in_a_row=1000), 30)
    assert course.errors


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_store_is_exact_or_fails_over_long_sequences(
    store: Store, proxy: FaultyProxy, seed: int
) -> None:
    exercise(store, proxy, Schedule(seed, 0.3 + seed % 7 / 10, FAULTS, 1 + seed % 9), 120)


@pytest.mark.parametrize("fault", FAULTS)
def test_store_survives_each_fault_alone(store: Store, proxy: FaultyProxy, fault: S3Fault) -> None:
    before = proxy.fault_counts[fault]
    proxy.schedule = Schedule(1, 1.0, (fault,), in_a_row=1)  # every second request
    data = bytes(range(256)) * (BIG // 256)
    with store.open_write("a") as sink:
        sink.write(data)
    with store.open_read("a") as file:
        file.seek(1_000_000)
        assert file.read() == data[1_000_000:]
    store.delete("a")
    assert proxy.fault_counts[fault] > before
    course = exercise(store, proxy, Schedule(1, 1.0, (fault,), in_a_row=1), 15)
    assert course.errors == []


@pytest.mark.parametrize("fault", FAULTS)
def test_permanent_fault_leaves_no_partial_stream(
    store: Store, proxy: FaultyProxy, fault: S3Fault
) -> None:
    store.write_bytes("x", b"old")
    data = bytes(range(256)) * (BIG // 256)
    proxy.schedule = Schedule(2, 1.0, (fault,), in_a_row=10_000)
    try:
        with store.open_write("x") as sink:
            sink.write(data)
        written = True
    except FairshardError:
        written = False
    proxy.schedule = Schedule(0, rate=0.0)
    assert store.read_bytes("x") in ((data,) if written else (b"old", data))


def test_truncated_listing_is_not_an_empty_listing(store: Store, proxy: FaultyProxy) -> None:
    store.write_bytes("x", b"1")
    for fault in (S3Fault.EMPTY, S3Fault.CUT_UNSAID, S3Fault.CUT):
        proxy.schedule = Schedule(3, 1.0, (fault,), in_a_row=10_000)
        with pytest.raises(RunError):
            store.list()


def test_body_without_a_length_is_not_assumed_complete(store: Store, proxy: FaultyProxy) -> None:
    store.write_bytes("x", bytes(100_000))
    proxy.schedule = Schedule(4, 1.0, (S3Fault.CUT_UNSAID,), in_a_row=3)
    # Each answer contains half of the rest, so reading ends with the right bytes.
    assert store.read_bytes("x") == bytes(100_000)
    proxy.schedule = Schedule(5, 1.0, (S3Fault.CUT_UNSAID,), in_a_row=10_000)
    # Half of one byte is nothing.
    with pytest.raises(RunError, match=r"broke off.*99999 of 100000"):
        store.read_bytes("x")


def test_response_that_ignores_the_range_is_rejected(store: Store, proxy: FaultyProxy) -> None:
    store.write_bytes("x", bytes(range(250)) * 400)
    with store.open_read("x") as file:
        file.seek(1_000)
        proxy.schedule = Schedule(6, 1.0, (S3Fault.RANGE_IGNORED,), in_a_row=10_000)
        with pytest.raises(RunError, match="broke off"):
            file.read(10)
        proxy.schedule = Schedule(0, rate=0.0)
        assert file.read(10) == bytes(range(10))


def test_fault_schedule_is_determined_by_the_seed() -> None:
    def drawn(seed: int) -> list[S3Fault]:
        schedule = Schedule(seed, 0.5)
        return [schedule.next(set(ALL_FAULTS)) for _ in range(200)]

    assert drawn(7) == drawn(7) != drawn(8)
    assert set(drawn(7)) > {S3Fault.NONE, S3Fault.SLOW_DOWN}
