"""People and property: rules 9 and 10 of docs/rights.md over a batch of assets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.rights.arrow import (
    BoolArray,
    IntArray,
    ListColumn,
    as_bools,
    as_integers,
    column,
    equals,
    is_present,
    list_column,
)
from pipelines.rights.releases import (
    ANY_FAULT,
    HAS_SHOOT_DATE,
    HAS_WITNESS,
    IS_MINOR,
    IS_MODEL,
    IS_PROPERTY,
    LACKS_SHOOT_DATE,
    RELEASE_FAULTS,
    ReleaseIndex,
    TraitArray,
)
from pipelines.storage.columns import struct_field
from schemas.deal import Deal
from schemas.reasons import Reason

_UNKNOWN_COUNT = -1
_WITNESS_FAULT = np.uint16(1 << RELEASE_FAULTS.index(Reason.RELEASE_WITNESS))

_AddReason = Callable[[Reason, BoolArray], None]


@dataclass(frozen=True)
class _AssetReleases:
    """The releases that a batch of assets names.

    Attributes:
        release_lists: For each asset, its releases.
        position: For each release named, its position in the index, or -1, [items].
        traits: What is true of it, for an asset's own sake as well, [items].
        outside_shoot_days: Where its shoot dates do not hold the asset's date of creation, [items].
    """

    release_lists: ListColumn
    position: IntArray
    traits: TraitArray
    outside_shoot_days: BoolArray

    def is_valid(self, kind: np.uint16) -> BoolArray:
        """Where a release of a kind has no fault."""
        return np.asarray(((self.traits & (kind | ANY_FAULT)) == kind) & ~self.outside_shoot_days)

    def has_trait(self, trait: np.uint16) -> BoolArray:
        """Where a release has a trait."""
        return np.asarray((self.traits & trait) != 0)

    def count_distinct(self, selected: BoolArray) -> IntArray:
        """For each asset, how many different releases are chosen: one named twice counts once."""
        items = np.flatnonzero(selected)
        position_count = int(self.position.max(initial=0)) + 1
        pairs = np.sort(self.release_lists.rows[items] * position_count + self.position[items])
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        return np.bincount(
            pairs // position_count, minlength=len(self.release_lists.lengths)
        ).astype(np.int64)


def screen_people(
    add_reason: _AddReason, assets: pa.Table, releases: ReleaseIndex, deal: Deal
) -> None:
    """Adds the reasons that people, minors and property give against the assets of a batch."""
    people_counts = as_integers(column(assets, "people_count"), _UNKNOWN_COUNT)
    asset_releases = _find_asset_releases(assets, releases, deal)
    add_reason(
        Reason.RELEASE_UNKNOWN_ID, asset_releases.release_lists.any(asset_releases.position < 0)
    )
    _screen_people_shown(add_reason, assets, people_counts, asset_releases, deal)  # 9
    _screen_releases(add_reason, assets, people_counts, asset_releases, deal)  # 10


def _find_asset_releases(assets: pa.Table, releases: ReleaseIndex, deal: Deal) -> _AssetReleases:
    release_lists = list_column(column(assets, "release_ids"))
    position = releases.ids.positions(release_lists.values)
    traits = releases.traits[position]
    if deal.rights.witness != "any":
        items = np.flatnonzero(traits & HAS_WITNESS)
        by_contributor = _witnessed_by_contributor(
            release_lists.rows[items], releases.witness[position[items]], releases, assets
        )
        traits[items[by_contributor]] |= _WITNESS_FAULT
    created = column(assets, "created_at")
    day = as_integers(created, 0)[release_lists.rows]
    inside = (releases.shoot_from[position] <= day) & (day <= releases.shoot_until[position])
    outside_shoot_days = ((traits & HAS_SHOOT_DATE) != 0) & ~(
        is_present(created)[release_lists.rows] & inside
    )
    if deal.rights.shoot_range == "required":
        outside_shoot_days |= (traits & LACKS_SHOOT_DATE) != 0
    return _AssetReleases(release_lists, position, traits, outside_shoot_days)


def _witnessed_by_contributor(
    rows: IntArray, witness: npt.NDArray[np.int32], releases: ReleaseIndex, assets: pa.Table
) -> BoolArray:
    """Where a release of the asset in a row was witnessed by one who made the asset."""
    distinct_rows = rows[np.diff(rows, prepend=-1) > 0]  # they ascend
    if len(distinct_rows) == 0:
        return np.zeros(0, np.bool_)
    subset = assets.select(["contributors"]).take(distinct_rows)
    shares = list_column(column(subset, "contributors"))
    contributor = releases.witnesses.positions(struct_field(shares.values, "contributor_id"))
    # Pairs of row and name as one number each.
    name_count = len(releases.witnesses)
    contributor_pairs = (distinct_rows[shares.rows] * name_count + contributor)[contributor >= 0]
    return np.isin(rows * name_count + witness, contributor_pairs)


def _screen_people_shown(
    add_reason: _AddReason,
    assets: pa.Table,
    people_counts: IntArray,
    asset_releases: _AssetReleases,
    deal: Deal,
) -> None:
    shows_people = people_counts > 0
    if deal.rights.unknown_people_count == "refuse":
        add_reason(Reason.PEOPLE_UNKNOWN_COUNT, people_counts < 0)
    if deal.rights.people == "refuse":
        add_reason(Reason.PEOPLE_REFUSED, shows_people)
    minors = column(assets, "minors")
    if deal.rights.minors == "refuse":
        add_reason(
            Reason.MINORS_REFUSED,
            as_bools(minors) | asset_releases.release_lists.any(asset_releases.has_trait(IS_MINOR)),
        )
    add_reason(Reason.MINORS_UNKNOWN, shows_people & ~is_present(minors))


def _screen_releases(
    add_reason: _AddReason,
    assets: pa.Table,
    people_counts: IntArray,
    asset_releases: _AssetReleases,
    deal: Deal,
) -> None:
    needed = np.ones(len(assets), np.bool_)
    if deal.rights.editorial == "accept":  # editorial material that the deal accepts needs none
        needed = ~equals(column(assets, "licence_class"), "editorial")
    release_lists = asset_releases.release_lists
    valid_model = asset_releases.is_valid(IS_MODEL)
    lacks_model = (
        needed & (people_counts > 0) & (asset_releases.count_distinct(valid_model) < people_counts)
    )
    shows_property = column(assets, "property")
    if deal.rights.unknown_property == "refuse":
        add_reason(Reason.PROPERTY_UNKNOWN, needed & ~is_present(shows_property))
    lacks_property = (
        needed & as_bools(shows_property) & ~release_lists.any(asset_releases.is_valid(IS_PROPERTY))
    )
    add_reason(Reason.RELEASE_MODEL_MISSING, lacks_model)
    add_reason(Reason.RELEASE_PROPERTY_MISSING, lacks_property)
    # A release's own fault is a reason only where releases of its kind are short.
    counts_against = asset_releases.has_trait(IS_MODEL) & lacks_model[release_lists.rows]
    counts_against |= asset_releases.has_trait(IS_PROPERTY) & lacks_property[release_lists.rows]
    for i, reason in enumerate(RELEASE_FAULTS):
        add_reason(
            reason, release_lists.any(counts_against & asset_releases.has_trait(np.uint16(1 << i)))
        )
    add_reason(
        Reason.RELEASE_SHOOT_RANGE,
        release_lists.any(counts_against & asset_releases.outside_shoot_days),
    )
    if deal.rights.minors == "guardian-release":
        # Else a release of the adult beside the child would do.
        has_minor_release = release_lists.any(valid_model & asset_releases.has_trait(IS_MINOR))
        add_reason(
            Reason.RELEASE_GUARDIAN_MISSING,
            needed & as_bools(column(assets, "minors")) & ~has_minor_release,
        )


def last_usable_day(
    assets: pa.Table, releases: ReleaseIndex, needed: int, last_day: int
) -> IntArray:
    """The last day, in days since 1970, on which all rights to each asset hold; at most `last_day`.

    Args:
        assets: Assets that were cleared.
        releases: The releases; those that end before `needed` did not help to clear.
        needed: The day until which rights had to hold.
        last_day: The deal's last day.
    """
    release_lists = list_column(column(assets, "release_ids"))
    position = releases.ids.positions(release_lists.values)
    until = np.minimum(as_integers(column(assets, "valid_until"), last_day), last_day)
    ends = np.where(position >= 0, releases.valid_until[position], last_day)
    counted = ends >= needed
    np.minimum.at(until, release_lists.rows[counted], ends[counted])
    return until
