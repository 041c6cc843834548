"""Anchors in time: an outside party's word that a checkpoint existed by then.

One kind exists, an RFC 3161 timestamp (`pipelines.ledger.timestamp`). Another one needs the two
methods of `Anchor`; commands take it from `pipelines.accounts.anchors`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.errors import RunError


class AnchorError(RunError):
    """Raised when evidence does not show that a checkpoint existed at a time."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """What evidence shows.

    Attributes:
        at: The checkpoint existed by then.
        by: Who says so.
    """

    at: datetime
    by: str


class Anchor(Protocol):
    """An outside party that says when a checkpoint existed.

    Attributes:
        suffix: How the names of its files end, with the dot.
    """

    suffix: str

    def obtain(self, checkpoint: bytes) -> bytes:
        """Returns the party's evidence about a checkpoint; this may use the network."""
        ...

    def check(self, checkpoint: bytes, evidence: bytes) -> Anchored:
        """Checks evidence about a checkpoint, offline.

        Raises:
            AnchorError: If it is not about this checkpoint, or the party is not trusted.
        """
        ...
