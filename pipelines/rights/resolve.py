"""Resolves the statements of a file and its server against catalogue, agreements and deal.

The catalogue alone was judged before (`screen.py`, rules 1 to 13 of docs/rights.md), so assets that
reach this module are cleared so far. The numbers in the code are the numbers of the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from pipelines.rights.attribution import attribution_fault
from pipelines.rights.cleared_rights import agreements_by_purpose, deal_agreement
from pipelines.rights.file_assertions import assertion_conflicts, file_source_types
from pipelines.rights.file_licences import licence_conflicts
from pipelines.rights.formatting import one_line
from schemas.catalogue import grant_column
from schemas.deal import Deal
from schemas.reasons import Reason
from schemas.rights import Permission, Purpose
from schemas.signal import AssertionKind, Origin, Reading, Signal
from schemas.unit import ClearedRow

_DENIED_REASONS = {Origin.FILE: Reason.FILE_DENIED, Origin.SERVER: Reason.SERVER_DENIED}
_CONDITIONAL_REASONS = {
    Origin.FILE: Reason.FILE_CONDITIONAL,
    Origin.SERVER: Reason.SERVER_CONDITIONAL,
}
_UNREADABLE_REASONS = {Origin.FILE: Reason.FILE_UNREADABLE, Origin.SERVER: Reason.SERVER_UNREADABLE}
_REASON_ORDER = {reason: number for number, reason in enumerate(Reason)}


@dataclass(frozen=True)
class Override:
    """A denial that a signed agreement overrides; both sides stay on record."""

    signal: Signal
    agreement: str


@dataclass(frozen=True)
class Resolution:
    """The result of resolving the rights of an asset whose file was read.

    Attributes:
        reasons: Why it is refused; none where it is cleared.
        detail: The values seen, in one line.
        overrides: Denials that agreements override.
        inference: Whether it may be embedded and captioned.
        source_type: IPTC's term for how it was made, of the catalogue or else of the file, or "".
        constraints: Codes that bind whoever uses the file, by kind, each once and in order.
    """

    reasons: tuple[Reason, ...]
    detail: str
    overrides: tuple[Override, ...]
    inference: bool
    source_type: str
    constraints: dict[AssertionKind, tuple[str, ...]]


def resolve_rights(row: ClearedRow, reading: Reading, deal: Deal, as_of: date) -> Resolution:
    """Decides on an asset that the catalogue cleared.

    Args:
        row: Its row, with `schemas.unit.CLEARED_RIGHTS_FIELDS`.
        reading: All that the catalogue's grants, the file and its server say.
        deal: The deal.
        as_of: The day on which the deal's agreements must be signed.
    """
    found = resolve_statements(row, reading, deal, as_of)
    note = "" if found.reasons else attribution_fault(row, deal)  # 21, its last sentence
    if not note:
        return found
    return replace(found, reasons=(Reason.LICENCE_ATTRIBUTION,), detail=note)


def resolve_statements(row: ClearedRow, reading: Reading, deal: Deal, as_of: date) -> Resolution:
    """Decides by statements alone; see `resolve_rights` for the arguments."""
    notes: dict[Reason, list[str]] = {}

    def refuse(reason: Reason, note: str) -> None:
        notes.setdefault(reason, []).append(note)

    agreements = agreements_by_purpose(row["contributors"], row["agreements"])
    readable = _refuse_unreadable(reading, agreements, deal, refuse)  # 14
    overrides, inference = _weigh_signals(row, reading, agreements, deal, as_of, refuse)  # 15, 16
    # Unreadable statements may also have denied inference, even if the deal does not need it.
    inference = inference and (readable or Purpose.INFERENCE in agreements)
    for reason, note in assertion_conflicts(row, reading.claims, deal):  # 17 to 20, 22, 25
        refuse(reason, note)
    if not all(purpose in agreements for purpose in deal.needed_purposes):
        for reason, note in licence_conflicts(row, reading.claims):  # 21
            refuse(reason, note)
    reasons = tuple(sorted(notes, key=_REASON_ORDER.__getitem__))
    detail = "; ".join(dict.fromkeys(note for reason in reasons for note in notes[reason]))
    constraints = {
        kind: tuple(
            sorted({assertion.value for assertion in reading.claims if assertion.kind is kind})
        )
        for kind in (
            AssertionKind.ALTERATION,
            AssertionKind.FILE_CONSTRAINT,
            AssertionKind.DUPLICATION,
        )
    }
    return Resolution(
        reasons, detail, overrides, inference, _source_type(row, reading), constraints
    )


def _refuse_unreadable(
    reading: Reading,
    agreements: dict[Purpose, str],
    deal: Deal,
    refuse: Callable[[Reason, str], None],
) -> bool:
    """Refuses for faults that no agreement settles; returns whether everything was readable."""
    all_covered = all(purpose in agreements for purpose in deal.needed_purposes)
    for fault in reading.faults:
        # A server's file can only speak of purposes; a file's metadata of people, too.
        if fault.origin is Origin.SERVER and all_covered:
            continue
        refuse(_UNREADABLE_REASONS[fault.origin], f"{fault.where}: {fault.detail}")
    return not reading.faults


def _weigh_signals(
    row: ClearedRow,
    reading: Reading,
    agreements: dict[Purpose, str],
    deal: Deal,
    as_of: date,
    refuse: Callable[[Reason, str], None],
) -> tuple[tuple[Override, ...], bool]:
    """Weighs denials against agreements; returns the overrides and whether inference is allowed."""
    overrides, inference = [], bool(row["inference"])
    judged_purposes = [p for p in deal.judged_purposes if p is not Purpose.INFERENCE or inference]
    for signal in reading.signals:
        if signal.purpose not in judged_purposes or signal.value not in (
            Permission.DENY,
            Permission.CONDITIONAL,
        ):
            continue
        purpose = signal.purpose
        if signal.origin is Origin.CATALOGUE:
            # 6: screening let it pass, so an agreement of the deal covers it.
            agreement = deal_agreement(deal, purpose, row["contributors"], as_of)
        else:
            agreement = agreements.get(purpose)
        if agreement is not None:
            overrides.append(Override(signal, agreement))
        elif purpose not in deal.needed_purposes:
            inference = False
        else:
            denied = signal.value is Permission.DENY
            by_origin = _DENIED_REASONS if denied else _CONDITIONAL_REASONS
            note = f"{signal.where}={signal.said} ({purpose} {signal.value})"
            refuse(by_origin[signal.origin], note)  # 15
            column = grant_column(purpose)
            if row.get(column) == Permission.ALLOW:  # 16
                refuse(Reason.CONFLICT_GRANT, f"{column}=allow, {note}")
    return tuple(overrides), inference


def _source_type(row: ClearedRow, reading: Reading) -> str:
    stated = row["digital_source_type"]
    if stated:
        return str(stated)
    return next(iter(file_source_types(reading.claims)), "")


def describe_overrides(overrides: tuple[Override, ...]) -> str:
    """Describes both sides of every overridden denial, in one line."""
    return "; ".join(
        f"{item.signal.where}={item.signal.said} ({item.signal.purpose} {item.signal.value}) "
        f"overridden by {one_line(item.agreement)}"
        for item in overrides
    )
