"""One asset's consents as dated lines: what holds at an instant, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.arrow import as_integers, column, is_present, one_of
from pipelines.rights.consents import (
    ALLOW,
    CONDITIONAL,
    DENY,
    MISSING,
    UNKNOWN,
    ConsentPositions,
    ConsentStates,
)
from pipelines.rights.formatting import one_line
from pipelines.rights.screen import RightsIndex, missing_consent_passes
from schemas.catalogue import AssetRow
from schemas.deal import Deal
from schemas.reasons import Reason
from schemas.rights import ALL_PURPOSES, Purpose

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATE_TEXT = {
    MISSING: "nothing on record",
    ALLOW: "allow",
    UNKNOWN: "unknown",
    CONDITIONAL: "conditional",
    DENY: "deny",
}
_STATE_REASON = {
    MISSING: Reason.CONSENT_MISSING,
    UNKNOWN: Reason.CONSENT_MISSING,
    CONDITIONAL: Reason.CONSENT_CONDITIONAL,
    DENY: Reason.CONSENT_DENIED,
}


@dataclass(frozen=True)
class ConsentLine:
    """What one contributor says of one purpose at the instant.

    Attributes:
        contributor_id: Who.
        purpose: Of what.
        value: allow, deny, conditional, unknown, or "nothing on record".
        since: When that was said, ISO 8601; "" for nothing.
        narrowed: Whether it was said of this asset alone.
        withdrawn: Whether a denial took back an earlier allow.
        agreement: The agreement that the consent names, or "".
        notes: What else was said, and does not hold.
        needed: Whether the deal needs it.
        reason: The reason that it gives against the asset, if it does.
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
    reason: Reason | None

    @property
    def description(self) -> str:
        """What holds, without whom and of what."""
        text = "withdrawn" if self.withdrawn else self.value
        if self.since:
            text += f" {'on' if self.withdrawn else 'since'} {self.since}"
        if self.narrowed:
            text += ", for this asset"
        if self.agreement and self.value == "allow":
            text += f", agreement {self.agreement}"
        return "; ".join([text, *self.notes])


@dataclass(frozen=True)
class ConsentGroup:
    """Purposes of which one contributor says the same.

    Attributes:
        contributor_id: Who.
        purposes: Of what.
        description: What holds.
        needed: Whether the deal needs them.
        reason: The reason that it gives against the asset, if it does.
    """

    contributor_id: str
    purposes: tuple[Purpose, ...]
    description: str
    needed: bool
    reason: Reason | None

    @property
    def sentence(self) -> str:
        """The whole line."""
        return f"{self.contributor_id}, {', '.join(self.purposes)}: {self.description}"


def group_consents(lines: Iterable[ConsentLine]) -> tuple[ConsentGroup, ...]:
    """Joins the lines that differ in their purpose alone, in their order."""
    groups: dict[tuple[str, str, bool, Reason | None], list[Purpose]] = defaultdict(list)
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
    """What each contributor of an asset says of each purpose that the deal judges.

    Args:
        row: The asset's row.
        consents: schemas.catalogue.CONSENTS_SCHEMA, for what is said after the instant.
        index: The consents as they hold at the instant.
        deal: The deal.
        as_of_us: The instant, µs since 1970.
    """
    who: list[str | None] = [
        *dict.fromkeys(share["contributor_id"] for share in row["contributors"] or ())
    ]
    later_events = _later_events(consents, who, row["asset_id"], as_of_us)
    lines = []
    for purpose in deal.judged_purposes:
        positions = _locate_consents(index, row["asset_id"], who)
        states, general_states, narrowed_states = _consent_states(index, purpose, positions)
        agreements = index.consents.agreement_of(purpose, positions)
        for i, name in enumerate(who):
            events = [
                event
                for event in later_events
                if event[0] == name and event[1] in (purpose, ALL_PURPOSES)
            ]
            missing = int(states.state[i]) == MISSING
            narrowed = _is_same_state(narrowed_states, states, i) and not missing
            lines.append(
                ConsentLine(
                    contributor_id=one_line(name),
                    purpose=purpose,
                    value=_STATE_TEXT[int(states.state[i])],
                    since="" if missing else iso_instant(int(states.since[i])),
                    narrowed=narrowed,
                    withdrawn=bool(states.withdrawn[i]),
                    agreement=_agreement_ref(index, int(agreements[i])),
                    notes=tuple(
                        _notes(
                            states,
                            general_states if narrowed else narrowed_states,
                            narrowed,
                            i,
                            events,
                        )
                    ),
                    needed=purpose in deal.needed_purposes,
                    reason=_reason(states, i, purpose, deal),
                )
            )
    # Told contributor by contributor, in the asset's order.
    order = {one_line(name): i for i, name in enumerate(who)}
    return tuple(sorted(lines, key=lambda line: order[line.contributor_id]))


