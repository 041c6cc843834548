"""Passes the bytes of a tar in batches to the threads that write and digest them.

Without a digest of the tar, batches consist of the pieces themselves, so that media in memory is
not copied. With one, every byte is read from memory several times, and each piece would need
Python's global lock again: pieces are copied, and files read, into buffers of 1 MiB, which fit the
processor's cache and are used again, as fresh memory costs a page fault every 4 KiB.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from pipelines.format.background import BackgroundWorker
from pipelines.format.tar_write_digests import QUEUE_DEPTH, Hash, MemberDigests

BATCH_BYTES = 1 << 20
_BATCH_PIECES = 1024  # the cost of tiny pieces is not in their bytes
_LARGE_PIECE_BYTES = 16 * 1024  # smaller pieces are joined before they are written
_WRITTEN_BYTES = 4 * BATCH_BYTES  # larger where nothing is digested, since switching takes time
_BUFFERS = QUEUE_DEPTH + 2  # those that wait, one at work, and the one that is filled

#: A piece of a tar.
Piece = bytes | memoryview
#: What a member may be given in.
Chunk = bytes | bytearray | memoryview
#: Reads into memory and returns how many bytes; 0 at the end.
ReadInto = Callable[[memoryview], int]


class Writable(Protocol):
    """A sink for tar bytes."""

    def write(self, data: Piece, /) -> int:
        """Writes some or all of the bytes, from the first on, and returns how many."""


@runtime_checkable
class VectoredWritable(Protocol):
    """A sink that takes many pieces in one call, without joining them."""

    def writev(self, pieces: Sequence[Piece], /) -> None:
        """Writes all of the pieces, in order."""


class Batches(Protocol):
    """Takes the bytes of a tar, in order."""

    def frame(self, pieces: Sequence[bytes], size: int) -> None:
        """Adds bytes that belong to no member: `size` of them, in small pieces."""

    def take(self, chunks: Iterable[Chunk]) -> int:
        """Adds bytes of a member and returns how many; a chunk may change afterwards."""

    def read(self, read_into: ReadInto) -> int:
        """Adds bytes of a member, read until the end, and returns how many."""

    def end_member(self) -> None:
        """Ends a member."""

    def finish(self) -> None:
        """Waits until all bytes are written and digested, and ends the threads."""

    def stop(self) -> None:
        """Ends the threads without finishing the work. Raises nothing."""


class Pieces:
    """Batches of the pieces themselves; see `Batches`.

    Args:
        sink: Receives the bytes.
        members: Digests the members, if that is wanted.
    """

    def __init__(self, sink: Writable, members: MemberDigests | None) -> None:
        self._small: list[bytes] = []  # small pieces, to be joined with the next ones
        self._small_bytes = 0
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._of_members: list[bytes | None] = []
        self._member_bytes = 0
        self._members = members
        self._writing = BackgroundWorker(writev_for(sink), QUEUE_DEPTH, "writing")

    def frame(self, pieces: Sequence[bytes], size: int) -> None:
        """See `Batches.frame`."""
        self._small += pieces
        self._small_bytes += size

    def take(self, chunks: Iterable[Chunk]) -> int:
        """See `Batches.take`."""
        received = 0
        for chunk in chunks:
            # Threads read the data later, so mutable data must be copied.
            piece = chunk if type(chunk) is bytes else bytes(chunk)
            size = len(piece)
            received += size
            if self._members is not None:
                self._of_members.append(piece)
                self._member_bytes += size
                if self._member_bytes >= BATCH_BYTES or len(self._of_members) >= _BATCH_PIECES:
                    self._submit_members(self._members)
            if size < _LARGE_PIECE_BYTES:
                self._small.append(piece)
                self._small_bytes += size
                if self._small_bytes >= _LARGE_PIECE_BYTES:
                    self._join_small()
            else:
                self._join_small()
                self._append(piece)
        return received

    def read(self, read_into: ReadInto) -> int:
        """See `Batches.read`."""
        return self.take(_chunks(read_into))

    def end_member(self) -> None:
        """See `Batches.end_member`."""
        if self._members is not None:
            self._of_members.append(None)

    def finish(self) -> None:
        """See `Batches.finish`."""
        self._join_small()
        self._submit()
        if self._members is not None:
            self._submit_members(self._members)
            self._members.finish()
        self._writing.finish()

    def stop(self) -> None:
        """See `Batches.stop`."""
        self._writing.stop()
        if self._members is not None:
            self._members.stop()

    def _join_small(self) -> None:
        if self._small:
            joined = b"".join(self._small)
            self._small.clear()
            self._small_bytes = 0
            self._append(joined)

    def _append(self, piece: bytes) -> None:
        self._batch.append(piece)
        self._batch_bytes += len(piece)
        if self._batch_bytes >= _WRITTEN_BYTES or len(self._batch) >= _BATCH_PIECES:
            self._submit()

    def _submit(self) -> None:
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        self._writing.submit(batch)

    def _submit_members(self, members: MemberDigests) -> None:
        if self._of_members:
            batch, self._of_members, self._member_bytes = self._of_members, [], 0
            members.submit(batch)


class Buffers:
    """Batches in buffers that are used again; see `Batches`.

    Args:
        sink: Receives the bytes.
        members: Digests the members, if that is wanted.
        digests: Digests of the whole tar.
    """

    def __init__(
        self, sink: Writable, members: MemberDigests | None, digests: Sequence[Hash]
    ) -> None:
        self._members = members
        # Writing gets each batch last, because the digests take longer if there are few cores.
        self._consumers: list[BackgroundWorker[Sequence[memoryview]]] = [
            *(BackgroundWorker(partial(_update, one), QUEUE_DEPTH) for one in digests),
            BackgroundWorker(writev_for(sink), QUEUE_DEPTH, "writing"),
        ]
        self._given: deque[tuple[memoryview, list[int], int]] = deque()
        self._buffer = memoryview(bytearray(BATCH_BYTES))
        self._at = 0
        self._of_members: list[memoryview | None] = []

    def frame(self, pieces: Sequence[bytes], size: int) -> None:
        """See `Batches.frame`."""
        self._put(memoryview(b"".join(pieces)))

    def take(self, chunks: Iterable[Chunk]) -> int:
        """See `Batches.take`."""
        received = 0
        for chunk in chunks:
            data = memoryview(chunk)
            received += data.nbytes
            self._put(data, of_member=True)
        return received

    def read(self, read_into: ReadInto) -> int:
        """See `Batches.read`."""
        received = 0
        while size := read_into(self._room()):
            self._advance(size, of_member=True)
            received += size
        return received

    def end_member(self) -> None:
        """See `Batches.end_member`."""
        self._of_members.append(None)

    def finish(self) -> None:
        """See `Batches.finish`."""
        self._submit()
        for consumer in self._consumers:
            consumer.finish()
        if self._members is not None:
            self._members.finish()

    def stop(self) -> None:
        """See `Batches.stop`."""
        for consumer in self._consumers:
            consumer.stop()
        if self._members is not None:
            self._members.stop()

    def _put(self, data: memoryview, of_member: bool = False) -> None:
        while size := len(data):
            room = self._room()
            if size > len(room):
                size = len(room)
            room[:size] = data[:size]
            self._advance(size, of_member)
            data = data[size:]

    def _room(self) -> memoryview:
        """Returns the free part of the buffer, which is not empty."""
        if self._at == BATCH_BYTES:
            self._submit()
            self._buffer = self._free_buffer()
        return self._buffer[self._at :]

    def _advance(self, size: int, of_member: bool) -> None:
        start = self._at
        self._at += size
        if of_member:
            self._of_members.append(self._buffer[start : self._at])

    def _submit(self) -> None:
        batch = [self._buffer[: self._at]]
        pieces, self._of_members, self._at = self._of_members, [], 0
        done = 0 if self._members is None else self._members.submit(pieces)
        numbers = [consumer.submit(batch) for consumer in self._consumers]
        self._given.append((self._buffer, numbers, done))

    def _free_buffer(self) -> memoryview:
        """Returns a buffer that no thread needs any more; a new one while there are few."""
        if len(self._given) < _BUFFERS:
            return memoryview(bytearray(BATCH_BYTES))
        buffer, numbers, done = self._given.popleft()
        for consumer, number in zip(self._consumers, numbers, strict=True):
            consumer.wait(number)
        if self._members is not None:
            self._members.wait(done)
        return buffer


def writev_for(sink: Writable) -> Callable[[Sequence[Piece]], None]:
    """Returns a function that writes pieces to a sink: the sink's own `writev` if it has one."""
    return sink.writev if isinstance(sink, VectoredWritable) else _write_one_by_one(sink)


def _write_one_by_one(sink: Writable) -> Callable[[Sequence[Piece]], None]:
    """Returns a `writev` for a sink that takes one piece per call, perhaps only a part of it."""

    def writev(pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            taken = sink.write(piece)
            rest = memoryview(piece)
            while taken < len(rest):
                if taken <= 0:
                    raise OSError("the sink accepts no more bytes")
                rest = rest[taken:]
                taken = sink.write(rest)

    return writev


def _update(digest: Hash, batch: Sequence[memoryview]) -> None:
    for piece in batch:
        digest.update(piece)


def _chunks(read_into: ReadInto) -> Iterator[bytes]:
    """Yields what is read, in new memory."""
    buffer = memoryview(bytearray(BATCH_BYTES))
    while size := read_into(buffer):
        yield bytes(buffer[:size])
