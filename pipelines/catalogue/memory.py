"""What earlier runs found in the same rows by the same rules, to be found only once."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import schemas
from pipelines.catalogue.suite import RuleSuite

#: For each rule, how many values it evaluated and the rows that failed.
Found = dict[str, tuple[int, list[int]]]

#: What results depend on besides rows, rules and the project's code.
CHECKS_MODEL = "checks-v1 " + " ".join(
    f"{name}-{version(name)}" for name in ("great_expectations", "pandas")
)


class CheckMemory(Protocol):
    """Where results are kept, by keys that name rows and rules."""

    @property
    def is_used(self) -> bool:
        """Whether anything is kept, so that keys are worth making."""

    def recall(self, key: str) -> Found | None:
        """Returns what was found, if it was kept."""

    def keep(self, key: str, found: Found) -> None:
        """Keeps what was found, unless it is kept already."""

    def recall_page(self, key: str) -> str | None:
        """Returns a page of data docs, if it was kept."""

    def keep_page(self, key: str, page: str) -> None:
        """Keeps a page of data docs, unless it is kept already."""

    def save(self) -> None:
        """Stores what is new."""


class _NoMemory:
    """Keeps nothing."""

    is_used = False

    def recall(self, key: str) -> Found | None:
        """Returns None."""

    def keep(self, key: str, found: Found) -> None:
        """Does nothing."""

    def recall_page(self, key: str) -> str | None:
        """Returns None."""

    def keep_page(self, key: str, page: str) -> None:
        """Does nothing."""

    def save(self) -> None:
        """Does nothing."""


NO_MEMORY: CheckMemory = _NoMemory()


def check_key(suite: RuleSuite, digest: str) -> str:
    """Returns the key of what a suite finds in rows with this digest."""
    return _key(["rows", _code(), suite.table, suite.source, digest])


def page_key(suite: RuleSuite, contents: list[object]) -> str:
    """Returns the key of the data docs' page with these contents."""
    return _key(["page", _code(), suite.table, suite.source, contents])


@cache
def _code() -> str:
    """Returns the sha256 of this folder's modules and of `schemas`, which has their lists.

    Other code finds nothing of what this code kept.
    """
    digest = hashlib.sha256()
    for folder in (Path(__file__).parent, Path(schemas.__file__).parent):
        for module in sorted(folder.glob("*.py")):
            digest.update(module.read_bytes())
    return digest.hexdigest()


def _key(parts: list[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
