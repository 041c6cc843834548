"""Counts of the assets that entered a step, passed it, were refused or failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pipelines.run.decisions import Decision
from schemas.reason_info import Outcome


@dataclass
class StepCounts:
    """How many assets went into a step and what became of them.

    `entered` = `passed` + `refused_assets` + `failed_assets`; `steps.reconcile` checks this.
    `notices` has, by notice of removal, the assets that were refused under it.
    """

    entered: int = 0
    passed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    refused_assets: int = 0
    notices: Counter[str] = field(default_factory=Counter)

    @property
    def failed_assets(self) -> int:
        """The number of failed assets; each has exactly one reason."""
        return self.failed.total()

    def add_decision(self, decision: Decision) -> None:
        """Counts a decision under each of its reasons, and its asset once."""
        if decision.outcome is Outcome.REFUSED:
            self.refused_assets += 1
            self.refused.update(decision.reasons)
        elif decision.outcome is Outcome.FAILED:
            self.failed.update(decision.reasons)

    def add_refusals(self, reasons: Iterable[str], assets: int) -> None:
        """Counts a number of assets that were refused for the same reasons."""
        self.refused_assets += assets
        self.refused.update(dict.fromkeys(map(str, reasons), assets))

    def add(self, other: StepCounts) -> None:
        """Adds the counts of another part of the same step."""
        self.entered += other.entered
        self.passed += other.passed
        self.refused.update(other.refused)
        self.failed.update(other.failed)
        self.refused_assets += other.refused_assets
        self.notices.update(other.notices)

    def to_json(self) -> dict[str, object]:
        """Returns the counts as JSON, with the reasons sorted."""
        by_notice = {"refused_by_notice": dict(sorted(self.notices.items()))}
        return {
            "entered": self.entered,
            "passed": self.passed,
            "refused": self.refused_assets,
            "refused_by_reason": dict(sorted(self.refused.items())),
            "dead_letters": self.failed_assets,
            "dead_letters_by_reason": dict(sorted(self.failed.items())),
            **(by_notice if self.notices else {}),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> StepCounts:
        """Returns the counts that `to_json` wrote."""
        return cls(
            value["entered"],
            value["passed"],
            Counter(value["refused_by_reason"]),
            Counter(value["dead_letters_by_reason"]),
            value["refused"],
            Counter(value.get("refused_by_notice", {})),
        )


def none_left(entered: int) -> str:
    """Returns the message that none of a number of assets is left to deliver."""
    if entered == 1:
        return "the only asset was refused or could not be read"
    return f"all {entered:,} assets were refused or could not be read"


def what_to_fix(rows: int, media: int) -> str:
    """Says what to correct where assets failed.

    Args:
        rows: How many failed as rows of a table.
        media: How many failed for their media.

    Example:
        >>> what_to_fix(3, 0)
        'correct the rows'
    """
    if not rows:
        return "fix the media"
    return "correct the rows and fix the media" if media else "correct the rows"


def count_reasons(steps: Iterable[StepCounts]) -> Counter[str]:
    """Counts the assets excluded for each reason; an asset counts under each of its reasons."""
    found: Counter[str] = Counter()
    for counts in steps:
        found.update(counts.refused)
        found.update(counts.failed)
    return found
