"""Computes the digests of the members of a tar while it is read, in two threads.

Hashing large members releases Python's global lock. The reading thread takes part while it waits,
so that two cores are busy and no third thread competes for them.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Iterable
from queue import SimpleQueue

from pipelines.format.tar_parser import ParsedMember, Piece

SMALL_BYTES = 2048  # below this size hashlib keeps the lock, so the reader hashes them itself


class ReadBatch:
    """The pieces of members parsed from one read.

    Attributes:
        buffer: The buffer with its bytes.
        head: The piece of a member that began in an earlier read and ends in this one.
        whole: Members that are completely in this read; either thread takes the next one.
        tail: The piece of a member that continues in the next read.
        ended: The members that end in this read, in order.
        done: Receives the thread's error, or None, once the thread has done its share.
    """

    __slots__ = ("buffer", "done", "ended", "head", "tail", "whole")

    def __init__(self, buffer: memoryview) -> None:
        self.buffer = buffer
        self.head: list[Piece] = []
        self.whole: deque[Piece] = deque()
        self.tail: list[Piece] = []
        self.ended: list[ParsedMember] = []
        self.done: SimpleQueue[BaseException | None] = SimpleQueue()


class BatchHasher:
    """Computes the digests of batches in a thread, which starts with the first batch.

    The caller must end it with `stop`.
    """

    def __init__(self) -> None:
        self._batches: SimpleQueue[ReadBatch | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def submit(self, batch: ReadBatch) -> None:
        """Queues a batch; the caller limits how many wait."""
        self._batches.put(batch)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="digests", daemon=True)
            self._thread.start()

    def finish(self, batch: ReadBatch, later: Iterable[ReadBatch] = ()) -> None:
        """Helps with a batch and waits until it is done. Raises the thread's error, if any.

        Args:
            batch: The oldest batch that was submitted but not finished.
            later: Batches submitted after it, to help with while the thread finishes `batch`.
        """
        self._hash_all(batch.whole)
        for other in later:
            while other.whole and batch.done.empty():
                self._hash_next(other.whole)
        error = batch.done.get()
        if error is not None:
            raise error

    def stop(self) -> None:
        """Ends the thread and drops waiting batches. Raises nothing, and may be called again."""
        self._stopped = True
        self._batches.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None and not self._stopped:
            error: BaseException | None = None
            try:
                # Only this thread hashes members that span several reads, piece by piece in order.
                for piece in batch.head:
                    hash_piece(piece)
                self._hash_all(batch.whole)
                for piece in batch.tail:
                    hash_piece(piece)
            except BaseException as found:  # raised again in the calling thread
                error = found
            batch.done.put(error)

    def _hash_all(self, whole: deque[Piece]) -> None:
        """Hashes the members that the other thread has not taken yet."""
        while whole and not self._stopped:
            self._hash_next(whole)

    def _hash_next(self, whole: deque[Piece]) -> None:
        try:
            piece = whole.popleft()
        except IndexError:  # the other thread was faster
            return
        hash_piece(piece)


def hash_piece(piece: Piece) -> None:
    """Hashes the next piece of a member; the last piece sets the member's digest."""
    member, data, last = piece
    digest = member.digest
    if digest is None:
        digest = hashlib.sha256(data)
    else:
        digest.update(data)
    if last:
        member.sha256 = digest.hexdigest()
        member.digest = None
    else:
        member.digest = digest
