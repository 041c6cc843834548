"""Rule 9: people and minors who are shown."""

from __future__ import annotations

import numpy as np

from pipelines.rights.arrow import BoolArray, as_bools, is_present
from pipelines.rights.formatting import yes_or_no
from pipelines.rights.release_traits import IS_MINOR
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.releases import named_releases, people_counts
from pipelines.rights.rules.rule import Rule, Topic, TracedRow


def _shows_people(batch: AssetBatch) -> BoolArray:
    return np.asarray(batch.shared(people_counts) > 0)


def _shows_minor(batch: AssetBatch) -> BoolArray:
    named = batch.shared(named_releases)
    return as_bools(batch.column("minors")) | named.lists.any(named.has_trait(IS_MINOR))


def _said(traced: TracedRow) -> str:
    count = traced.row["people_count"]
    text_by_count = {None: "number of people not known", 0: "nobody shown", 1: "1 person shown"}
    shown = text_by_count.get(count, f"{count} people shown")
    minors = yes_or_no(traced.row["minors"], "a minor", "no minor", "minors not stated")
    return f"{shown}, {minors}"


_PEOPLE = Topic(9, "people", _said)

RULES = (
    Rule(
        code="people.unknown_count",
        topic=_PEOPLE,
        where=lambda batch: np.asarray(batch.shared(people_counts) < 0),
        applies=lambda deal: deal.rights.unknown_people_count == "refuse",
        columns=("people_count",),
        sentence="It is not known how many people are shown.",
        remedy="Count them, zero included.",
        governed_by=("rights.unknown_people_count",),
    ),
    Rule(
        code="people.refused",
        topic=_PEOPLE,
        where=_shows_people,
        applies=lambda deal: deal.rights.people == "refuse",
        columns=("people_count",),
        sentence="People are shown, and the deal takes none.",
        remedy='Use a deal with rights.people = "release".',
        governed_by=("rights.people",),
    ),
    Rule(
        code="minors.refused",
        topic=_PEOPLE,
        where=_shows_minor,
        applies=lambda deal: deal.rights.minors == "refuse",
        columns=("minors",),
        sentence="A minor is shown, and the deal takes none.",
        source="assets.minors, releases.minor",
        remedy='Use a deal with rights.minors = "guardian-release".',
        governed_by=("rights.minors",),
    ),
    Rule(
        code="minors.unknown",
        topic=_PEOPLE,
        where=lambda batch: _shows_people(batch) & ~is_present(batch.column("minors")),
        columns=("minors",),
        sentence="People are shown, and it is not known whether one is a minor.",
        remedy="Set assets.minors.",
    ),
)
