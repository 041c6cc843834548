"""One asset's consents as dated lines: what holds at an instant, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.arrow import column, integers, one_of, present
from pipelines.rights.consents import ALLOW, CONDITIONAL, DENY, MISSING, UNKNOWN, Places, Said
from pipelines.rights.lines import one_line
from pipelines.rights.screen import RightsIndex, silence_is_enough
from schemas.deal import Deal
from schemas.reasons import Reason
from schemas.rights import ALL_PURPOSES, Purpose

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = {
    MISSING: "nothing on record",
    ALLOW: "allow",
    UNKNOWN: "unknown",
    CONDITIONAL: "conditional",
    DENY: "deny",
}
_REASONS = {
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
    def words(self) -> str:
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
        words: What holds.
        needed: Whether the deal needs them.
        reason: The reason that it gives against the asset, if it does.
    """

    contributor_id: str
    purposes: tuple[Purpose, ...]
    words: str
    needed: bool
    reason: Reason | None

    @property
    def sentence(self) -> str:
        """The whole line."""
        return f"{self.contributor_id}, {', '.join(self.purposes)}: {self.words}"


def group_consents(lines: Iterable[ConsentLine]) -> tuple[ConsentGroup, ...]:
    """Joins the lines that differ in their purpose alone, in their order."""
    groups: dict[tuple[str, str, bool, Reason | None], list[Purpose]] = defaultdict(list)
    for line in lines:
        key = (line.contributor_id, line.words, line.needed, line.reason)
        groups[key].append(line.purpose)
    return tuple(
        ConsentGroup(who, tuple(purposes), words, needed, reason)
        for (who, words, needed, reason), purposes in groups.items()
    )


def consent_lines(
    row: dict[str, Any], consents: pa.Table, index: RightsIndex, deal: Deal, as_of_us: int
) -> tuple[ConsentLine, ...]:
    """What each contributor of an asset says of each purpose that the deal judges.

    Args:
        row: The asset's row.
        consents: schemas.catalogue.CONSENTS_SCHEMA, for what is said after the instant.
        index: The consents as they hold at the instant.
        deal: The deal.
        as_of_us: The instant, µs since 1970.
    """
    who = list(dict.fromkeys(share["contributor_id"] for share in row["contributors"] or ()))
    later = _said_later(consents, who, row["asset_id"], as_of_us)
    lines = []
    for purpose in deal.judged_purposes:
        places = _places(index, row["asset_id"], who)
        said, wide, thin = _said(index, purpose, places)
        agreements = index.consents.agreement_of(purpose, places)
        for i, name in enumerate(who):
            events = [e for e in later if e[0] == name and e[1] in (purpose, ALL_PURPOSES)]
            missing = int(said.state[i]) == MISSING
            narrowed = _same(thin, said, i) and not missing
            lines.append(
                ConsentLine(
                    contributor_id=one_line(name),
                    purpose=purpose,
                    value=_NAMES[int(said.state[i])],
                    since="" if missing else instant(int(said.since[i])),
                    narrowed=narrowed,
                    withdrawn=bool(said.withdrawn[i]),
                    agreement=_reference(index, int(agreements[i])),
                    notes=tuple(_notes(said, wide if narrowed else thin, narrowed, i, events)),
                    needed=purpose in deal.needed_purposes,
                    reason=_reason(said, i, purpose, deal),
                )
            )
    # Told contributor by contributor, in the asset's order.
    place = {one_line(name): i for i, name in enumerate(who)}
    return tuple(sorted(lines, key=lambda line: place[line.contributor_id]))


def _places(index: RightsIndex, asset_id: str, who: list[str | None]) -> Places:
    people = pa.array(who, pa.string())
    return index.consents.places(pa.array([asset_id] * len(who), pa.string()), people)


def _said(index: RightsIndex, purpose: Purpose, places: Places) -> tuple[Said, Said, Said]:
    """What holds, and the general and the narrowed lines behind it."""
    return (
        index.consents.said_at(purpose, places),
        index.consents.general[purpose].at(places.person),
        index.consents.narrowed[purpose].at(places.pair),
    )


def _same(line: Said, said: Said, i: int) -> bool:
    return bool(line.state[i] == said.state[i] and line.since[i] == said.since[i])


def _reason(said: Said, i: int, purpose: Purpose, deal: Deal) -> Reason | None:
    state = int(said.state[i])
    silent = state == MISSING and silence_is_enough(deal, purpose)
    if purpose not in deal.needed_purposes or silent:
        return None
    return Reason.CONSENT_WITHDRAWN if said.withdrawn[i] else _REASONS.get(state)


def _reference(index: RightsIndex, ref: int) -> str:
    return "" if ref < 0 else one_line(index.consents.refs[ref].as_py())


def _notes(
    said: Said, other: Said, narrowed: bool, i: int, later: list[tuple[str | None, str, str, int]]
) -> Iterator[str]:
    if said.withdrawn[i]:
        yield f"the first allow was of {instant(int(said.first_allow[i]))}"
    if int(other.state[i]) != MISSING:
        scope = "in general" if narrowed else "for this asset"
        yield f"{scope} {_NAMES[int(other.state[i])]} since {instant(int(other.since[i]))}"
    if later:
        value, when = min(((e[2], e[3]) for e in later), key=lambda e: e[1])
        yield f"{one_line(value)} from {instant(when)}, after as_of"


def _said_later(
    consents: pa.Table, who: list[str | None], asset_id: str, as_of_us: int
) -> list[tuple[str | None, str, str, int]]:
    """Events of the contributors after the instant: who, of what, what, when (µs since 1970)."""
    given = column(consents, "given_at")
    chosen = (integers(given, as_of_us) > as_of_us) & present(given)
    chosen &= one_of(column(consents, "contributor_id"), [name for name in who if name])
    asset = column(consents, "asset_id")
    chosen &= ~present(asset) | one_of(asset, [asset_id])
    found = consents.filter(pa.array(chosen))
    whens = pc.cast(column(found, "given_at"), pa.int64())
    names = ("contributor_id", "purpose", "value")
    values = (column(found, name).to_pylist() for name in names)
    return list(zip(*values, whens.to_pylist(), strict=True))


def instant(us: int) -> str:
    """An instant in µs since 1970 as ISO 8601, its date alone where it is midnight, UTC."""
    try:
        when = _EPOCH + timedelta(microseconds=us)
    except OverflowError:  # a year that no calendar here has
        return f"{us} µs since 1970"
    if (when - _EPOCH) % timedelta(days=1) == timedelta(0):
        return when.date().isoformat()
    return when.isoformat().replace("+00:00", "Z")
