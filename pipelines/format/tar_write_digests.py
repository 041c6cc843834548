"""Computes the digests of the members of a tar in a thread while the tar is written.

Pieces are passed in batches, because each batch costs two thread switches and a further piece
almost nothing.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from pipelines.format.background import BackgroundWorker

BATCH_BYTES = 1 << 20
BATCH_PIECES = 1024  # the cost of tiny pieces is not in their bytes
QUEUE_DEPTH = 4  # waiting batches; limits the memory


class Hash(Protocol):
    """A digest object of hashlib."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Adds more bytes."""

    def hexdigest(self) -> str:
        """Returns the digest of the bytes added, hex."""


class MemberDigests:
    """Computes the sha256 of each member.

    Attributes:
        hex_digests: Digests of the finished members, in order, hex.
    """

    def __init__(self) -> None:
        self.hex_digests: list[str] = []
        self._digest: Hash | None = None
        self._batch: list[bytes | None] = []  # None ends a member
        self._bytes = 0
        self._worker: BackgroundWorker[list[bytes | None]] = BackgroundWorker(
            self._digest_batch, QUEUE_DEPTH
        )

    def update(self, data: bytes) -> None:
        """Adds bytes of a member, which must not change afterwards."""
        self._batch.append(data)
        self._bytes += len(data)
        if self._bytes >= BATCH_BYTES or len(self._batch) >= BATCH_PIECES:
            self._submit_batch()

    def end(self) -> None:
        """Ends a member."""
        self._batch.append(None)

    def finish(self) -> None:
        """Waits until all bytes are hashed, and ends the thread."""
        self._submit_batch()
        self._worker.finish()

    def stop(self) -> None:
        """Ends the thread without finishing the work. Raises nothing."""
        self._worker.stop()

    def _submit_batch(self) -> None:
        if self._batch:
            batch, self._batch, self._bytes = self._batch, [], 0
            self._worker.submit(batch)

    def _digest_batch(self, batch: list[bytes | None]) -> None:
        for piece in batch:
            if piece is None:
                self.hex_digests.append((self._digest or hashlib.sha256()).hexdigest())
                self._digest = None
            elif self._digest is None:
                self._digest = hashlib.sha256(piece)
            else:
                self._digest.update(piece)
