"""Digests of the members of a tar that is being read, by two threads that share the work.

Digests of large members release Python's lock. The thread that reads takes part while it waits, so
that two cores are busy and no third thread competes for them.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Iterable
from queue import SimpleQueue

from pipelines.format.tar_parser import ParsedMember, Piece

SMALL_BYTES = 2048  # hashlib keeps the lock below this: such members are digested on the spot


class ReadBatch:
    """What was parsed of one read.

    Attributes:
        buffer: Where its bytes are.
        head: The piece of a member that began in an earlier read and ends here.
        whole: Members that lie in this read: either thread takes the next.
        tail: The piece of a member that goes on in the next read.
        ended: The members that end here, in order.
        done: Told once the thread has done its share: its error, or None.
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
    """Fills in the digests of batches, in a thread that starts with the first.

    Whoever makes one must end it with `stop`.
    """

    def __init__(self) -> None:
        self._batches: SimpleQueue[ReadBatch | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def submit(self, batch: ReadBatch) -> None:
        """Queues a batch; the caller bounds how many wait."""
        self._batches.put(batch)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="digests", daemon=True)
            self._thread.start()

    def finish(self, batch: ReadBatch, later: Iterable[ReadBatch] = ()) -> None:
        """Helps with a batch and waits until it is done; an error of the thread comes out here.

        Args:
            batch: The oldest that was given and not finished.
            later: Those given after it, to help with while the thread does the last of `batch`.
        """
        self._hash_all(batch.whole)
        for other in later:
            while other.whole and batch.done.empty():
                self._hash_next(other.whole)
        error = batch.done.get()
        if error is not None:
            raise error

    def stop(self) -> None:
        """Ends the thread; what waits is dropped. Raises nothing, and may be called again."""
        self._stopped = True
        self._batches.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None and not self._stopped:
            error: BaseException | None = None
            try:
                # The pieces of a member that lies across reads come to this thread alone, in order.
                for piece in batch.head:
                    hash_piece(piece)
                self._hash_all(batch.whole)
                for piece in batch.tail:
                    hash_piece(piece)
            except BaseException as found:  # it is raised again where somebody waits
                error = found
            batch.done.put(error)

    def _hash_all(self, whole: deque[Piece]) -> None:
        """Digests what the other thread has not taken yet."""
        while whole and not self._stopped:
            self._hash_next(whole)

    def _hash_next(self, whole: deque[Piece]) -> None:
        try:
            piece = whole.popleft()
        except IndexError:  # the other thread was faster
            return
        hash_piece(piece)


def hash_piece(piece: Piece) -> None:
    """Digests the next piece of a member; the last gives its part the digest."""
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
