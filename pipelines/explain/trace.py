"""The trace of one asset: what each rule looked at, and what every statement about it did.

Nothing is decided here a second time. Screening's own rules say what a release is worth, and
`resolve` says what one statement does when it stands alone; the rest is the values that they saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from pipelines.explain.consents import ConsentLine, consent_lines, group_consents
from pipelines.explain.file import FileTrace, Row
from pipelines.explain.releases import ReleaseLine, release_lines
from pipelines.explain.rules import Step, catalogue_steps
from pipelines.rights.detail import describe_refusals
from pipelines.rights.screen import RightsIndex, reasons_of
from pipelines.run.decisions import Decision, refused
from schemas.deal import Deal
from schemas.reasons import SCREEN_REASONS, Outcome, Reason, Stage


@dataclass(frozen=True)
class Finding:
    """A reason against an asset, with the values that gave it."""

    reason: Reason
    seen: tuple[str, ...]


@dataclass(frozen=True)
class RowTrace:
    """One row of the catalogue and what became of it.

    Attributes:
        row: Its values, with STANDING_FIELDS where the catalogue clears it; none where it could
            not be read.
        decision: Why it goes no further, as the walk writes it; None if nothing is against it.
        findings: Its reasons one by one.
        steps: Rules 1 to 13 in order; none where the row could not be read.
        consents: What each contributor said, by purpose.
        releases: Each release named, with its faults.
        file: What was read of the file and its server; None if it was not fetched.
    """

    row: Row
    decision: Decision | None
    findings: tuple[Finding, ...] = ()
    steps: tuple[Step, ...] = ()
    consents: tuple[ConsentLine, ...] = ()
    releases: tuple[ReleaseLine, ...] = ()
    file: FileTrace | None = None

    @property
    def outcome(self) -> str:
        """cleared, refused or dead_letter."""
        return "cleared" if self.decision is None else self.decision.outcome.value


@dataclass(frozen=True)
class SmallTables:
    """What rows are joined to: the tables as they are, and the index that screening made of them.

    Attributes:
        consents: schemas.catalogue.CONSENTS_SCHEMA.
        releases: schemas.catalogue.RELEASES_SCHEMA.
        index: Both, with the contributors, for the deal and the instant.
        as_of_us: The instant, µs since 1970.
    """

    consents: pa.Table
    releases: pa.Table
    index: RightsIndex
    as_of_us: int


def trace_dead(decision: Decision) -> RowTrace:
    """The trace of a row that could not be read, or that the gate diverted."""
    findings = (Finding(Reason(code), (decision.detail,)) for code in decision.reasons)
    return RowTrace({}, decision, tuple(findings))


def trace_screened(one: pa.Table, mask: int, small: SmallTables, deal: Deal, rows: int) -> RowTrace:
    """The trace of a row that screening judged.

    Args:
        one: The row, a table of one.
        mask: Screening's verdict on it.
        small: What it was joined to.
        deal: The deal.
        rows: How many rows of the catalogue have its id.
    """
    row: Row = one.to_pylist()[0]
    reasons = reasons_of(mask)
    consents = consent_lines(row, small.consents, small.index, deal, small.as_of_us)
    releases = release_lines(one, small.releases, small.index, deal)
    decision = None
    if reasons:
        detail = describe_refusals(one, np.array([mask], np.uint64), small.index, deal)[0].as_py()
        decision = refused(row["asset_id"], reasons, detail)
    findings = (
        Finding(reason, _seen(reason, one, small.index, deal, consents, releases))
        for reason in reasons
    )
    steps = catalogue_steps(row, deal, small.index, reasons, rows)
    return RowTrace(row, decision, tuple(findings), steps, consents, releases)


def add_file(trace: RowTrace, file: FileTrace, decision: Decision | None) -> RowTrace:
    """The trace of a row that the catalogue cleared, with what its file and its server say.

    Args:
        trace: The trace so far.
        file: What was read.
        decision: Why the asset goes no further, if it does not.
    """
    codes = () if decision is None else decision.reasons
    findings = (Finding(Reason(code), _said_of(Reason(code), file, decision)) for code in codes)
    return replace(trace, decision=decision, findings=tuple(findings), file=file)


def _seen(
    reason: Reason,
    one: pa.Table,
    index: RightsIndex,
    deal: Deal,
    consents: Iterable[ConsentLine],
    releases: Iterable[ReleaseLine],
) -> tuple[str, ...]:
    """The values that gave a reason of screening's."""
    if reason.startswith("consent."):
        lines = (line for line in consents if line.reason is reason)
        return tuple(group.sentence for group in group_consents(lines))
    bit = np.array([1 << SCREEN_REASONS.index(reason)], np.uint64)
    notes = describe_refusals(one, bit, index, deal).to_pylist()
    return (*notes, *(line.seen(reason) for line in releases if reason in line.faults))


def _said_of(reason: Reason, file: FileTrace, decision: Decision | None) -> tuple[str, ...]:
    """The values that gave a reason of the file's or its server's."""
    seen = [item.against(reason) for item in file.statements if reason in item.reasons]
    if not seen and decision is not None:  # of the file as such, or of several statements
        seen = [decision.detail]
    return tuple(dict.fromkeys(seen))


def verdict_of(rows: Sequence[RowTrace]) -> str:
    """What several rows of one id come to: cleared, refused or dead_letter."""
    outcomes = {trace.outcome for trace in rows}
    order = ("cleared", Outcome.REFUSED.value, Outcome.DEAD_LETTER.value)
    return next(outcome for outcome in reversed(order) if outcome in outcomes)


def stage_of(trace: RowTrace) -> Stage | None:
    """The step that decided against a row, if one did."""
    return None if trace.decision is None else trace.decision.stage
