"""Rule 3: the licence's class and code, and whether somebody else has the asset alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipelines.rights.arrow import (
    BoolArray,
    DistinctTexts,
    as_bools,
    as_integers,
    distinct_texts,
    equals,
    is_present,
    list_column,
    one_of,
)
from pipelines.rights.formatting import one_line, text_or, yes_or_no
from pipelines.rights.release_traits import epoch_days
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.rule import Rule, Topic, TracedRow
from pipelines.rights.spdx import is_share_alike, licence_parts
from schemas.catalogue import LICENCE_CLASSES, LICENCE_MODELS
from schemas.rights import Purpose

_MAX_INT64 = int(np.iinfo(np.int64).max)
_EXCLUSIVE_COLUMNS = ("exclusive_purposes", "exclusive_from", "exclusive_until")


def _codes(batch: AssetBatch) -> DistinctTexts:
    return distinct_texts(batch.column("licence_code"))


def has_part(*parts: str) -> Callable[[AssetBatch], BoolArray]:
    """Returns where an identifier in the licence code has one of the parts, such as ND."""
    sought = frozenset(parts)
    return lambda batch: batch.shared(_codes).where(
        lambda code: bool((licence_parts(code) or frozenset()) & sought)
    )


def _share_alike(batch: AssetBatch) -> BoolArray:
    return batch.shared(_codes).where(is_share_alike)


def _unknown_code(batch: AssetBatch) -> BoolArray:
    return batch.shared(_codes).where(lambda code: licence_parts(code) is None)


def _unknown_class(batch: AssetBatch) -> BoolArray:
    known = one_of(batch.column("licence_class"), list(LICENCE_CLASSES))
    return ~(known & one_of(batch.column("licence_model"), list(LICENCE_MODELS)))


def _licensed_elsewhere(batch: AssetBatch) -> BoolArray:
    """Where somebody else has the asset alone, for a purpose and a time that the deal is about."""
    deal = batch.deal
    exclusive = batch.column("exclusive")
    purposes = list_column(batch.column("exclusive_purposes"))
    first, last = batch.column("exclusive_from"), batch.column("exclusive_until")
    # Who gives a purpose or a day of it means it, unless `exclusive` says no.
    implied = (purposes.lengths > 0) | is_present(first) | is_present(last)
    is_exclusive = as_bools(exclusive) | (implied & ~is_present(exclusive))
    other_purposes = [purpose.value for purpose in Purpose if purpose not in deal.needed_purposes]
    purpose_affected = (purposes.lengths == 0) | purposes.any(
        ~one_of(purposes.values, other_purposes)
    )
    overlaps = (as_integers(first, -_MAX_INT64) <= epoch_days(deal.ends)) & (
        as_integers(last, _MAX_INT64) >= epoch_days(deal.starts)
    )
    return np.asarray(is_exclusive & purpose_affected & overlaps)


def _said(traced: TracedRow) -> str:
    row = traced.row
    model = f"{one_line(row['licence_model'])} {one_line(row['licence_class'])}"
    parts = [model, text_or(row["licence_code"], "no licence code")]
    limits = {name: value for name, value in row.items() if name in _EXCLUSIVE_COLUMNS}
    given = [f"{name} {one_line(limits[name])}" for name in _EXCLUSIVE_COLUMNS if limits[name]]
    held = yes_or_no(row["exclusive"], "exclusive", "not exclusive", "exclusive not stated")
    return ", ".join([*parts, held, *given])


_LICENCE = Topic(3, "licence", _said)

CLASS_RULES = (
    Rule(
        code="class.editorial",
        topic=_LICENCE,
        where=lambda batch: equals(batch.column("licence_class"), "editorial"),
        applies=lambda deal: deal.rights.editorial == "refuse",
        columns=("licence_class",),
        sentence="Editorial material, and the deal takes none.",
        remedy='Use a deal with rights.editorial = "accept".',
        governed_by=("rights.editorial",),
    ),
    Rule(
        code="class.unknown",
        topic=_LICENCE,
        where=_unknown_class,
        columns=("licence_model", "licence_class"),
        sentence="The licence model or class is none of RF, RM, creative, editorial.",
        remedy="Set them, or map the agency's values.",
    ),
)

RULES = (
    Rule(
        code="licence.exclusive",
        topic=_LICENCE,
        where=_licensed_elsewhere,
        columns=("exclusive", *_EXCLUSIVE_COLUMNS),
        sentence="The asset is licensed exclusively elsewhere.",
        source="assets.exclusive",
        remedy="None before the exclusive licence ends.",
        governed_by=("purposes", "starts", "ends"),
    ),
    Rule(
        code="licence.non_commercial",
        topic=_LICENCE,
        where=has_part("NC", "NCGL", "NONCOMMERCIAL"),  # also PolyForm-Noncommercial-1.0.0
        applies=lambda deal: deal.rights.non_commercial == "refuse",
        columns=("licence_code",),
        sentence="The licence code forbids commercial use.",
        remedy="Get a commercial licence from the contributor.",
        governed_by=("rights.non_commercial",),
    ),
    Rule(
        code="licence.no_derivatives",
        topic=_LICENCE,
        where=has_part("ND"),
        applies=lambda deal: deal.rights.no_derivatives == "refuse",
        columns=("licence_code",),
        sentence="The licence code forbids derivatives.",
        remedy="Get a licence that allows derivatives.",
        governed_by=("rights.no_derivatives",),
    ),
    Rule(
        code="licence.share_alike",
        topic=_LICENCE,
        where=_share_alike,
        applies=lambda deal: deal.rights.share_alike == "refuse",
        columns=("licence_code",),
        sentence="The licence code asks derivatives to be shared alike; that wants a review.",
        remedy='Have counsel review it, then use a deal with rights.share_alike = "accept".',
        governed_by=("rights.share_alike",),
    ),
    Rule(
        code="licence.unknown_code",
        topic=_LICENCE,
        where=_unknown_code,
        columns=("licence_code",),
        sentence="The licence code is not an SPDX identifier.",
        remedy="Use an SPDX identifier, or leave it empty for the agency's own licence.",
    ),
)
