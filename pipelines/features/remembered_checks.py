"""Keeps the results of the catalogue checks in the feature store, for the next deal.

Great Expectations need not be imported where all of a catalogue's rows were checked before.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from functools import cached_property

from pipelines.catalogue.memory import CHECKS_MODEL, NO_MEMORY, CheckMemory, Found
from pipelines.features.store import FeatureTable
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.errors import FairshardError
from schemas.file_features import CHECKS_SCHEMA, CheckRow

_LOW, _HIGH = 0, 2**64 - 1  # checks are not of single assets
_MOST_FAILING = 1_000  # rows of a batch; more are looked for again


@dataclass
class RememberedChecks:
    """Results by the digest of the rows and rules; see `pipelines.catalogue.memory`.

    Args:
        store: The output store.
        adds: Whether new results are kept. They are stored by `save`.
    """

    store: Store
    adds: bool = True
    _new: list[CheckRow] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    is_used = True

    @cached_property
    def _table(self) -> FeatureTable[CheckRow]:
        return FeatureTable(self.store, "checks", CHECKS_MODEL, CHECKS_SCHEMA, CheckRow)

    @cached_property
    def _known(self) -> dict[str, str]:
        rows = self._table.load(_LOW, _HIGH)
        return {key: row["found"] for key, row in rows.items()}

    def load(self) -> None:
        """Reads what was kept, which is done on first use otherwise."""
        _ = self._known

    def recall(self, key: str) -> Found | None:
        """Returns what each rule found, if it was kept."""
        text = self._known.get(key)
        if text is None:
            return None
        try:
            found = json.loads(text).items()
            return {
                name: (int(evaluated), list(map(int, rows))) for name, (evaluated, rows) in found
            }
        except (ValueError, TypeError, AttributeError):  # altered: it is found again
            return None

    def keep(self, key: str, found: Found) -> None:
        """Keeps what each rule found, unless that is kept already or too many rows failed."""
        if sum(len(rows) for _, rows in found.values()) <= _MOST_FAILING:
            self._keep(key, json.dumps(found))

    def recall_page(self, key: str) -> str | None:
        """Returns a page of data docs, if it was kept."""
        return self._known.get(key)

    def keep_page(self, key: str, page: str) -> None:
        """Keeps a page of data docs, unless it is kept already."""
        self._keep(key, page)

    def save(self) -> None:
        """Stores what is new."""
        with self._lock:
            new, self._new = self._new, []
        self._table.save(_LOW, _HIGH, sorted(new, key=lambda row: row["check_key"]))

    def _keep(self, key: str, text: str) -> None:
        with self._lock:
            if self.adds and key not in self._known:
                self._known[key] = text
                self._new.append({"check_key": key, "found": text})


def recall_checks(output: str) -> CheckMemory:
    """Returns what earlier runs found, to be read only; nothing if the output cannot be read."""
    try:
        memory = RememberedChecks(open_store(output), adds=False)
        memory.load()
    except (FairshardError, OSError):  # said by what opens the output for the run
        return NO_MEMORY
    return memory
