"""Traces rules 1 to 13 of docs/rights.md for one asset: the values seen and the reasons given."""

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
        name: Its subject.
        said: The values that it looked at, in one line.
        reasons: The codes of the reasons that it gives; none if it clears the asset.
    """

    rule: int
    name: str
    said: str
    reasons: tuple[str, ...]


def trace_rules(traced: TracedRow, reasons: Collection[str]) -> tuple[RuleCheck, ...]:
    """Returns every screening rule, in order, each with the reasons that screening gave for it."""
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
