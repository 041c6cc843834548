"""Resolving: what a file and its server say, against the catalogue, the agreements and the deal.

The catalogue alone was judged before (`screen.py`, rules 1 to 13 of docs/rights.md), so an asset
that comes here is cleared so far. The numbers in the code are the numbers of the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipelines.rights.file_assertions import claim_conflicts, file_source_types
from pipelines.rights.lines import one_line
from pipelines.rights.standing import covered_purposes, deal_agreement
from schemas.catalogue import grant_column
from schemas.deal import Deal
from schemas.reasons import Reason
from schemas.rights import Purpose, Value
from schemas.signal import ClaimKind, Origin, Reading, Signal

Row = dict[str, Any]

_DENIED = {Origin.FILE: Reason.FILE_DENIED, Origin.SERVER: Reason.SERVER_DENIED}
_CONDITIONAL = {Origin.FILE: Reason.FILE_CONDITIONAL, Origin.SERVER: Reason.SERVER_CONDITIONAL}
_UNREADABLE = {Origin.FILE: Reason.FILE_UNREADABLE, Origin.SERVER: Reason.SERVER_UNREADABLE}
_ORDER = {reason: number for number, reason in enumerate(Reason)}


@dataclass(frozen=True)
class Override:
    """A denial that a signed agreement overrides; both sides stay on record."""

    signal: Signal
    agreement: str


@dataclass(frozen=True)
class Resolution:
    """What became of an asset whose file was read.

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
    constraints: dict[ClaimKind, tuple[str, ...]]


def resolve(row: Row, reading: Reading, deal: Deal, as_of: date) -> Resolution:
    """Decides on an asset that the catalogue cleared.

    Args:
        row: Its row, with `pipelines.rights.standing.STANDING_FIELDS`.
        reading: All that the catalogue's grants, the file and its server say.
        deal: The deal.
        as_of: The day on which the deal's agreements must be signed.
    """
    notes: dict[Reason, list[str]] = {}

    def refuse(reason: Reason, note: str) -> None:
        notes.setdefault(reason, []).append(note)

    signed = covered_purposes(row["contributors"], row["agreements"])
    readable = _refuse_unreadable(reading, signed, deal, refuse)  # 14
    overrides, inference = _weigh(row, reading, signed, deal, as_of, refuse)  # 15, 16
    # What cannot be read may have said no to inference, too, where no deal needs it.
    inference = inference and (readable or Purpose.INFERENCE in signed)
    for reason, note in claim_conflicts(row, reading.claims, deal):  # 17 to 20
        refuse(reason, note)
    reasons = tuple(sorted(notes, key=_ORDER.__getitem__))
    detail = "; ".join(dict.fromkeys(note for reason in reasons for note in notes[reason]))
    constraints = {
        kind: tuple(sorted({claim.value for claim in reading.claims if claim.kind is kind}))
        for kind in (ClaimKind.ALTERATION, ClaimKind.FILE_CONSTRAINT, ClaimKind.DUPLICATION)
    }
    return Resolution(
        reasons, detail, overrides, inference, _source_type(row, reading), constraints
    )


def _refuse_unreadable(
    reading: Reading,
    signed: dict[Purpose, str],
    deal: Deal,
    refuse: Callable[[Reason, str], None],
) -> bool:
    """Refuses for what no agreement settles; gives whether all could be read."""
    settled = all(purpose in signed for purpose in deal.needed_purposes)
    for fault in reading.faults:
        # A server's file can only speak of purposes; a file's metadata of people, too.
        if fault.origin is Origin.SERVER and settled:
            continue
        refuse(_UNREADABLE[fault.origin], f"{fault.where}: {fault.detail}")
    return not reading.faults


def _weigh(
    row: Row,
    reading: Reading,
    signed: dict[Purpose, str],
    deal: Deal,
    as_of: date,
    refuse: Callable[[Reason, str], None],
) -> tuple[tuple[Override, ...], bool]:
    """Weighs every no against the agreements; gives what they override, and the inference left."""
    overrides, inference = [], bool(row["inference"])
    asked = [p for p in deal.judged_purposes if p is not Purpose.INFERENCE or inference]
    for signal in reading.signals:
        if signal.purpose not in asked or signal.value not in (Value.DENY, Value.CONDITIONAL):
            continue
        if signal.origin is Origin.CONSENT:
            continue  # 8: screening let it pass, and nothing overrides the no that holds
        purpose = signal.purpose
        if signal.origin is Origin.CATALOGUE:
            # 6: screening let it pass, so an agreement of the deal covers it.
            agreement = deal_agreement(deal, purpose, row["contributors"], as_of)
        else:
            agreement = signed.get(purpose)
        if agreement is not None:
            overrides.append(Override(signal, agreement))
        elif purpose not in deal.needed_purposes:
            inference = False
        else:
            denied = signal.value is Value.DENY
            by_origin = _DENIED if denied else _CONDITIONAL
            note = f"{signal.where}={signal.said} ({purpose} {signal.value})"
            refuse(by_origin[signal.origin], note)  # 15
            column = grant_column(purpose)
            if row.get(column) == Value.ALLOW:  # 16
                refuse(Reason.CONFLICT_GRANT, f"{column}=allow, {note}")
    return tuple(overrides), inference


def _source_type(row: Row, reading: Reading) -> str:
    stated = row["digital_source_type"]
    if stated:
        return str(stated)
    return next(iter(file_source_types(reading.claims)), "")


def overrides_line(overrides: tuple[Override, ...]) -> str:
    """Both sides of every denial that was overridden, in one line."""
    return "; ".join(
        f"{item.signal.where}={item.signal.said} ({item.signal.purpose} {item.signal.value}) "
        f"overridden by {one_line(item.agreement)}"
        for item in overrides
    )
