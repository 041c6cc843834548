"""What the agency holds to write its log."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipelines.ledger.ed25519 import AgencyKey, Signer


@dataclass(frozen=True)
class LogKey:
    """The key of the log, and what belongs to it.

    Attributes:
        signer: The key that signs.
        salt: The agency's salt, from `agency_salt`, for a log that is begun; a log that exists
            keeps the salt that it was begun with.
        memory: File beside the signing key that remembers checkpoints; None to remember none.
        previous: The key that signed until now, if the key is new.
        secrets: The secrets of all available keys, from which the salts of deals are derived.
        earlier: All available earlier keys.
    """

    signer: Signer
    salt: bytes = field(repr=False)
    memory: Path | None = None
    previous: Signer | None = None
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    earlier: tuple[AgencyKey, ...] = ()
