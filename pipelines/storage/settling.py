"""Waits until an object that several processes may have written at once can change no more."""

from __future__ import annotations

import time
from collections.abc import Iterable

from pipelines.storage.clock import boottime_s
from pipelines.storage.store import Store


class Settling:
    """When objects were first seen in a store that may keep the last of several first writes.

    Whoever writes `Store.settle_s` after an object was seen is told that its name is taken. What is
    done between `see` and `wait` costs no time of its own.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen_s: dict[str, float] = {}

    def see(self, key: str) -> None:
        """Notes that the object is there now, whoever wrote it; only the first call counts."""
        self._seen_s.setdefault(key, boottime_s())

    def wait(self, keys: Iterable[str]) -> None:
        """Waits until the objects, each of which was seen, are what they will remain."""
        last_s = max((self._seen_s[key] for key in keys), default=0.0)
        left_s = last_s + self._store.settle_s - boottime_s()
        if left_s > 0:
            time.sleep(left_s)
