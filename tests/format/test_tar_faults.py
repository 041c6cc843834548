"""If writing a tar fails, one error is raised, nothing hangs and no thread remains."""

from __future__ import annotations

import errno
import hashlib
import io
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.format.background import BackgroundWorker
from pipelines.format.tar import BLOCK, END, Digests, TarWriter
from pipelines.format.tar_batches import BATCH_BYTES, Writable
from tests.format.tar_oracle import slow_tar

BIG = bytes(range(256)) * 2000  # half a MB


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


class ShortSink(io.BytesIO):
    """Accepts at most `limit` bytes per call, as a raw file may."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]
        return super().write(data[: self.limit])


class FullSink(io.BytesIO):
    """A disk with `room` free bytes."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


class InjectedError(Exception):
    """An unexpected error."""


class BrokenDigest:
    """A digest that fails after `good` updates."""

    def __init__(self, good: int) -> None:
        self.good = good

    def update(self, data: bytes | memoryview, /) -> None:
        self.good -= 1
        if self.good < 0:
            raise InjectedError

    def hexdigest(self) -> str:
        return ""


@settings(deadline=None, max_examples=25)
@given(limit=st.integers(100, 5000))
def test_short_writes_of_a_sink_are_continued(limit: int) -> None:
    items = [("a.jpg", BIG[:70_000]), ("a.txt", b"x"), ("b.jpg", b"")]
    sink = ShortSink(limit)
    with TarWriter(sink) as tar:
        for name, data in items:
            tar.add(name, len(data), [data])
    assert sink.getvalue() == slow_tar(items)[0]
    assert tar.sha256 == hashlib.sha256(sink.getvalue()).hexdigest()


def test_a_sink_that_accepts_nothing_is_an_error() -> None:
    with pytest.raises(OSError, match="accepts no more"), TarWriter(ShortSink(0)) as tar:
        tar.add("a.jpg", len(BIG), [BIG])


@pytest.mark.parametrize("room", [0, 600, 100_000, 3_000_000])
def test_a_full_disk_raises_once_and_abandons_the_tar(room: int) -> None:
    sink = FullSink(room)
    tar = TarWriter(sink)
    with pytest.raises(OSError, match="No space left"):
        for index in range(100):
            tar.add(f"{index}.jpg", len(BIG), [BIG])
    # The error is not raised again, and nothing more is written.
    size = len(sink.getvalue())
    for again in (lambda: tar.add("z.jpg", 1, [b"x"]), tar.close):
        with pytest.raises(ValueError, match="the tar is closed"):
            again()
    assert len(sink.getvalue()) == size
    with pytest.raises(ValueError, match="not closed"):
        _ = tar.sha256


def test_a_disk_that_is_full_at_the_end_raises() -> None:
    with pytest.raises(OSError, match="No space left"), TarWriter(FullSink(2000)) as tar:
        tar.add("a.jpg", 3, [b"abc"])


