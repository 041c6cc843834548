"""Results of the catalogue checks: mergeable summaries, and the error that stops a run.

This module is separate from the checks so that workers that only count need not import Great
Expectations.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.catalogue.suite import STOP, RuleSuite
from schemas.errors import InputError, counted

MAX_EXAMPLES = 3


@dataclass(frozen=True, order=True)
class RuleExample:
    """A row that failed a rule; `row_id` is the row's id in its table."""

    row_id: str
    value: str


@dataclass(frozen=True)
class RuleOutcome:
    """The result of one rule.

    Attributes:
        rule: The rule's name.
        on_failure: The effect of a failure in this run.
        evaluated: How many values were evaluated; nulls count only if the rule is about nulls.
        failed: How many values failed.
        examples: The first failing rows by id, at most `MAX_EXAMPLES`.
    """

    rule: str
    on_failure: str
    evaluated: int
    failed: int
    examples: tuple[RuleExample, ...]


@dataclass(frozen=True)
class GateSummary:
    """The results of a suite for some rows. `merge_summaries` merges summaries in any order.

    Attributes:
        rows: How many rows were checked.
        diverted: How many rows became failed assets.
        rules: Outcomes, sorted by rule name; empty if there were no batches.
    """

    rows: int = 0
    diverted: int = 0
    rules: tuple[RuleOutcome, ...] = ()

    @staticmethod
    def empty() -> GateSummary:
        """Returns the summary of zero batches."""
        return GateSummary()


def sort_outcomes(outcomes: Iterable[RuleOutcome]) -> tuple[RuleOutcome, ...]:
    """Returns the outcomes sorted by rule name."""
    return tuple(sorted(outcomes, key=lambda outcome: outcome.rule))


def merge_summaries(summaries: Iterable[GateSummary]) -> GateSummary:
    """Merges summaries of one suite; order and grouping do not affect the result."""
    rows = diverted = 0
    by_rule: dict[str, list[RuleOutcome]] = {}
    for summary in summaries:
        rows += summary.rows
        diverted += summary.diverted
        for outcome in summary.rules:
            by_rule.setdefault(outcome.rule, []).append(outcome)
        if len(by_rule) and len(by_rule[next(iter(by_rule))]) > 64:
            by_rule = {name: [_merge_outcomes(outcomes)] for name, outcomes in by_rule.items()}
    return GateSummary(
        rows, diverted, sort_outcomes(_merge_outcomes(outcomes) for outcomes in by_rule.values())
    )


def _merge_outcomes(outcomes: Sequence[RuleOutcome]) -> RuleOutcome:
    examples = (example for outcome in outcomes for example in outcome.examples)
    return RuleOutcome(
        outcomes[0].rule,
        outcomes[0].on_failure,
        sum(outcome.evaluated for outcome in outcomes),
        sum(outcome.failed for outcome in outcomes),
        tuple(heapq.nsmallest(MAX_EXAMPLES, examples)),
    )


def stop_error(summary: GateSummary, suite: RuleSuite) -> InputError | None:
    """Returns the error that ends the run if a stop rule failed, else None."""
    rules = {rule.name: rule for rule in suite.rules}
    failed = [o for o in summary.rules if o.on_failure == STOP and o.failed and o.rule in rules]
    if not failed:
        return None
    noun = suite.table.removesuffix("s")
    lines = []
    for outcome in failed:
        rule = rules[outcome.rule]
        shown = "; ".join(
            f"{noun} {example.row_id}: {rule.failure_text.replace('{value}', example.value)}"
            for example in outcome.examples
        )
        lines.append(
            f"\n  {rule.name}: {outcome.failed} of {counted(summary.rows, 'row')}. {shown}. "
            f"{rule.remedy}"
        )
    remedy = "\n  Or let screening refuse these rows: list the rules in the deal's gate.divert"
    return InputError(
        f"The table {suite.table} fails a catalogue check that stops the run",
        "".join(lines).removesuffix("."),
        remedy if suite.table == "assets" else "\n  See the rules in docs/catalogue.md",
    )
