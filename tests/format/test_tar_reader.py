"""The strict reader accepts what `TarWriter` writes, and nothing that differs in any byte."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.format import tar_reader
from pipelines.format.tar import BLOCK, Member
from pipelines.format.tar_parser import TarError
from tests.format.strict_tar import read_members
from tests.format.tar_oracle import slow_header, slow_tar
from tests.format.test_tar import members

ITEMS = [
    *(("a.jpg", bytes(range(1, 256)) * 5), ("a.txt", b"a caption"), ("a.json", b"{}")),
    *(("b.jpg", b"\xff" * 1024), ("b.txt", b""), ("b.json", b"[1]")),
]
# The fields of a header: name, offset of the first byte, length in bytes.
FIELDS = [
    *(("name", 0, 100), ("mode", 100, 8), ("uid", 108, 8), ("gid", 116, 8), ("size", 124, 12)),
    *(("mtime", 136, 12), ("checksum", 148, 8), ("type", 156, 1), ("link", 157, 100)),
    *(("magic", 257, 6), ("version", 263, 2), ("user", 265, 32), ("group", 297, 32)),
    *(("devices", 329, 16), ("prefix", 345, 155), ("end", 500, 12)),
]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


class Trickle(io.RawIOBase):
    """Returns at most `limit` bytes per read, as a socket does."""

    def __init__(self, data: bytes, limit: int) -> None:
        super().__init__()
        self.source, self.limit = io.BytesIO(data), limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.source.readinto(memoryview(buffer)[: self.limit])


class OnlyRead:
    """Has only `read`, as the streams of some client libraries."""

    def __init__(self, data: bytes, limit: int) -> None:
        self.source, self.limit = io.BytesIO(data), limit

    def read(self, size: int) -> bytes:
        return self.source.read(min(size, self.limit))


def read(data: bytes) -> list[Member]:
    return list(read_members(io.BytesIO(data)))


def fault(data: bytes) -> TarError:
    """Returns the error for a tar, which must name the wrong byte."""
    with pytest.raises(TarError) as caught:
        read(data)
    assert str(caught.value.offset) in str(caught.value)
    return caught.value


def flip(data: bytes, at: int, bit: int = 0) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    return bytes(changed)


@pytest.mark.long
@settings(deadline=None)
@given(members(), st.integers(1, 4), st.integers(1, 70_000))
def test_a_valid_tar_is_read_in_any_pieces(
    items: list[tuple[str, bytes]], blocks: int, limit: int
) -> None:
    data, placed = slow_tar(items)
    assert read(data) == placed
    assert list(read_members(cast(BinaryIO, Trickle(data, limit)))) == placed
    assert list(read_members(cast(BinaryIO, OnlyRead(data, limit)))) == placed
    with pytest.MonkeyPatch.context() as patch:  # members, and the end, span several reads
        patch.setattr(tar_reader, "_READ_BYTES", blocks * BLOCK)
        assert read(data) == placed


def test_members_larger_than_a_read_are_read() -> None:
    items = [(f"{at}.mp4", bytes([at]) * (3_000_000 + at)) for at in range(5)]
    data, placed = slow_tar([*items, *ITEMS])
    assert read(data) == placed


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(members().filter(bool), st.data())
def test_a_flipped_bit_is_an_error_or_changes_the_digest_of_its_member(
    items: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    good, placed = slow_tar(items)
    at = data.draw(st.integers(0, len(good) - 1))
    changed = flip(good, at, data.draw(st.integers(0, 7)))
    inside = [item for item in placed if item.offset <= at < item.offset + item.length]
    if inside:
        differ = [one for one, other in zip(placed, read(changed), strict=True) if one != other]
        assert differ == inside
    else:
        seen = fault(changed)
        assert seen.offset // BLOCK <= at // BLOCK + 1  # the second zero block may be reported


@pytest.mark.long
@pytest.mark.parametrize(
    ("start", "size"), [field[1:] for field in FIELDS], ids=[f[0] for f in FIELDS]
)
def test_a_flipped_bit_in_a_header_field_is_located(start: int, size: int) -> None:
    good, placed = slow_tar(ITEMS)
    header_at = placed[2].offset - BLOCK
    for at in range(header_at + start, header_at + start + size):
        for bit in range(8):
            seen = fault(flip(good, at, bit))
            assert header_at <= seen.offset < header_at + BLOCK
            # The error names the field itself, the checksum, or the name if it became invalid.
            named = seen.offset - header_at
            assert start <= named < start + size or (start < 148 and named in (0, *range(148, 156)))


def test_a_flipped_bit_in_padding_or_end_is_located() -> None:
    good, placed = slow_tar(ITEMS)
    first = placed[0]
    padding = range(first.offset + first.length, placed[1].offset - BLOCK)
    for at in padding:
        seen = fault(flip(good, at))
        assert (seen.offset, "padding of a.jpg" in str(seen)) == (at, True)
    # A change in the first block of the end reads as a header, in the second as a missing end.
    for at in range(len(good) - 1024, len(good) - 512):
        assert len(good) - 1024 <= fault(flip(good, at)).offset < len(good) - 512
    for at in range(len(good) - 512, len(good)):
        seen = fault(flip(good, at))
        assert (seen.offset, "two zero blocks" in str(seen)) == (at, True)


def test_a_truncated_tar_is_an_error_at_its_end() -> None:
    good, placed = slow_tar(ITEMS)
    borders = {item.offset + at for item in placed for at in (-BLOCK, -1, 0, 1, item.length)}
    for at in sorted({*borders, *range(0, len(good), 97), len(good) - 1, len(good) - BLOCK}):
        seen = fault(good[:at])
        assert seen.offset == at, at


@pytest.mark.parametrize("more", [b"\0", b"x", bytes(BLOCK), bytes(10 * BLOCK), b"PK\x03\x04"])
def test_bytes_after_the_end_are_an_error(more: bytes) -> None:
    good, _ = slow_tar(ITEMS)
    seen = fault(good + more)
    assert (seen.offset, "after its end" in str(seen)) == (len(good), True)
    assert fault(good + good).offset == len(good)


def test_zeroed_members_are_errors_and_zeroed_data_changes_the_digest() -> None:
    good, placed = slow_tar(ITEMS)
    for first, member in enumerate(placed):
        start = member.offset - BLOCK
        for end in [item.offset - BLOCK for item in placed[first + 1 :]] + [start + BLOCK]:
            seen = fault(good[:start] + bytes(end - start) + good[end:])
            assert start <= seen.offset < len(good)
        if member.length:
            stop = member.offset + member.length
            hole = good[: member.offset] + bytes(member.length) + good[stop:]
            assert [one for one in read(hole) if one not in placed] == [
                Member(
                    member.name,
                    member.offset,
                    member.length,
                    hashlib.sha256(bytes(member.length)).hexdigest(),
                )
            ]


def test_swapped_and_missing_members_are_detected() -> None:
    placed = slow_tar(ITEMS)[1]
    changed = [[ITEMS[0], ITEMS[2], ITEMS[1], *ITEMS[3:]], [*ITEMS[3:], *ITEMS[:3]], ITEMS[:3], []]
    for items in changed:
        found = read(slow_tar(items)[0])
        assert [item.name for item in found] == [name for name, _ in items]
        assert found != placed
    # Swapped data of two members of the same length: the names stay the same.
    both = slow_tar([("a.txt", b"one"), ("b.txt", b"two")])
    other = read(slow_tar([("a.txt", b"two"), ("b.txt", b"one")])[0])
    assert [item.name for item in other] == [item.name for item in both[1]] and other != both[1]


def test_members_before_a_fault_are_read() -> None:
    good, placed = slow_tar(ITEMS)
    found = []
    with pytest.raises(TarError, match="magic"):
        for member in read_members(io.BytesIO(flip(good, placed[4].offset - BLOCK + 257))):
            found.append(member)
    assert found == placed[:4]


@pytest.mark.parametrize("size", [b"-0000000001", b"0x000000001", b"0_000000001", b" 0000000001"])
def test_sizes_that_only_python_accepts_are_refused(size: bytes) -> None:
    block = bytearray(slow_header("a.txt", 1))
    block[124:135] = size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    fault(bytes(block) + b"x".ljust(BLOCK, b"\0") + bytes(2 * BLOCK))


@pytest.mark.parametrize("format_", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_tars_of_other_writers_are_refused(format_: int) -> None:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=format_) as tar:
        item = tarfile.TarInfo("a.jpg")
        item.size = 3
        tar.addfile(item, io.BytesIO(b"abc"))
    fault(sink.getvalue())


def test_an_abandoned_reader_ends_its_threads() -> None:
    data, placed = slow_tar([(f"{at}.jpg", bytes(500_000)) for at in range(20)])
    found = read_members(io.BytesIO(data))
    assert next(found) == placed[0]
    found.close()  # type: ignore[attr-defined]


def test_an_error_of_the_source_is_raised() -> None:
    class Broken(Trickle):
        def readinto(self, buffer: Any) -> int:
            if self.source.tell() > 3_000_000:
                raise OSError("the network is gone")
            return super().readinto(buffer)

    data, placed = slow_tar([(f"{at}.jpg", bytes(500_000)) for at in range(20)])
    found = []
    with pytest.raises(OSError, match="network is gone"):
        for member in read_members(cast(BinaryIO, Broken(data, 100_000))):
            found.append(member)
    assert found == placed[: len(found)]


def test_an_endless_source_is_read_until_it_fails() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            view = memoryview(buffer)
            if self.given == 0:
                view[:BLOCK] = slow_header("a.mp4", 8**11 - 1)
                self.given = BLOCK
                return BLOCK
            self.given += len(view)
            if self.given > 64 * 2**20:
                raise OSError("enough")
            return len(view)

    source = Endless()
    with pytest.raises(OSError, match="enough"):
        list(read_members(cast(BinaryIO, source)))
