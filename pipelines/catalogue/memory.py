"""What earlier runs found in the same rows by the same rules, to be found only once."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from pipelines.catalogue.suite import RuleSuite

#: For each rule, how many values it evaluated and the rows that failed.
Found = dict[str, tuple[int, list[int]]]

CHECKS_MODEL = f"checks-v1 great_expectations-{version('great_expectations')}"
# What results and pages depend on besides rows and rules. Other code finds nothing of what it kept.
_CODE_OF_RESULTS = ("derive.py", "expectation_speed.py", "expectations.py")
_CODE_OF_PAGES = ("data_docs.py", "outcome.py", "suite.py")


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
    return _key(["rows", _code(_CODE_OF_RESULTS), suite.table, suite.source, digest])


def page_key(suite: RuleSuite, contents: list[object]) -> str:
    """Returns the key of the data docs' page with these contents."""
    return _key(["page", _code(_CODE_OF_PAGES), suite.table, suite.source, contents])


@cache
def _code(names: tuple[str, ...]) -> str:
    """Returns the sha256 of modules of this folder."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()


def _key(parts: list[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
