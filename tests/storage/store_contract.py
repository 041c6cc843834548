"""The contract of every store under any fault: bytes are exact, or there is an error.

A store is exercised next to a model that knows the allowed contents of each key: after a failed
write, the old or the new content, but never a part of either.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from pipelines.storage.store import Store
from schemas.errors import FairshardError

Content = bytes | None

# The smallest part that S3 accepts in an upload of several parts.
SMALLEST_PART = 5 * 2**20
_KEYS = ("a", "b/c", "b/d e", "ü/f")


class Exercise:
    """A seeded sequence of calls on a store, and the contents that each key may have.

    Args:
        store: An empty store.
        seed: Determines the calls.
        big_bytes: Length of the streamed objects.
    """

    def __init__(self, store: Store, seed: int, big_bytes: int) -> None:
        self._store = store
        self._chance = random.Random(seed)
        self._big = big_bytes
        self._allowed: dict[str, set[Content]] = {key: {None} for key in _KEYS}
        self.errors: list[str] = []

    def run(self, calls: int) -> None:
        """Makes calls; each must succeed or raise one of the project's errors."""
        actions: list[Callable[[str], None]] = [
            self._write,
            self._stream,
            self._write_new,
            self._read,
            self._read_range,
            self._stat,
            self._list,
            self._copy,
            self._delete,
            self._delete_many,
        ]
        for _ in range(calls):
            action = self._chance.choice(actions)
            try:
                action(self._chance.choice(_KEYS))
            except FairshardError as error:
                self.errors.append(f"{action.__name__}: {error}")

    def check(self) -> None:
        """Reads everything back. Call it after the faults have stopped."""
        for key in _KEYS:
            self._read(key)
        self._list("")
        self._store.discard_unfinished("b")
        assert self._store.unfinished_writes("b") == []

    def _data(self, length: int) -> bytes:
        return self._chance.randbytes(length)

    def _write(self, key: str) -> None:
        data = self._data(self._chance.choice((0, 1, 1000, 70_000)))
        self._allowed[key].add(data)
        self._store.write_bytes(key, data)
        self._allowed[key] = {data}

    def _stream(self, key: str) -> None:
        data = self._data(self._big)
        self._allowed[key].add(data)
        with self._store.open_write(key) as sink:
            for start in range(0, len(data), 1_500_000):
                sink.write(data[start : start + 1_500_000])
        self._allowed[key] = {data}

    def _write_new(self, key: str) -> None:
        data = self._data(100)
        before = set(self._allowed[key])
        if None in before:
            self._allowed[key].add(data)
        if self._store.write_new(key, data):
            assert None in before
            self._allowed[key] = {data}
        else:
            # The key existed, or an earlier attempt of this call succeeded and its answer was lost.
            self._allowed[key] -= {None}
            assert self._allowed[key]

    def _read(self, key: str) -> None:
        try:
            found: Content = self._store.read_bytes(key)
        except FileNotFoundError:
            found = None
        assert found in self._allowed[key], (key, found and len(found), len(self._allowed[key]))
        self._allowed[key] = {found}

    def _read_range(self, key: str) -> None:
        longest = max(len(data) for data in (*self._allowed[key], b"") if data is not None)
        start, size = self._chance.randrange(longest + 9), self._chance.randrange(longest + 9)
        try:
            found: Content = self._store.read_range(key, start, size)
        except FileNotFoundError:
            found = None
        allowed = {
            None if data is None else data[start : start + size] for data in self._allowed[key]
        }
        # A range of no bytes makes no request, so a missing object is not noticed.
        assert found in allowed or (size == 0 and found == b""), (key, start, size)

    def _stat(self, key: str) -> None:
        try:
            size = self._store.size(key)
        except FileNotFoundError:
            assert None in self._allowed[key]
        else:
            assert size in {len(data) for data in self._allowed[key] if data is not None}

    def _list(self, _key: str) -> None:
        found = {info.key: info.size_bytes for info in self._store.list()}
        assert found.keys() <= set(_KEYS)
        for key, may in self._allowed.items():
            sizes = {None if data is None else len(data) for data in may}
            assert found.get(key) in sizes, (key, found.get(key), sizes)
        folders = {key.partition("/")[0] for key in found if "/" in key}
        assert folders <= set(self._store.folders()) <= {"b", "ü"}

    def _copy(self, key: str) -> None:
        target = self._chance.choice([other for other in _KEYS if other != key])
        contents, before = self._allowed[key] - {None}, set(self._allowed[target])
        self._allowed[target] |= contents
        try:
            self._store.copy([(key, target)])
        except FileNotFoundError:
            assert None in self._allowed[key]
            self._allowed[key] = {None}
            self._allowed[target] = before
        else:
            assert contents
            self._allowed[key] = set(contents)
            self._allowed[target] = set(contents)

    def _delete(self, key: str) -> None:
        self._allowed[key].add(None)
        self._store.delete(key)
        self._allowed[key] = {None}

    def _delete_many(self, key: str) -> None:
        keys = [key, *(other for other in _KEYS if self._chance.random() < 0.3)]
        for each in keys:
            self._allowed[each].add(None)
        self._store.delete_many(keys)
        for each in keys:
            self._allowed[each] = {None}
