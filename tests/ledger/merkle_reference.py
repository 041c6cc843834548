"""Reference roots and proofs, written literally as RFC 6962 defines them: slow and obvious."""

from __future__ import annotations

import hashlib


def mth(data: list[bytes]) -> bytes:
    """Returns the root of a tree, as defined in RFC 6962, section 2.1."""
    if not data:
        return hashlib.sha256().digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = 1
    while 2 * k < len(data):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(data[:k]) + mth(data[k:])).digest()


def path(m: int, data: list[bytes]) -> list[bytes]:
    """Returns the inclusion proof of leaf `m`, as defined in RFC 6962, section 2.1.1."""
    if len(data) == 1:
        return []
    k = 1
    while 2 * k < len(data):
        k *= 2
    if m < k:
        return [*path(m, data[:k]), mth(data[k:])]
    return [*path(m - k, data[k:]), mth(data[:k])]


def subproof(m: int, data: list[bytes], known: bool = True) -> list[bytes]:
    """Returns a consistency proof from size `m`, as defined in RFC 6962, section 2.1.2."""
    if m == len(data):
        return [] if known else [mth(data)]
    k = 1
    while 2 * k < len(data):
        k *= 2
    if m <= k:
        return [*subproof(m, data[:k], known), mth(data[k:])]
    return [*subproof(m - k, data[k:], False), mth(data[:k])]
