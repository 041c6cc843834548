"""Digests of objects in a store, computed from the bytes that it returns."""

from __future__ import annotations

import hashlib

from pipelines.storage.store import Store

_CHUNK_BYTES = 1 << 20


def object_sha256(store: Store, key: str) -> str:
    """Returns the sha256 of an object's bytes, in hex, using bounded memory."""
    return digest_and_size(store, key)[0]


def digest_and_size(store: Store, key: str) -> tuple[str, int]:
    """Returns an object's sha256 in hex, and its length in bytes, using bounded memory."""
    digest, size = hashlib.sha256(), 0
    with store.open_read(key) as source:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size
