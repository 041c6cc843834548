"""People and property: rules 9 and 10 of docs/rights.md over a batch of assets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.arrow import (
    Bools,
    Ints,
    Lists,
    bools,
    column,
    equals,
    integers,
    lists,
    lookup,
    present,
)
from pipelines.rights.releases import FAULTS, ReleaseIndex
from schemas.deal import Deal
from schemas.decision import Reason

_UNKNOWN = -1


def screen_people(
    add: Callable[[Reason, Bools], None], assets: pa.Table, releases: ReleaseIndex, deal: Deal
) -> None:
    """Adds the reasons that people, minors and property give against the assets of a batch."""
    people = integers(column(assets, "people_count"), _UNKNOWN)
    shown = people > 0
    held = lists(column(assets, "release_ids"))
    position = lookup(held.values, releases.ids)
    known = position >= 0
    add(Reason.RELEASE_UNKNOWN_ID, held.any(~known))

    # 9. People
    if deal.rights.unknown_people_count == "refuse":
        add(Reason.PEOPLE_UNKNOWN_COUNT, people < 0)
    if deal.rights.people == "refuse":
        add(Reason.PEOPLE_REFUSED, shown)
    minors = column(assets, "minors")
    if deal.rights.minors == "refuse":
        by_release = held.any(_at(releases.minor, position))
        add(Reason.MINORS_REFUSED, bools(minors) | by_release)
    add(Reason.MINORS_UNKNOWN, shown & ~present(minors))

    # 10. Releases; editorial material that the deal accepts needs none
    needed = np.ones(len(assets), np.bool_)
    if deal.rights.editorial == "accept":
        needed = ~equals(column(assets, "licence_class"), "editorial")
    unfit_range = _outside_shoot(held, position, releases, assets, deal)
    faults = [_at(fault, position) for fault in releases.faults]
    if deal.rights.witness != "any":
        faults[FAULTS.index(Reason.RELEASE_WITNESS)] |= _own_witness(
            held, position, releases, assets
        )
    sound = known & ~unfit_range & ~np.logical_or.reduce(faults, axis=0)
    is_model = _at(releases.is_model, position)
    is_property = _at(releases.is_property, position)
    models = _distinct(held, position, sound & is_model)
    short_model = needed & shown & (models < people)
    protected = column(assets, "property")
    if deal.rights.unknown_property == "refuse":
        add(Reason.PROPERTY_UNKNOWN, needed & ~present(protected))
    short_property = needed & bools(protected)
    short_property &= ~held.any(sound & is_property)
    add(Reason.RELEASE_MODEL_MISSING, short_model)
    add(Reason.RELEASE_PROPERTY_MISSING, short_property)
    # A release's own fault is a reason only where releases of its kind are short.
    matters = (is_model & short_model[held.rows]) | (is_property & short_property[held.rows])
    for reason, fault in zip(FAULTS, faults, strict=True):
        add(reason, held.any(fault & matters))
    add(Reason.RELEASE_SHOOT_RANGE, held.any(unfit_range & matters))
    if deal.rights.minors == "guardian-release":
        # Else a release of the adult beside the child would do.
        guarded = held.any(sound & is_model & _at(releases.minor, position))
        add(Reason.RELEASE_GUARDIAN_MISSING, needed & bools(minors) & ~guarded)


def _at(values: Bools, position: Ints) -> Bools:
    """`values` at positions, False where the position is -1."""
    if len(values) == 0:
        return np.zeros(len(position), np.bool_)
    return np.asarray(values[position] & (position >= 0))


def _distinct(held: Lists, position: Ints, chosen: Bools) -> Ints:
    """For each asset, how many different releases are chosen: one named twice counts once."""
    pairs = np.unique(np.stack([held.rows[chosen], position[chosen]]), axis=1)
    return np.bincount(pairs[0], minlength=len(held.lengths)).astype(np.int64)


def _outside_shoot(
    held: Lists, position: Ints, releases: ReleaseIndex, assets: pa.Table, deal: Deal
) -> Bools:
    """Where a release's shoot dates do not hold the asset's creation date, or are not known."""
    created = column(assets, "created_at")
    if len(releases.ids) == 0:
        return np.zeros(len(position), np.bool_)
    day = integers(created, 0)[held.rows]
    dated = present(created)[held.rows]
    inside = (releases.shoot_from[position] <= day) & (day <= releases.shoot_until[position])
    outside = _at(releases.has_range, position) & ~(dated & inside)
    if deal.rights.shoot_range == "required":
        outside |= _at(releases.lacks_range, position)
    return outside


def _own_witness(held: Lists, position: Ints, releases: ReleaseIndex, assets: pa.Table) -> Bools:
    """Where a release was witnessed by one who made the asset."""
    found = position >= 0
    if not found.any():
        return found
    witness = releases.witness.take(pa.array(np.where(found, position, 0)))
    shares = lists(column(assets, "contributors"))
    who = shares.values.field("contributor_id")
    names = pc.unique(witness).drop_null()
    # Pairs of row and name as one number each.
    made = lookup(who, names)
    makers = (shares.rows * len(names) + made)[made >= 0]
    saw = lookup(witness, names)
    return found & (saw >= 0) & np.isin(held.rows * len(names) + saw, makers)


def judge_until(assets: pa.Table, releases: ReleaseIndex, far: int) -> Ints:
    """The last day, in days since 1970, on which all rights to each asset hold; at most `far`."""
    held = lists(column(assets, "release_ids"))
    position = lookup(held.values, releases.ids)
    until = np.minimum(integers(column(assets, "valid_until"), far), far)
    named = position >= 0
    np.minimum.at(until, held.rows[named], releases.valid_until[position[named]])
    return until