def _locate_consents(index: RightsIndex, asset_id: str, who: list[str | None]) -> ConsentPositions:
    people = pa.array(who, pa.string())
    return index.consents.locate(pa.array([asset_id] * len(who), pa.string()), people)


def _consent_states(
    index: RightsIndex, purpose: Purpose, positions: ConsentPositions
) -> tuple[ConsentStates, ConsentStates, ConsentStates]:
    """What holds, and the general and the narrowed lines behind it."""
    return (
        index.consents.states_at(purpose, positions),
        index.consents.general[purpose].at(positions.contributor),
        index.consents.narrowed[purpose].at(positions.pair),
    )


def _is_same_state(line: ConsentStates, states: ConsentStates, i: int) -> bool:
    return bool(line.state[i] == states.state[i] and line.since[i] == states.since[i])


def _reason(states: ConsentStates, i: int, purpose: Purpose, deal: Deal) -> Reason | None:
    state = int(states.state[i])
    missing_passes = state == MISSING and missing_consent_passes(deal, purpose)
    if purpose not in deal.needed_purposes or missing_passes:
        return None
    return Reason.CONSENT_WITHDRAWN if states.withdrawn[i] else _STATE_REASON.get(state)


def _agreement_ref(index: RightsIndex, ref: int) -> str:
    return "" if ref < 0 else one_line(index.consents.refs[ref].as_py())


def _notes(
    states: ConsentStates,
    other: ConsentStates,
    narrowed: bool,
    i: int,
    later_events: list[tuple[str | None, str, str, int]],
) -> Iterator[str]:
    if states.withdrawn[i]:
        yield f"the first allow was of {iso_instant(int(states.first_allow[i]))}"
    if int(other.state[i]) != MISSING:
        scope = "in general" if narrowed else "for this asset"
        yield f"{scope} {_STATE_TEXT[int(other.state[i])]} since {iso_instant(int(other.since[i]))}"
    if later_events:
        value, when = min(
            ((event[2], event[3]) for event in later_events), key=lambda event: event[1]
        )
        yield f"{one_line(value)} from {iso_instant(when)}, after as_of"


def _later_events(
    consents: pa.Table, who: list[str | None], asset_id: str, as_of_us: int
) -> list[tuple[str | None, str, str, int]]:
    """Events of the contributors after the instant: who, of what, what, when (µs since 1970)."""
    given = column(consents, "given_at")
    chosen = (as_integers(given, as_of_us) > as_of_us) & is_present(given)
    chosen &= one_of(column(consents, "contributor_id"), [name for name in who if name])
    asset = column(consents, "asset_id")
    chosen &= ~is_present(asset) | one_of(asset, [asset_id])
    found = consents.filter(pa.array(chosen))
    times = pc.cast(column(found, "given_at"), pa.int64())
    names = ("contributor_id", "purpose", "value")
    values = (column(found, name).to_pylist() for name in names)
    return list(zip(*values, times.to_pylist(), strict=True))


def iso_instant(us: int) -> str:
    """An instant in µs since 1970 as ISO 8601, its date alone where it is midnight, UTC."""
    try:
        when = _EPOCH + timedelta(microseconds=us)
    except OverflowError:  # a year that no calendar here has
        return f"{us} µs since 1970"
    if (when - _EPOCH) % timedelta(days=1) == timedelta(0):
        return when.date().isoformat()
    return when.isoformat().replace("+00:00", "Z")
