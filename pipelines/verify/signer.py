"""The key that signed a delivery, and whether the reader already trusts it.

A delivery contains its signer's key, so a valid signature shows only that key and delivery belong
together. To know who made it, the reader needs the key from the agency by a separate channel: a
*pinned* key.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.ledger.ed25519 import DEMONSTRATION_KEY_NAME, NOTE_KEY, parse_vkey
from schemas.errors import InputError


@dataclass(frozen=True)
class SignedBy:
    """The key that signed a delivery's manifest; its signature is valid.

    Attributes:
        vkey: The whole verifier key.
        name: The key's name.
        key_id: The key's id, 8 hex digits.
        fingerprint: SHA-256 of the verifier key's text, hex.
        pinned: Whether it is one of the keys that the reader gave.
        demonstration: Whether it is the demo's key, which anyone can compute.
    """

    vkey: str
    name: str
    key_id: str
    fingerprint: str
    pinned: bool
    demonstration: bool

    @property
    def accepted(self) -> bool:
        """Whether a verification may succeed without the reader accepting an unknown key."""
        return self.pinned or self.demonstration


def signed_by(vkey: str, pinned: tuple[str, ...] | None) -> SignedBy:
    """Returns information about the key that signed a manifest.

    Args:
        vkey: The key of a manifest whose signature is valid.
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


def read_pinned_keys(given: Sequence[str], kind: bytes = NOTE_KEY) -> tuple[str, ...] | None:
    """Returns the verifier keys that a reader pins; None if none were given.

    Args:
        given: Verifier keys, or paths of files with one key per line, such as the agency's old and
            new key. Empty lines and lines that begin with `#` are skipped.
        kind: `COSIGNATURE_KEY` for the keys of witnesses.

    Raises:
        InputError: If a file cannot be read or holds no key, or a key is malformed.
    """
    if not given:
        return None
    return tuple(key for text in given for key in _keys_in(text, kind))


def _keys_in(text: str, kind: bytes) -> list[str]:
    with suppress(InputError):
        return [parse_vkey(text, kind).vkey]
    try:
        content = Path(text).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        if "+" in text:
            return [
                parse_vkey(text, kind).vkey
            ]  # raises an error that says what is wrong with the key
        raise InputError(
            "The verifier key cannot be read", text, "Give the key itself or a file with it."
        ) from error
    lines = [line.strip() for line in content.splitlines()]
    keys = [parse_vkey(line, kind).vkey for line in lines if line and not line.startswith("#")]
    if not keys:
        raise InputError("The file holds no verifier key", text, "Write one per line.")
    return keys
