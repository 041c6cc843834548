"""Reading tars strictly: only what `TarWriter` writes is a tar here.

The readers in use take a tar that was cut between members, or has a hole of zeros, for a shorter
one. Here that is an error, and it names the byte at fault.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from pipelines.format.background import BackgroundWorker
from pipelines.format.tar import BLOCK, Member, header
from pipelines.format.tar_parser import ParsedMember, Piece, TarError, TarParser, first_difference
from pipelines.format.tar_read_digests import SMALL_BYTES, BatchHasher, ReadBatch, hash_piece

_READ_BYTES = 1 << 20  # whole blocks, so that no header is ever split
_READS_AHEAD = 3  # reads whose digests are awaited: what bounds the memory


def read_members(source: BinaryIO) -> Iterator[Member]:
    """Checks a tar and the digest of every member, in bounded memory.

    Reads ahead, and computes digests in a thread beside the caller's, which helps; the thread ends
    with the iterator. The members before a fault come out before its error.

    Args:
        source: The tar, from where it stands; it is read once, forwards.

    Raises:
        TarError: If it is cut, goes on after its end, or any header or padding is not ours.
    """
    parser = TarParser()
    with HashingTarReader(parser) as reader:
        for member in reader.members(source):
            yield Member(member.name, member.offset, member.length, member.sha256)
        if reader.fault is not None:
            raise reader.fault
        parser.end()


def read_member(source: BinaryIO, member: Member) -> bytes:
    """One member's data from where it lies, without the rest of the tar.

    Args:
        source: The tar, seekable.
        member: Where it lies; its digest is checked if it has one.

    Raises:
        TarError: If header, data or padding there are not this member's.
    """
    start, padding = member.offset - BLOCK, -member.length % BLOCK
    source.seek(start)
    expected = header(member.name, member.length)
    found = _read(source, BLOCK)
    if found != expected:
        at = start + first_difference(found, expected)
        raise TarError(f"not the header of {member.name}, at byte {at}", at)
    data = _read(source, member.length)
    end = member.offset + len(data)
    if len(data) != member.length:
        raise TarError(f"cut within {member.name}, at byte {end}", end)
    zeros = _read(source, padding)
    if zeros != bytes(padding):
        at = end + first_difference(zeros, bytes(padding))
        raise TarError(f"the padding of {member.name} is cut or not zero, at byte {at}", at)
    if member.sha256 and hashlib.sha256(data).hexdigest() != member.sha256:
        detail = f"the data of {member.name} are not those of its sha256, at byte {member.offset}"
        raise TarError(detail, member.offset)
    return data


def _fill_buffer(source: BinaryIO, buffer: memoryview) -> memoryview:
    """Reads until the buffer is full or nothing is left: a raw stream may give few at a time."""
    read_into: Callable[[memoryview], int | None] | None = getattr(source, "readinto", None)
    got = 0
    while got < len(buffer):
        rest = buffer[got:]
        if read_into is not None:
            count = read_into(rest)
            if count is None:
                raise BlockingIOError("a source that does not wait is no source of a tar")
        else:
            data = source.read(len(rest))
            count = len(data)
            rest[:count] = data
        if not count:
            break
        got += count
    return buffer[:got]


def _read(source: BinaryIO, size: int) -> bytes:
    """So many bytes, fewer only at the end."""
    return bytes(_fill_buffer(source, memoryview(bytearray(size))))


class PieceParser(Protocol):
    """Makes pieces of members of the pieces that a tar is read in."""

    def feed(self, view: memoryview, /) -> Iterator[Piece]:
        """Takes the next piece, of whole blocks; only the last may be of any length.

        Raises:
            TarError: If the reading must end here.
        """


class HashingTarReader:
    """Reads a tar ahead, with digests in threads beside; leave its `with` block to end them.

    Args:
        parser: Finds the members.
        hash_tar: Whether the digest of the tar itself is computed as well, in a thread of its own.

    Attributes:
        fault: What ended the reading, if anything did.
        sha256: Digest of what was read, hex, after the last part; empty if it was not asked for.
    """

    def __init__(self, parser: PieceParser, *, hash_tar: bool = False) -> None:
        self.fault: TarError | None = None
        self.sha256 = ""
        self._parser = parser
        self._hasher = BatchHasher()
        self._batches: deque[tuple[ReadBatch, int]] = deque()
        self._digest = hashlib.sha256() if hash_tar else None
        self._tar_worker = (
            BackgroundWorker(self._digest.update, _READS_AHEAD)
            if self._digest is not None
            else None
        )
        # Kept, since fresh memory costs as much as reading into it.
        self._buffers = [memoryview(bytearray(_READ_BYTES)) for _ in range(_READS_AHEAD)]

    def __enter__(self) -> HashingTarReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._hasher.stop()
        if self._tar_worker is not None:
            self._tar_worker.stop()

    def members(self, source: BinaryIO) -> Iterator[ParsedMember]:
        """Reads to the end, or to a fault, and yields the members that came whole, in order."""
        while self.fault is None and (data := _fill_buffer(source, self._buffers[-1])):
            self._submit_read(data)
            if len(self._batches) == _READS_AHEAD:
                yield from self._finish_oldest()
        while self._batches:
            yield from self._finish_oldest()
        if self._tar_worker is not None and self._digest is not None:
            self._tar_worker.finish()
            self.sha256 = self._digest.hexdigest()

    def _submit_read(self, data: memoryview) -> None:
        """Takes one read and has digested what was found before any fault."""
        batch = ReadBatch(self._buffers.pop())
        number = self._tar_worker.submit(data) if self._tar_worker is not None else 0
        whole, ended = batch.whole, batch.ended
        try:
            for piece in self._parser.feed(data):
                member, found, last = piece
                if last:
                    ended.append(member)
                if len(found) != member.length:
                    (batch.tail if not last else batch.head).append(piece)
                elif member.length < SMALL_BYTES:
                    hash_piece(piece)
                else:
                    whole.append(piece)
        except TarError as error:
            self.fault = error
        self._batches.append((batch, number))
        self._hasher.submit(batch)

    def _finish_oldest(self) -> Iterator[ParsedMember]:
        """Waits for the oldest read's digests and yields its members."""
        batch, number = self._batches.popleft()
        self._hasher.finish(batch, (later for later, _ in self._batches))
        if self._tar_worker is not None:
            self._tar_worker.wait(number)
        self._buffers.append(batch.buffer)
        yield from batch.ended
