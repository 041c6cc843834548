"""A store that counts how often each object is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import BinaryIO

from pipelines.storage.local_store import LocalStore


@dataclass(frozen=True)
class CountingStore(LocalStore):
    """A local store that counts reads.

    Attributes:
        reads: How often each object was opened, by key.
    """

    reads: Counter[str] = field(default_factory=Counter)

    def open_read(self, key: str) -> BinaryIO:
        """See `Store.open_read`."""
        self.reads[key] += 1
        return super().open_read(key)
