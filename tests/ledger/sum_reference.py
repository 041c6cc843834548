"""A slow sum tree written from its definition: recursive, and with nothing of the product's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

Pair = tuple[int, bytes]


def slow_leaf(minor: int, data: bytes) -> Pair:
    return minor, hashlib.sha256(b"\0" + minor.to_bytes(8, "big") + data).digest()


def slow_root(leaves: Sequence[Pair]) -> Pair:
    if len(leaves) == 1:
        return leaves[0]
    (one, first), (two, second) = map(slow_root, _halves(leaves))
    text = b"\1" + one.to_bytes(8, "big") + first + two.to_bytes(8, "big") + second
    return one + two, hashlib.sha256(text).digest()


def slow_path(index: int, leaves: Sequence[Pair]) -> list[Pair]:
    if len(leaves) == 1:
        return []
    left, right = _halves(leaves)
    if index < len(left):
        return [*slow_path(index, left), slow_root(right)]
    return [*slow_path(index - len(left), right), slow_root(left)]


def _halves(leaves: Sequence[Pair]) -> tuple[Sequence[Pair], Sequence[Pair]]:
    """Splits at the largest power of two below the number of leaves, as RFC 6962 does."""
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return leaves[:middle], leaves[middle:]
