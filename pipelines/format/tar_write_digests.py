"""Computes the digests of the members of a tar in a thread while the tar is written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

from pipelines.format.background import BackgroundWorker

QUEUE_DEPTH = 4  # waiting batches; limits the memory

#: Pieces of members, in order; None ends a member.
MemberPieces = Sequence[bytes | memoryview | None]


class Hash(Protocol):
    """A digest object of hashlib."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Adds more bytes."""

    def hexdigest(self) -> str:
        """Returns the digest of the bytes added, hex."""


class MemberDigests(BackgroundWorker[MemberPieces]):
    """Computes the sha256 of each member from batches of pieces.

    Pieces must not change until their batch is done. They come in batches, because each batch costs
    two thread switches and a further piece almost nothing.

    Attributes:
        hex_digests: Digests of the finished members, in order, hex.
    """

    def __init__(self) -> None:
        super().__init__(self._digest_pieces, QUEUE_DEPTH)
        self.hex_digests: list[str] = []
        self._digest: Hash | None = None

    def _digest_pieces(self, pieces: MemberPieces) -> None:
        for piece in pieces:
            if piece is None:
                self.hex_digests.append((self._digest or hashlib.sha256()).hexdigest())
                self._digest = None
            elif self._digest is None:
                self._digest = hashlib.sha256(piece)
            else:
                self._digest.update(piece)
