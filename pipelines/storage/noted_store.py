"""A store that knows the digests of what was written through it, so that no one reads it again."""

from __future__ import annotations

import builtins
import hashlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from pipelines.storage.store import ObjectInfo, Sink, Store, Stray, UnfinishedWrite

# A larger object may have been sent in parts, and no ETag of such an object is an MD5.
_MD5_BYTES = 16 << 20


@dataclass(frozen=True)
class Written:
    """What was written to an object.

    Attributes:
        size_bytes: Its length.
        sha256: Its digest, in hex.
        md5: Its MD5 in hex, which is the ETag that many services give it; "" if it may have none.
    """

    size_bytes: int
    sha256: str
    md5: str


class NotedStore:
    """A `Store`, and the digests of the objects that were written through it.

    Every method does what the store's own does. It is no subclass of the protocol, whose bodies
    would stand for a method that is forgotten here; the type checker would name it.

    Args:
        store: The store.
        folder: Only objects below this prefix are noted; "" means all.

    Attributes:
        written: What was written last to each object, by key.
    """

    def __init__(self, store: Store, folder: str = "") -> None:
        self.written: dict[str, Written] = {}
        self._store = store
        self._start = f"{folder}/" if folder else ""
        self._lock = threading.Lock()

    @property
    def uri(self) -> str:
        """See `Store.uri`."""
        return self._store.uri

    @property
    def is_remote(self) -> bool:
        """See `Store.is_remote`."""
        return self._store.is_remote

    @property
    def requests_at_once(self) -> int:
        """See `Store.requests_at_once`."""
        return self._store.requests_at_once

    @property
    def settle_s(self) -> float:
        """See `Store.settle_s`."""
        return self._store.settle_s

    def now_s(self) -> float:
        """See `Store.now_s`."""
        return self._store.now_s()

    def read_bytes(self, key: str) -> bytes:
        """See `Store.read_bytes`."""
        return self._store.read_bytes(key)

    def open_read(self, key: str) -> BinaryIO:
        """See `Store.open_read`."""
        return self._store.open_read(key)

    def read_range(self, key: str, start: int, size: int) -> bytes:
        """See `Store.read_range`."""
        return self._store.read_range(key, start, size)

    def exists(self, key: str) -> bool:
        """See `Store.exists`."""
        return self._store.exists(key)

    def size(self, key: str) -> int:
        """See `Store.size`."""
        return self._store.size(key)

    def stat(self, key: str) -> ObjectInfo:
        """See `Store.stat`."""
        return self._store.stat(key)

    def list(self, prefix: str = "") -> builtins.list[ObjectInfo]:
        """See `Store.list`."""
        return self._store.list(prefix)

    def folders(self, prefix: str = "") -> builtins.list[str]:
        """See `Store.folders`."""
        return self._store.folders(prefix)

    def strays(self, prefix: str = "") -> builtins.list[Stray]:
        """See `Store.strays`."""
        return self._store.strays(prefix)

    def remove_stray(self, stray: Stray) -> None:
        """See `Store.remove_stray`."""
        self._store.remove_stray(stray)

    def write_bytes(self, key: str, data: bytes, *, private: bool = False) -> None:
        """See `Store.write_bytes`."""
        self._store.write_bytes(key, data, private=private)
        if key.startswith(self._start):
            digests = _Digests(self._store.is_remote)
            digests.add(data)
            self._note(key, digests)

    def open_write(self, key: str, *, private: bool = False) -> AbstractContextManager[Sink]:
        """See `Store.open_write`."""
        opened = self._store.open_write(key, private=private)
        return self._noting(key, opened) if key.startswith(self._start) else opened

    @contextmanager
    def _noting(self, key: str, opened: AbstractContextManager[Sink]) -> Iterator[Sink]:
        with opened as sink:
            noting = _NotingSink(sink, _Digests(self._store.is_remote))
            yield noting
        self._note(key, noting.digests)

    def _note(self, key: str, digests: _Digests) -> None:
        with self._lock:
            self.written[key] = digests.written()

    def write_new(self, key: str, data: bytes, *, private: bool = False) -> bool:
        """See `Store.write_new`."""
        return self._store.write_new(key, data, private=private)

    def copy(self, names: Iterable[tuple[str, str]]) -> None:
        """See `Store.copy`."""
        self._store.copy(names)

    def delete(self, key: str) -> None:
        """See `Store.delete`."""
        self._store.delete(key)

    def delete_many(self, keys: Iterable[str]) -> None:
        """See `Store.delete_many`."""
        self._store.delete_many(keys)

    def delete_prefix(self, prefix: str) -> None:
        """See `Store.delete_prefix`."""
        self._store.delete_prefix(prefix)

    def unfinished_writes(self, prefix: str = "") -> builtins.list[UnfinishedWrite]:
        """See `Store.unfinished_writes`."""
        return self._store.unfinished_writes(prefix)

    def discard(self, unfinished: UnfinishedWrite) -> None:
        """See `Store.discard`."""
        self._store.discard(unfinished)

    def discard_unfinished(self, prefix: str) -> None:
        """See `Store.discard_unfinished`."""
        self._store.discard_unfinished(prefix)

    def ensure_writable(self) -> None:
        """See `Store.ensure_writable`."""
        self._store.ensure_writable()

    def sha256_of(self, listed: ObjectInfo) -> str:
        """Returns the digest of an object that was written, or "" if that may not be what is there.

        The service compared the bytes that it got with their sha256, and lists the object under an
        ETag. If that is their MD5, it has these bytes. Other services have other ETags: their
        objects must be read.

        Args:
            listed: The object in a listing that was made after it was written.
        """
        written = self.written.get(listed.key)
        if written is None or not written.md5 or listed.size_bytes != written.size_bytes:
            return ""
        # A marker ends in the time and the size. What is left is the whole ETag: that of an object
        # of several parts is the MD5 of their MD5s, a dash and their number.
        etag = listed.marker.rsplit("-", 2)[0].strip('"')
        return written.sha256 if etag == written.md5 else ""


class _Digests:
    """The digests of the bytes that are added."""

    def __init__(self, with_md5: bool) -> None:
        self._with_md5 = with_md5
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._bytes = 0

    def add(self, data: bytes | bytearray | memoryview) -> None:
        self._bytes += memoryview(data).nbytes
        self._sha256.update(data)
        self._with_md5 = self._with_md5 and self._bytes <= _MD5_BYTES
        if self._with_md5:
            self._md5.update(data)

    def written(self) -> Written:
        md5 = self._md5.hexdigest() if self._with_md5 else ""
        return Written(self._bytes, self._sha256.hexdigest(), md5)


class _NotingSink:
    """A sink that passes everything on."""

    def __init__(self, sink: Sink, digests: _Digests) -> None:
        self._sink = sink
        self.digests = digests

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """See `Sink.write`."""
        self.digests.add(data)
        return self._sink.write(data)

    def writev(self, pieces: Sequence[bytes | memoryview]) -> None:
        """See `Sink.writev`."""
        for piece in pieces:
            self.digests.add(piece)
        self._sink.writev(pieces)
