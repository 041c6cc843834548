"""Reads a tar ahead, and computes the digests of its members in threads."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from pipelines.format.background import BackgroundWorker
from pipelines.format.tar_parser import ParsedMember, Piece, TarError
from pipelines.format.tar_read_digests import SMALL_BYTES, BatchHasher, ReadBatch, hash_piece

_READ_BYTES = 1 << 20  # whole blocks, so that no header is ever split
_READS_AHEAD = 3  # reads whose digests are pending; bounds the memory


def _fill_buffer(source: BinaryIO, buffer: memoryview) -> memoryview:
    """Reads until the buffer is full or the source ends, since raw streams may return less."""
    read_into: Callable[[memoryview], int | None] | None = getattr(source, "readinto", None)
    got = 0
    while got < len(buffer):
        rest = buffer[got:]
        if read_into is not None:
            count = read_into(rest)
            if count is None:
                raise BlockingIOError("a tar cannot be read from a non-blocking source")
        else:
            data = source.read(len(rest))
            count = len(data)
            rest[:count] = data
        if not count:
            break
        got += count
    return buffer[:got]


class PieceParser(Protocol):
    """Splits the data of a tar into pieces of members."""

    def feed(self, view: memoryview, /) -> Iterator[Piece]:
        """Parses the next data, which is whole blocks; only the last may have any length.

        Raises:
            TarError: If reading cannot continue.
        """


class HashingTarReader:
    """Reads a tar ahead and computes digests in threads, which end with its `with` block.

    Args:
        parser: Finds the members.
        hash_tar: Whether to compute the digest of the tar itself too, in its own thread.

    Attributes:
        fault: The error that ended the reading, or None.
        sha256: Digest of all bytes read, hex, set at the end of `members`; empty if not requested.
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
        # The buffers are reused, because allocating memory takes as long as reading into it.
        self._buffers = [memoryview(bytearray(_READ_BYTES)) for _ in range(_READS_AHEAD)]

    def __enter__(self) -> HashingTarReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._hasher.stop()
        if self._tar_worker is not None:
            self._tar_worker.stop()

    def members(self, source: BinaryIO) -> Iterator[ParsedMember]:
        """Reads to the end or the first fault, and yields the complete members in order."""
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
        """Parses one read, and submits the pieces before any fault for hashing."""
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
