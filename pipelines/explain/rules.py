"""Rules 1 to 13 of docs/rights.md for one asset: what each looked at, and its reasons."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pipelines.rights.rules.listing import SCREENING_RULES
from pipelines.rights.rules.rule import TracedRow

TOPICS = sorted({rule.topic for rule in SCREENING_RULES}, key=lambda topic: topic.number)


@dataclass(frozen=True)
class RuleCheck:
    """One numbered rule.

    Attributes:
        rule: Its number in docs/rights.md.
        name: What it is about.
        said: The values that it looked at, in one line.
        reasons: The codes of the reasons that it gives; none where it clears the asset.
    """

    rule: int
    name: str
    said: str
    reasons: tuple[str, ...]


def trace_rules(traced: TracedRow, reasons: Collection[str]) -> tuple[RuleCheck, ...]:
    """Returns every screening rule, in order, with those of its reasons that screening gave."""
    return tuple(
        RuleCheck(
            topic.number,
            topic.name,
            topic.said(traced),
            tuple(
                rule.code
                for rule in SCREENING_RULES
                if rule.topic is topic and rule.code in reasons
            ),
        )
        for topic in TOPICS
    )
