"""Keeps files that were just read from a remote store, so that a second reader sends no request."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection

from pipelines.storage.store import Store


class RecentFiles:
    """Whole files by key, as many of the latest as fit; of a folder, none is kept.

    It is for files that do not change while it is used. Threads may share it.

    Args:
        max_bytes: How many bytes it keeps in all; a file of more than a quarter is not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._files: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, store: Store, key: str) -> bytes | None:
        """Returns a file that is kept, or None."""
        name = (store.uri, key)
        with self._lock:
            data = self._files.get(name)
            if data is not None:
                self._files.move_to_end(name)
            return data

    def keep(self, store: Store, key: str, data: bytes) -> None:
        """Keeps a file that was read, if the store is remote."""
        if not store.is_remote or not self.has_room([len(data)]):
            return
        name = (store.uri, key)
        with self._lock:
            self._bytes += len(data) - len(self._files.pop(name, b""))
            self._files[name] = data
            while self._bytes > self._max_bytes:
                self._bytes -= len(self._files.popitem(last=False)[1])

    def has_room(self, sizes: Collection[int]) -> bool:
        """Tells whether files of these lengths are kept together, and others beside them."""
        return sum(sizes) <= self._max_bytes // 4

    def read(self, store: Store, key: str) -> bytes:
        """Returns a file, read from the store unless it is kept."""
        data = self.get(store, key)
        if data is None:
            data = store.read_bytes(key)
            self.keep(store, key, data)
        return data
