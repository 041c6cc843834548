"""Rule 10: releases of the people and the property that are shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.rights.arrow import BoolArray, IntArray, as_bools, as_integers, equals, is_present
from pipelines.rights.formatting import yes_or_no
from pipelines.rights.release_traits import IS_MODEL, IS_PROPERTY
from pipelines.rights.releases import NamedReleases
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.rule import Rule, Topic, TracedRow

_UNKNOWN_COUNT = -1


@dataclass(frozen=True)
class _Shortage:
    """Where assets lack releases that they need, [rows]."""

    model: BoolArray
    property: BoolArray


def people_counts(batch: AssetBatch) -> IntArray:
    """How many people each asset shows; negative where that is not known, [rows]."""
    return as_integers(batch.column("people_count"), _UNKNOWN_COUNT)


def named_releases(batch: AssetBatch) -> NamedReleases:
    """The releases that the assets of a batch name, with all their faults."""
    return batch.index.releases.find(batch.assets, batch.deal)


def needs_releases(batch: AssetBatch) -> BoolArray:
    """Where an asset needs releases: editorial material that the deal accepts needs none."""
    if batch.deal.rights.editorial == "accept":
        return ~equals(batch.column("licence_class"), "editorial")
    return np.ones(len(batch), np.bool_)


def _shortage(batch: AssetBatch) -> _Shortage:
    named, people = batch.shared(named_releases), batch.shared(people_counts)
    needed = needs_releases(batch)
    too_few = named.count_subjects(named.is_valid(IS_MODEL)) < people
    lacks_property = ~named.lists.any(named.is_valid(IS_PROPERTY))
    return _Shortage(
        model=needed & (people > 0) & too_few,
        property=needed & as_bools(batch.column("property")) & lacks_property,
    )


def _counts_against(batch: AssetBatch) -> BoolArray:
    """Where a release's faults count against the asset: releases of its kind are short, [items]."""
    named, short = batch.shared(named_releases), batch.shared(_shortage)
    counts = named.has_trait(IS_MODEL) & short.model[named.lists.rows]
    return counts | (named.has_trait(IS_PROPERTY) & short.property[named.lists.rows])


def fault_counts(batch: AssetBatch, code: str) -> BoolArray:
    """Where an asset is refused for a fault of releases that it names, [rows]."""
    named = batch.shared(named_releases)
    return named.lists.any(batch.shared(_counts_against) & named.has_fault(code))


def _unknown_property(batch: AssetBatch) -> BoolArray:
    return needs_releases(batch) & ~is_present(batch.column("property"))


def _unknown_id(batch: AssetBatch) -> BoolArray:
    named = batch.shared(named_releases)
    return named.lists.any(named.position < 0)


def _said(traced: TracedRow) -> str:
    row = traced.row
    shown = yes_or_no(row["property"], "property shown", "no property", "property not stated")
    named = len(set(row["release_ids"] or ()))
    return f"{shown}; {named or 'no'} release{'' if named == 1 else 's'} named"


RELEASES = Topic(10, "releases", _said)

RULES = (
    Rule(
        code="property.unknown",
        topic=RELEASES,
        where=_unknown_property,
        applies=lambda deal: deal.rights.unknown_property == "refuse",
        columns=("property",),
        sentence="It is not known whether protected property is shown.",
        remedy='Set assets.property, or use a deal with rights.unknown_property = "accept".',
        governed_by=("rights.unknown_property",),
    ),
    Rule(
        code="release.unknown_id",
        topic=RELEASES,
        where=_unknown_id,
        columns=("release_ids",),
        sentence="A release named by the asset is not in the releases table.",
        remedy="Add the release or remove the id.",
    ),
    Rule(
        code="release.model_missing",
        topic=RELEASES,
        where=lambda batch: batch.shared(_shortage).model,
        columns=("people_count", "release_ids"),
        sentence="There are valid model releases of fewer people than are shown.",
        source="assets.release_ids, releases",
        remedy="Add a valid release of every person.",
    ),
    Rule(
        code="release.property_missing",
        topic=RELEASES,
        where=lambda batch: batch.shared(_shortage).property,
        columns=("property", "release_ids"),
        sentence="Protected property is shown without a valid property release.",
        source="assets.release_ids, releases",
        remedy="Add a valid property release.",
    ),
)
