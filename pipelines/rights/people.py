"""People and property: rules 9 and 10 of docs/rights.md over a batch of assets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.rights.arrow import (
    Bools,
    Ints,
    Lists,
    bools,
    column,
    equals,
    integers,
    lists,
    present,
)
from pipelines.rights.releases import (
    ANY_FAULT,
    FAULTS,
    HAS_RANGE,
    LACKS_RANGE,
    MINOR,
    MODEL,
    PROPERTY,
    WITNESSED,
    ReleaseIndex,
    Traits,
)
from schemas.deal import Deal
from schemas.reasons import Reason

_UNKNOWN = -1
_OWN_WITNESS = np.uint16(1 << FAULTS.index(Reason.RELEASE_WITNESS))

_Add = Callable[[Reason, Bools], None]


@dataclass(frozen=True)
class _Named:
    """The releases that a batch of assets names.

    Attributes:
        held: For each asset, its releases.
        position: For each release named, its position in the index, or -1, [items].
        traits: What is true of it, for an asset's own sake as well, [items].
        outside: Where its shoot dates do not hold the asset's date of creation, [items].
    """

    held: Lists
    position: Ints
    traits: Traits
    outside: Bools

    def sound(self, kind: np.uint16) -> Bools:
        """Where a release of a kind has no fault."""
        return np.asarray(((self.traits & (kind | ANY_FAULT)) == kind) & ~self.outside)

    def of(self, trait: np.uint16) -> Bools:
        """Where a release has a trait."""
        return np.asarray((self.traits & trait) != 0)

    def distinct(self, chosen: Bools) -> Ints:
        """For each asset, how many different releases are chosen: one named twice counts once."""
        items = np.flatnonzero(chosen)
        most = int(self.position.max(initial=0)) + 1
        pairs = np.sort(self.held.rows[items] * most + self.position[items])
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        return np.bincount(pairs // most, minlength=len(self.held.lengths)).astype(np.int64)


def screen_people(add: _Add, assets: pa.Table, releases: ReleaseIndex, deal: Deal) -> None:
    """Adds the reasons that people, minors and property give against the assets of a batch."""
    people = integers(column(assets, "people_count"), _UNKNOWN)
    named = _look_up(assets, releases, deal)
    add(Reason.RELEASE_UNKNOWN_ID, named.held.any(named.position < 0))
    _screen_people_shown(add, assets, people, named, deal)  # 9
    _screen_releases(add, assets, people, named, deal)  # 10


def _look_up(assets: pa.Table, releases: ReleaseIndex, deal: Deal) -> _Named:
    held = lists(column(assets, "release_ids"))
    position = releases.ids.positions(held.values)
    traits = releases.traits[position]
    if deal.rights.witness != "any":
        items = np.flatnonzero(traits & WITNESSED)
        own = _own_witness(held.rows[items], releases.witness[position[items]], releases, assets)
        traits[items[own]] |= _OWN_WITNESS
    created = column(assets, "created_at")
    day = integers(created, 0)[held.rows]
    inside = (releases.shoot_from[position] <= day) & (day <= releases.shoot_until[position])
    outside = ((traits & HAS_RANGE) != 0) & ~(present(created)[held.rows] & inside)
    if deal.rights.shoot_range == "required":
        outside |= (traits & LACKS_RANGE) != 0
    return _Named(held, position, traits, outside)


def _own_witness(
    rows: Ints, witness: npt.NDArray[np.int32], releases: ReleaseIndex, assets: pa.Table
) -> Bools:
    """Where a release of the asset in a row was witnessed by one who made the asset."""
    different = rows[np.diff(rows, prepend=-1) > 0]  # they ascend
    if len(different) == 0:
        return np.zeros(0, np.bool_)
    few = assets.select(["contributors"]).take(pa.array(different))
    shares = lists(column(few, "contributors"))
    maker = releases.witnesses.positions(shares.values.field("contributor_id"))
    # Pairs of row and name as one number each.
    names = len(releases.witnesses)
    makers = (different[shares.rows] * names + maker)[maker >= 0]
    return np.isin(rows * names + witness, makers)


def _screen_people_shown(
    add: _Add, assets: pa.Table, people: Ints, named: _Named, deal: Deal
) -> None:
    shown = people > 0
    if deal.rights.unknown_people_count == "refuse":
        add(Reason.PEOPLE_UNKNOWN_COUNT, people < 0)
    if deal.rights.people == "refuse":
        add(Reason.PEOPLE_REFUSED, shown)
    minors = column(assets, "minors")
    if deal.rights.minors == "refuse":
        add(Reason.MINORS_REFUSED, bools(minors) | named.held.any(named.of(MINOR)))
    add(Reason.MINORS_UNKNOWN, shown & ~present(minors))


def _screen_releases(add: _Add, assets: pa.Table, people: Ints, named: _Named, deal: Deal) -> None:
    needed = np.ones(len(assets), np.bool_)
    if deal.rights.editorial == "accept":  # editorial material that the deal accepts needs none
        needed = ~equals(column(assets, "licence_class"), "editorial")
    held = named.held
    sound_model = named.sound(MODEL)
    short_model = needed & (people > 0) & (named.distinct(sound_model) < people)
    protected = column(assets, "property")
    if deal.rights.unknown_property == "refuse":
        add(Reason.PROPERTY_UNKNOWN, needed & ~present(protected))
    short_property = needed & bools(protected) & ~held.any(named.sound(PROPERTY))
    add(Reason.RELEASE_MODEL_MISSING, short_model)
    add(Reason.RELEASE_PROPERTY_MISSING, short_property)
    # A release's own fault is a reason only where releases of its kind are short.
    matters = named.of(MODEL) & short_model[held.rows]
    matters |= named.of(PROPERTY) & short_property[held.rows]
    for i, reason in enumerate(FAULTS):
        add(reason, held.any(matters & named.of(np.uint16(1 << i))))
    add(Reason.RELEASE_SHOOT_RANGE, held.any(matters & named.outside))
    if deal.rights.minors == "guardian-release":
        # Else a release of the adult beside the child would do.
        guarded = held.any(sound_model & named.of(MINOR))
        add(Reason.RELEASE_GUARDIAN_MISSING, needed & bools(column(assets, "minors")) & ~guarded)


def judge_until(assets: pa.Table, releases: ReleaseIndex, needed: int, far: int) -> Ints:
    """The last day, in days since 1970, on which all rights to each asset hold; at most `far`.

    Args:
        assets: Assets that were cleared.
        releases: The releases; those that end before `needed` did not help to clear.
        needed: The day until which rights had to hold.
        far: The deal's last day.
    """
    held = lists(column(assets, "release_ids"))
    position = releases.ids.positions(held.values)
    until = np.minimum(integers(column(assets, "valid_until"), far), far)
    ends = np.where(position >= 0, releases.valid_until[position], far)
    counted = ends >= needed
    np.minimum.at(until, held.rows[counted], ends[counted])
    return until
