"""The trace of one asset: the values that each rule saw, and the effect of every statement.

No decision is made here. The verdicts on consents and releases are those of screening, and
`resolve` gives the effect of each statement; the trace adds the values that they saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from pipelines.explain.consents import ConsentLine, consent_lines, group_consents
from pipelines.explain.file import FileTrace
from pipelines.explain.releases import ReleaseLine, release_lines
from pipelines.explain.rules import RuleCheck, trace_rules
from pipelines.rights.index import RightsIndex
from pipelines.rights.rules.detail import describe_refusals
from pipelines.rights.rules.reasons import REASONS
from pipelines.rights.rules.rule import CONSENT_NOTES, Rule, TracedRow
from pipelines.rights.rules.screen import RULE_BITS, rules_of
from pipelines.run.decisions import Decision, refused_asset
from pipelines.storage.columns import rows_of, values_of
from schemas.catalogue import AssetRow
from schemas.deal import Deal
from schemas.reason_info import Outcome, ReasonInfo


@dataclass(frozen=True)
class RuleFinding:
    """A reason against an asset (its code) and the values that gave it."""

    reason: str
    evidence: tuple[str, ...]

    @property
    def info(self) -> ReasonInfo:
        """The explanation of the reason."""
        return REASONS[self.reason]


@dataclass(frozen=True)
class RowTrace:
    """One row of the catalogue and its outcome.

    Attributes:
        row: Its values, with CLEARED_RIGHTS_FIELDS if the catalogue clears it; empty if it could
            not be read.
        decision: The refusal or failure, as a run records it; None if the row is cleared.
        findings: Its reasons one by one.
        rule_checks: Rules 1 to 13 in order; none if the row could not be read.
        consents: Each contributor's consents, by purpose.
        releases: Each release that the asset names, with its faults.
        file: The statements of the file and its server; None if the file was not fetched.
    """

    row: Mapping[str, object]
    decision: Decision | None
    findings: tuple[RuleFinding, ...] = ()
    rule_checks: tuple[RuleCheck, ...] = ()
    consents: tuple[ConsentLine, ...] = ()
    releases: tuple[ReleaseLine, ...] = ()
    file: FileTrace | None = None

    @property
    def outcome(self) -> str:
        """cleared, refused or dead_letter."""
        return "cleared" if self.decision is None else self.decision.outcome.value


@dataclass(frozen=True)
class ScreeningTables:
    """The tables that rows are joined to, and the index that screening built from them.

    Attributes:
        consents: schemas.catalogue.CONSENTS_SCHEMA.
        releases: schemas.catalogue.RELEASES_SCHEMA.
        index: Both, with the contributors, for the deal and the instant.
        as_of_us: The instant, µs since 1970.
        stop: Why a run of this deal would stop before it screens anything; "" if it would not.
        reported: Rules on references that failed and do not stop the run, as `check` reports them.
    """

    consents: pa.Table
    releases: pa.Table
    index: RightsIndex
    as_of_us: int
    stop: str = ""
    reported: tuple[dict[str, object], ...] = ()


def trace_failed_row(decision: Decision) -> RowTrace:
    """Returns the trace of a row that could not be read or failed a catalogue check."""
    findings = (RuleFinding(str(code), (decision.detail,)) for code in decision.reasons)
    return RowTrace({}, decision, tuple(findings))


def trace_screened_row(
    row_table: pa.Table, mask: int, screening_tables: ScreeningTables, deal: Deal, rows: int
) -> RowTrace:
    """Returns the trace of a row that screening judged.

    Args:
        row_table: The row, as a table of one row.
        mask: Screening's verdict on it.
        screening_tables: The tables that it was joined to.
        deal: The deal.
        rows: How many rows of the catalogue have its id.
    """
    [row] = rows_of(row_table, AssetRow)
    index = screening_tables.index
    rules = rules_of(mask)
    codes = tuple(rule.code for rule in rules)
    consents = consent_lines(row, screening_tables.consents, index, deal, screening_tables.as_of_us)
    releases = release_lines(row_table, screening_tables.releases, index, deal)
    decision = None
    if rules:
        detail = describe_refusals(row_table, np.array([mask], np.uint64), index, deal)[0].as_py()
        decision = refused_asset(row["asset_id"], codes, detail)
    findings = (
        RuleFinding(
            rule.code, _screening_evidence(rule, row_table, index, deal, consents, releases)
        )
        for rule in rules
    )
    rule_checks = trace_rules(TracedRow(row, rows, deal, index), codes)
    return RowTrace(row, decision, tuple(findings), rule_checks, consents, releases)


def add_file_trace(trace: RowTrace, file: FileTrace, decision: Decision | None) -> RowTrace:
    """Adds the statements of the file and its server to the trace of a cleared row.

    Args:
        trace: The trace so far.
        file: The statements that were read.
        decision: The refusal or failure that they cause; None if there is none.
    """
    codes = () if decision is None else decision.reasons
    findings = (RuleFinding(str(code), _file_evidence(code, file, decision)) for code in codes)
    return replace(trace, decision=decision, findings=tuple(findings), file=file)


def _screening_evidence(
    rule: Rule,
    row_table: pa.Table,
    index: RightsIndex,
    deal: Deal,
    consents: Iterable[ConsentLine],
    releases: Iterable[ReleaseLine],
) -> tuple[str, ...]:
    """Returns the values that led to a screening reason."""
    if rule.columns == (CONSENT_NOTES,):
        lines = (line for line in consents if line.reason == rule.code)
        return tuple(group.sentence for group in group_consents(lines))
    notes = values_of(describe_refusals(row_table, np.array([RULE_BITS[rule]]), index, deal), str)
    faulty = (line.evidence(rule.code) for line in releases if rule.code in line.faults)
    return (*notes, *faulty)


def _file_evidence(reason: str, file: FileTrace, decision: Decision | None) -> tuple[str, ...]:
    """Returns the values of the file or its server that led to a reason."""
    evidence = [item.evidence(reason) for item in file.statements if reason in item.reasons]
    if not evidence and decision is not None:  # about the file itself, or about several statements
        evidence = [decision.detail]
    return tuple(dict.fromkeys(evidence))


def combined_outcome(rows: Sequence[RowTrace]) -> str:
    """Returns the outcome of several rows with one id: cleared, refused or dead_letter."""
    outcomes = {trace.outcome for trace in rows}
    order = ("cleared", Outcome.REFUSED.value, Outcome.FAILED.value)
    return next(outcome for outcome in reversed(order) if outcome in outcomes)
