"""A store that knows the digests of what was written through it, so that no one reads it again."""

from __future__ import annotations

import hashlib
import threading

from pipelines.storage.store import ObjectInfo, Store


class NotedStore:
    """A store, and the digests of the objects that `write_bytes` wrote to it.

    Args:
        store: The store, to which everything else is passed on.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._digests: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def write_bytes(self, key: str, data: bytes, *, private: bool = False) -> None:
        """See `Store.write_bytes`."""
        self._store.write_bytes(key, data, private=private)
        if self._store.is_remote:
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            with self._lock:
                self._digests[key] = md5, hashlib.sha256(data).hexdigest()

    def sha256_of(self, listed: ObjectInfo) -> str:
        """Returns the digest of an object that was written, or "" if that may not be what is there.

        The service compared the bytes that it got with their sha256, and lists the object under an
        ETag. If that is their MD5, it has these bytes. Other services have other ETags: their
        objects must be read.

        Args:
            listed: The object in a listing that was made after it was written.
        """
        md5, sha256 = self._digests.get(listed.key, ("", ""))
        # A marker ends in the time and the size. What is left is the whole ETag: that of an object
        # of several parts is the MD5 of their MD5s, a dash and their number.
        etag = listed.marker.rsplit("-", 2)[0].strip('"')
        return sha256 if md5 and etag == md5 else ""
