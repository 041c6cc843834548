"""Who signed a delivery, and whether the reader had that key before they had the delivery.

A delivery carries its signer's key, so a valid signature shows only that the key and the delivery
belong together. Who made it is shown by a key that came from the agency by another way: a *pinned*
key.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.ledger.ed25519 import DEMONSTRATION_KEY_NAME, parse_vkey
from schemas.errors import InputError


@dataclass(frozen=True)
class SignedBy:
    """The key that signed a delivery's manifest; its signature is valid.

    Attributes:
        vkey: The whole verifier key; `name`: its name; `key_id`: its id, 8 hex digits.
        fingerprint: Sha256 of the verifier key's text, hex.
        pinned: Whether it is one of the keys that the reader gave.
        demonstration: Whether it is the demo's key, which anybody can work out.
    """

    vkey: str
    name: str
    key_id: str
    fingerprint: str
    pinned: bool
    demonstration: bool

    @property
    def accepted(self) -> bool:
        """Whether a check may end well without the reader's word for an unknown key."""
        return self.pinned or self.demonstration


def signed_by(vkey: str, pinned: tuple[str, ...] | None) -> SignedBy:
    """What is to be said of the key that signed.

    Args:
        vkey: The key, of a manifest whose signature is valid.
        pinned: The keys that the reader trusts, if any were given.
    """
    verifier = parse_vkey(vkey)
    return SignedBy(
        vkey=vkey,
        name=verifier.name,
        key_id=verifier.key_id.hex(),
        fingerprint=verifier.fingerprint,
        pinned=vkey in (pinned or ()),
        demonstration=verifier.name == DEMONSTRATION_KEY_NAME,
    )


def read_pinned_keys(given: Sequence[str]) -> tuple[str, ...] | None:
    """The verifier keys that a reader pins; None where nothing was given.

    Args:
        given: Verifier keys, or paths of files with one key a line. There, empty lines and lines
            that begin with `#` are skipped, so that the agency's old and new key stand together.

    Raises:
        InputError: If a file cannot be read or holds no key, or a key is malformed.
    """
    if not given:
        return None
    return tuple(key for text in given for key in _keys_in(text))


def _keys_in(text: str) -> list[str]:
    with suppress(InputError):
        return [parse_vkey(text).vkey]
    try:
        content = Path(text).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        if "+" in text:
            return [parse_vkey(text).vkey]  # which says what is wrong with the key
        raise InputError(
            "The verifier key cannot be read", text, "Give the key itself, or its file."
        ) from error
    lines = [line.strip() for line in content.splitlines()]
    keys = [parse_vkey(line).vkey for line in lines if line and not line.startswith("#")]
    if not keys:
        raise InputError("The file holds no verifier key", text, "Write one a line.")
    return keys
