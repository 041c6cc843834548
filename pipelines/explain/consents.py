"""Lists one asset's consents as dated lines: which are in force at an instant, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.explain.agreements import NamedAgreement, named_agreements, void_agreements
from pipelines.explain.consent_events import (
    ConsentEvent,
    consent_events,
    iso_instant,
    undated_began,
)
from pipelines.rights.arrow import as_integers, column, is_present, one_of
from pipelines.rights.consent_timelines import DEFAULT_TIME
from pipelines.rights.consent_verdicts import ConsentVerdict, consent_verdicts
from pipelines.rights.consents import (
    ALLOW,
    CONDITIONAL,
    DENY,
    MISSING,
    UNKNOWN,
    ConsentPositions,
    ConsentStates,
    HeldConsents,
)
from pipelines.rights.formatting import one_line
from pipelines.rights.index import RightsIndex
from schemas.catalogue import EXACT, GIVEN_PRECISION, AssetRow
from schemas.deal import Deal
from schemas.rights import ALL_PURPOSES, Purpose

_STATE_TEXT = {
    MISSING: "nothing on record",
    ALLOW: "allow",
    UNKNOWN: "unknown",
    CONDITIONAL: "conditional",
    DENY: "deny",
}

_LaterEvent = tuple[str | None, str, str, int]  # contributor, purpose, value, µs since 1970


@dataclass(frozen=True)
class ConsentLine:
    """One contributor's consent to one purpose at the instant.

    Attributes:
        contributor_id: The contributor.
        purpose: The purpose.
        value: allow, deny, conditional, unknown, "nothing on record" or "no explicit allow".
        since: The date of that statement, ISO 8601; "" if there is none.
        narrowed: Whether it was made for this asset only.
        withdrawn: Whether it is a denial that withdrew an earlier allow.
        agreement: The agreement that the consent names and that is in force, or "".
        notes: Other statements, which are not in force.
        needed: Whether the deal needs the purpose.
        reason: The code of the reason that it gives against the asset; "" if none.
        inexact: Whether an event of the contributor was given without a zone or as a day only, so
            that the instants shown are the earliest of a yes and the latest of a no.
        events: All statements about the purpose, with what each rests on.
    """

    contributor_id: str
    purpose: Purpose
    value: str
    since: str
    narrowed: bool
    withdrawn: bool
    agreement: str
    notes: tuple[str, ...]
    needed: bool
    reason: str | None
    inexact: bool
    events: tuple[ConsentEvent, ...]

    @property
    def description(self) -> str:
        """What is in force, without the contributor and the purpose."""
        text = "withdrawn" if self.withdrawn else self.value
        if self.since:
            text += f" {'on' if self.withdrawn else 'since'} {self.since}"
        if self.narrowed:
            text += ", for this asset"
        if self.agreement and self.value == "allow":
            text += f", agreement {self.agreement}"
        not_explicit = self.reason == ConsentVerdict.NOT_EXPLICIT.reason
        bases = [note for event in self.events if (note := event.note(not_explicit))]
        return "; ".join([text, *self.notes, *bases])


@dataclass(frozen=True)
class ConsentGroup:
    """Purposes to which one contributor gives the same consent.

    Attributes:
        contributor_id: The contributor.
        purposes: The purposes.
        description: What is in force.
        needed: Whether the deal needs them.
        reason: The code of the reason that it gives against the asset; "" if none.
    """

    contributor_id: str
    purposes: tuple[Purpose, ...]
    description: str
    needed: bool
    reason: str | None

    @property
    def sentence(self) -> str:
        """The complete line."""
        return f"{self.contributor_id}, {', '.join(self.purposes)}: {self.description}"


def group_consents(lines: Iterable[ConsentLine]) -> tuple[ConsentGroup, ...]:
    """Joins lines that differ only in their purpose, keeping their order."""
    groups: dict[tuple[str, str, bool, str | None], list[Purpose]] = defaultdict(list)
    for line in lines:
        key = (line.contributor_id, line.description, line.needed, line.reason)
        groups[key].append(line.purpose)
    return tuple(
        ConsentGroup(who, tuple(purposes), words, needed, reason)
        for (who, words, needed, reason), purposes in groups.items()
    )


def consent_lines(
    row: AssetRow, consents: pa.Table, index: RightsIndex, deal: Deal, as_of_us: int
) -> tuple[ConsentLine, ...]:
    """Returns each contributor's consent to each purpose that the deal judges.

    Args:
        row: The asset's row.
        consents: The table (schemas.catalogue.CONSENTS_SCHEMA), for events after the instant.
        index: The consents that are in force at the instant.
        deal: The deal.
        as_of_us: The instant, µs since 1970.
    """
    who: list[str | None] = [
        *dict.fromkeys(share["contributor_id"] for share in row["contributors"] or ())
    ]
    events = _events_about(consents, who, row["asset_id"])
    later_events = _later_events(events, as_of_us)
    named = named_agreements(events, as_of_us)
    positions = index.consents.locate(
        pa.array([row["asset_id"]] * len(who), pa.string()), pa.array(who, pa.string())
    )
    inexact = _inexact(consents, who)
    lines = [
        line
        for purpose in deal.judged_purposes
        for line in _purpose_lines(
            purpose, who, positions, index, deal, later_events, named, inexact, events
        )
    ]
    # Listed contributor by contributor, in the asset's order.
    order = {one_line(name): i for i, name in enumerate(who)}
    return tuple(sorted(lines, key=lambda line: order[line.contributor_id]))


def _purpose_lines(
    purpose: Purpose,
    who: Sequence[str | None],
    positions: ConsentPositions,
    index: RightsIndex,
    deal: Deal,
    later_events: Sequence[_LaterEvent],
    named: Sequence[NamedAgreement],
    inexact: frozenset[str | None],
    table: pa.Table,
) -> Iterator[ConsentLine]:
    """Returns each contributor's consent to one purpose, with screening's verdict on it."""
    held = index.consents.states_at(purpose, positions)
    general = index.consents.lines.general[purpose].at(positions.contributor)
    narrowed = index.consents.lines.narrowed[purpose].at(positions.pair)
    agreements = index.consents.agreement_of(purpose, positions)
    verdicts = consent_verdicts(held, purpose, deal)
    for i, name in enumerate(who):
        verdict = ConsentVerdict(int(verdicts[i]))
        not_explicit = verdict is ConsentVerdict.NOT_EXPLICIT
        is_missing, is_narrowed = int(held.state[i]) == MISSING, bool(held.narrowed[i])
        events = [
            event
            for event in later_events
            if event[0] == name and event[1] in (purpose, ALL_PURPOSES)
        ]
        on_record = tuple(consent_events(table, name, purpose))
        other = general if held.narrowed[i] else narrowed
        notes = [*_notes(held, other, i, events, on_record)]
        if int(held.state[i]) == ALLOW and agreements[i] < 0:
            notes += void_agreements(name, purpose, index, named)
        yield ConsentLine(
            contributor_id=one_line(name),
            purpose=purpose,
            value="no explicit allow" if not_explicit else _STATE_TEXT[int(held.state[i])],
            since=""
            if is_missing or not_explicit
            else _since(held, i, bool(held.narrowed[i]), on_record),
            narrowed=is_narrowed,
            withdrawn=bool(held.withdrawn[i]) and not not_explicit,
            agreement=_agreement_ref(index, int(agreements[i])),
            notes=tuple(notes),
            needed=purpose in deal.needed_purposes,
            reason=verdict.reason,
            inexact=name in inexact,
            events=on_record,
        )


def _inexact(consents: pa.Table, who: Sequence[str | None]) -> frozenset[str | None]:
    """Returns those contributors who gave an event without a zone or as a day only."""
    if GIVEN_PRECISION not in consents.schema.names:
        return frozenset()
    chosen = as_integers(column(consents, GIVEN_PRECISION), EXACT) != EXACT
    found = consents.filter(pa.array(chosen))
    return frozenset(who) & frozenset(column(found, "contributor_id").to_pylist())


def _agreement_ref(index: RightsIndex, ref: int) -> str:
    return "" if ref < 0 else one_line(index.consents.refs[ref].as_py())


def _since(states: ConsentStates, i: int, narrowed: bool, on_record: Sequence[ConsentEvent]) -> str:
    """Returns since when a state holds, ISO 8601."""
    if int(states.since[i]) <= DEFAULT_TIME:  # a yes by silence or by default
        return undated_began(on_record, narrowed)
    return iso_instant(int(states.since[i]))


def _notes(
    held: HeldConsents,
    other: ConsentStates,
    i: int,
    later_events: Sequence[_LaterEvent],
    on_record: Sequence[ConsentEvent],
) -> Iterator[str]:
    """Yields a contributor's other statements: those that do not apply, and later ones."""
    if held.withdrawn[i]:
        yield f"the first allow was of {iso_instant(int(held.first_allow[i]))}"
    if int(other.state[i]) != MISSING:
        scope = "in general" if held.narrowed[i] else "for this asset"
        since = _since(other, i, not held.narrowed[i], on_record)
        yield f"{scope} {_STATE_TEXT[int(other.state[i])]} since {since}"
    if later_events:
        value, when = min(
            ((event[2], event[3]) for event in later_events), key=lambda event: event[1]
        )
        yield f"{one_line(value)} from {iso_instant(when)}, after as_of"


def _events_about(consents: pa.Table, who: Sequence[str | None], asset_id: str) -> pa.Table:
    """Returns the contributors' consent events for the asset and in general."""
    chosen = one_of(column(consents, "contributor_id"), [name for name in who if name])
    asset = column(consents, "asset_id")
    chosen &= ~is_present(asset) | one_of(asset, [asset_id])
    return consents.filter(pa.array(chosen))


def _later_events(events: pa.Table, as_of_us: int) -> list[_LaterEvent]:
    """Returns the consent events after the instant."""
    given = column(events, "given_at")
    found = events.filter(pa.array((as_integers(given, as_of_us) > as_of_us) & is_present(given)))
    times = pc.cast(column(found, "given_at"), pa.int64())
    names = ("contributor_id", "purpose", "value")
    values = (column(found, name).to_pylist() for name in names)
    return list(zip(*values, times.to_pylist(), strict=True))