@pytest.mark.parametrize("good", [0, 1, 5, 17])
@pytest.mark.parametrize("pieces", [1, 20, 200])
def test_a_failing_tar_digest_raises_once(
    good: int, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashlib, "sha256", lambda *_: BrokenDigest(good))
    seen = []
    with TarWriter(io.BytesIO(), Digests.TAR | Digests.MD5) as tar:
        try:
            for index in range(pieces):
                tar.add(f"{index}.jpg", len(BIG), [BIG])
            tar.close()
        except InjectedError as error:
            seen.append(error)
    # The digest gets batches of 1 MiB, and the rest, with the end, as the last batch.
    whole = pieces * (BLOCK + len(BIG)) + len(END)
    assert len(seen) == (-(-whole // BATCH_BYTES) > good)


def test_a_failing_member_digest_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise InjectedError

    tar = TarWriter(io.BytesIO(), Digests.MEMBERS)
    monkeypatch.setattr(hashlib, "sha256", fail)
    with pytest.raises(InjectedError):
        for index in range(200):
            tar.add(f"{index}.jpg", len(BIG), [BIG])


def test_an_error_in_the_data_of_a_member_is_raised() -> None:
    def chunks() -> Iterator[bytes]:
        yield BIG
        raise InjectedError

    tar = TarWriter(io.BytesIO())
    tar.add("a.jpg", len(BIG) * 4, [BIG] * 4)
    with pytest.raises(InjectedError):
        tar.add("b.jpg", 2 * len(BIG), chunks())


def test_an_error_in_the_with_block_abandons_the_tar() -> None:
    sink = io.BytesIO()
    with pytest.raises(InjectedError), TarWriter(sink) as tar:
        tar.add("a.jpg", len(BIG) * 4, [BIG] * 4)
        raise InjectedError
    assert not sink.getvalue().endswith(bytes(1024))


def test_a_buffer_may_be_reused_between_chunks() -> None:
    buffer = bytearray(BIG)

    def chunks() -> Iterator[bytearray]:
        for value in range(8):
            buffer[:] = bytes([value]) * len(buffer)
            yield buffer

    content = b"".join(bytes([value]) * len(BIG) for value in range(8))
    sink = io.BytesIO()
    with TarWriter(sink) as tar:
        tar.add("a.jpg", len(content), chunks())
        members = tar.close()
    assert (sink.getvalue(), members) == slow_tar([("a.jpg", content)])
    assert tar.sha256 == hashlib.sha256(sink.getvalue()).hexdigest()


@pytest.mark.parametrize("slow", ["digest", "sink"])
def test_the_memory_of_waiting_data_is_bounded(slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that blocks also blocks the caller, before much data is waiting."""
    go = threading.Event()

    class Slow:
        def update(self, data: bytes | memoryview, /) -> None:
            go.wait()

        def hexdigest(self) -> str:
            return "done"

        def write(self, data: bytes | memoryview, /) -> int:
            go.wait()
            return len(data)

    monkeypatch.setattr(hashlib, "sha256", lambda *_: Slow())
    sink: Writable = Slow() if slow == "sink" else io.BytesIO()
    given = 0

    def feed() -> None:
        nonlocal given
        with TarWriter(sink, Digests.TAR if slow == "digest" else Digests.NONE) as tar:
            for index in range(200):
                tar.add(f"{index}.jpg", len(BIG), [BIG])
                given += len(BIG)

    writer = threading.Thread(target=feed)
    writer.start()
    writer.join(0.5)
    stood, taken = writer.is_alive(), given
    go.set()
    writer.join()
    assert stood and taken < 32_000_000
    assert given == 200 * len(BIG)


def test_nothing_is_written_after_a_tar_was_abandoned() -> None:
    """The caller may close the sink, so waiting data must not reach a file opened next."""
    begun, go, taken = threading.Event(), threading.Event(), []

    class Slow:
        def write(self, data: bytes | memoryview, /) -> int:
            begun.set()
            go.wait()
            taken.append(len(data))
            return len(data)

    with pytest.raises(InjectedError), TarWriter(Slow()) as tar:
        tar.add("a.jpg", 8 * len(BIG), [BIG] * 8)
        begun.wait()
        threading.Timer(0.05, go.set).start()
        raise InjectedError
    # The write in progress was finished, waiting data was dropped, and the thread has ended.
    assert len(taken) == 1
    assert "writing" not in {thread.name for thread in threading.enumerate()}


def test_a_worker_runs_all_tasks_in_order_and_ends() -> None:
    done: list[int] = []
    worker = BackgroundWorker(done.append, 3)
    numbers = [worker.submit(job) for job in range(100)]
    worker.wait(numbers[50])
    assert done[:51] == list(range(51))
    worker.finish()
    assert done == list(range(100))
    worker.stop()
    with pytest.raises(RuntimeError, match="has ended"):
        worker.submit(1)


def test_a_failed_worker_raises_its_error_instead_of_blocking() -> None:
    def fail(job: int) -> None:
        raise InjectedError(job)

    worker = BackgroundWorker(fail, 1)
    number = worker.submit(7)
    for action in (lambda: worker.wait(number), lambda: worker.submit(8), worker.finish):
        with pytest.raises(InjectedError, match="7"):
            action()
    worker.stop()
