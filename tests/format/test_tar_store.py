"""Tars written to a folder, with many pieces per call that the system may write only partly."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
import resource
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.format import tar_batches
from pipelines.format.tar import Digests, Member, TarWriter
from pipelines.storage.local_file import write_pieces
from pipelines.storage.local_store import LocalStore
from schemas.errors import RunError
from tests.format.tar_oracle import slow_tar
from tests.format.test_tar import members

pytestmark = pytest.mark.long

BIG = bytes(range(256)) * 2000  # half a MB
Items = Sequence[tuple[str, bytes]]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tars")


def write(folder: Path, items: Items, read_at_once: int = 0) -> list[Member]:
    """Writes a tar through the folder's store, and checks its digests.

    Every second member is read into the writer's memory, at most so many bytes at once, if any are.
    """
    with LocalStore(str(folder)).open_write("a.tar") as sink, TarWriter(sink) as tar:
        for number, (name, data) in enumerate(items):
            if read_at_once and number % 2 == 0:
                tar.add_from(name, len(data), in_parts(data, read_at_once))
            else:
                tar.add(name, len(data), [data])
        placed = tar.close()
    data = (folder / "a.tar").read_bytes()
    assert tar.sha256 == hashlib.sha256(data).hexdigest()
    assert tar.md5 == hashlib.md5(data, usedforsecurity=False).hexdigest()
    return placed


def in_parts(data: bytes, at_once: int) -> Callable[[memoryview], int]:
    """Returns a function that reads the data into memory, at most so many bytes at once."""
    source = io.BytesIO(data)
    return lambda memory: source.readinto(memory[:at_once])


@contextmanager
def short_writes(limit: Iterator[int]) -> Iterator[None]:
    """Makes the system write at most the next number of bytes in each call."""
    real = os.writev

    def writev(descriptor: int, pieces: Sequence[bytes | memoryview]) -> int:
        return real(descriptor, [b"".join(pieces)[: next(limit)]])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "writev", writev)
        yield


@settings(deadline=None)
@given(members(), st.integers(0, 2**32), st.sampled_from([600, 20_000, 2_000_000]))
def test_the_bytes_equal_those_of_the_reference_writer(
    folder: Path, items: list[tuple[str, bytes]], seed: int, batch: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tar_batches, "BATCH_BYTES", batch)
        slow = slow_tar(items)
        assert write(folder, items) == slow[1]
        assert (folder / "a.tar").read_bytes() == slow[0]
        draw = random.Random(seed)
        with short_writes(iter(lambda: draw.choice([1, 511, 512, 70_000]), 0)):
            assert write(folder, items, draw.choice([97, 700, 1 << 20])) == slow[1]
        assert (folder / "a.tar").read_bytes() == slow[0]


@pytest.mark.parametrize(
    "sizes", [[at % 40 for at in range(7000)], [0] * 7000, [5_000_000, 0, 16_384, 1 << 20] * 2]
)
def test_thousands_of_tiny_members_and_some_huge_ones_are_written(
    folder: Path, sizes: Sequence[int]
) -> None:
    items = [(f"{at:x}.txt", bytes([at % 256]) * size) for at, size in enumerate(sizes)]
    for read_at_once in (0, 3_000_000):
        placed = write(folder, items, read_at_once)
        assert ((folder / "a.tar").read_bytes(), placed) == slow_tar(items)


@pytest.mark.parametrize("digests", [Digests.ALL, Digests.MEMBERS, Digests.NONE])
@pytest.mark.parametrize("announced", [0, 99, 101, 5_000_000])
def test_reading_another_number_of_bytes_is_an_error(digests: Digests, announced: int) -> None:
    sink = io.BytesIO()
    with pytest.raises(ValueError, match=f"100 bytes received, expected {announced}"):
        TarWriter(sink, digests).add_from("a.jpg", announced, in_parts(bytes(100), 64))
    assert sink.getvalue() == b""


@pytest.mark.parametrize("digests", [Digests.NONE, Digests.MEMBERS, Digests.TAR])
def test_what_is_read_is_written_with_any_digests(digests: Digests) -> None:
    items = [("a.jpg", bytes(range(256)) * 9_000), ("b.jpg", b""), ("c.jpg", b"x" * 70_000)]
    sink = io.BytesIO()
    with TarWriter(sink, digests) as tar:
        for name, data in items:
            tar.add_from(name, len(data), in_parts(data, 1 << 20))
        placed = tar.close()
    written, members = slow_tar(items)
    assert sink.getvalue() == written
    if Digests.MEMBERS in digests:
        assert placed == members


def test_write_and_writev_keep_their_order(tmp_path: Path) -> None:
    with LocalStore(str(tmp_path)).open_write("x") as sink:
        sink.write(b"a")
        sink.writev([b"b", b"", b"c"])
        sink.write(b"d")
        sink.writev([])
        sink.writev([b"", b"e"])
    assert (tmp_path / "x").read_bytes() == b"abcde"


@settings(deadline=None)
@given(st.lists(st.binary(max_size=30), max_size=40), st.integers(1, 50), st.integers(1, 9))
def test_pieces_are_written_completely_in_calls_of_any_length(
    folder: Path, pieces: list[bytes], short: int, limit: int
) -> None:
    path = folder / "pieces"
    with pytest.MonkeyPatch.context() as patch, path.open("wb", buffering=0) as file:
        patch.setattr("pipelines.storage.local_file._MAX_PIECES", limit)
        with short_writes(iter(lambda: short, 0)):
            written = write_pieces(file.fileno(), pieces)
    assert path.read_bytes() == b"".join(pieces)
    assert written == len(b"".join(pieces))


def test_more_pieces_than_one_call_accepts_are_written(tmp_path: Path) -> None:
    pieces = [bytes([at % 251]) for at in range(3 * os.sysconf("SC_IOV_MAX") + 1)]
    with LocalStore(str(tmp_path)).open_write("x") as sink:
        sink.writev(pieces)
    assert (tmp_path / "x").read_bytes() == b"".join(pieces)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Limits files to three million bytes; the call that exceeds this is written partly."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("size", [100, 100_000, 4_000_000])
def test_a_file_over_the_size_limit_is_an_error_and_leaves_nothing(
    tmp_path: Path, size: int
) -> None:
    items = [(f"{at:x}.jpg", BIG[:100] * (size // 100)) for at in range(6_000_000 // size)]
    with pytest.raises(RunError, match="File too large"):
        write(tmp_path, items)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_an_error() -> None:
    with Path("/dev/full").open("wb", buffering=0) as file, pytest.raises(OSError) as caught:
        write_pieces(file.fileno(), [b"a", b"b"])
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("good", [0, 1, 3])
@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, 0])
def test_a_failing_disk_is_an_error_and_leaves_nothing(
    tmp_path: Path, good: int, fault: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.writev, iter(range(good))

    def writev(descriptor: int, pieces: Sequence[bytes | memoryview]) -> int:
        if next(calls, None) is not None:
            return real(descriptor, pieces)
        if fault:
            raise OSError(fault, os.strerror(fault))
        return 0

    monkeypatch.setattr(os, "writev", writev)
    with pytest.raises(RunError, match=os.strerror(fault) if fault else "accepts no more bytes"):
        write(tmp_path, [(f"{at}.jpg", BIG) for at in range(20)])
    assert list(tmp_path.iterdir()) == []
