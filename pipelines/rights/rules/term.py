"""Rules 4 and 5: the agency's rights cover the deal's term and territory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.rights.arrow import (
    BoolArray,
    DistinctTexts,
    ListColumn,
    as_integers,
    distinct_texts,
    list_column,
)
from pipelines.rights.formatting import comma_list, text_or
from pipelines.rights.release_traits import epoch_days
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.rule import Rule, Topic, TracedRow
from schemas.territory import COUNTRIES, WORLD

_MAX_INT64 = int(np.iinfo(np.int64).max)
_KNOWN_CODES = {*COUNTRIES, WORLD}


@dataclass(frozen=True)
class _Territories:
    """Countries of a batch, in and out: lists, and the codes of their items."""

    included: ListColumn
    excluded: ListColumn
    included_codes: DistinctTexts
    excluded_codes: DistinctTexts


def _territories(batch: AssetBatch) -> _Territories:
    included = list_column(batch.column("territories_in"))
    excluded = list_column(batch.column("territories_out"))
    return _Territories(
        included, excluded, distinct_texts(included.values), distinct_texts(excluded.values)
    )


def _not_covered(batch: AssetBatch) -> BoolArray:
    deal, held = batch.deal, batch.shared(_territories)
    everywhere = held.included.any(held.included_codes.where(WORLD.__eq__))
    everywhere |= held.included.lengths == 0
    if deal.is_worldwide:
        return np.asarray(~(everywhere & (held.excluded.lengths == 0)))
    count = np.zeros(len(batch), np.int64)
    for country in deal.territory:
        count += held.included.any(held.included_codes.where(country.__eq__))
    forbidden = held.excluded.any(held.excluded_codes.where({*deal.territory, WORLD}.__contains__))
    return np.asarray(~((everywhere | (count == len(deal.territory))) & ~forbidden))


def _unknown_code(batch: AssetBatch) -> BoolArray:
    held = batch.shared(_territories)
    unknown = held.included.any(~held.included_codes.where(_KNOWN_CODES.__contains__))
    return unknown | held.excluded.any(~held.excluded_codes.where(_KNOWN_CODES.__contains__))


def _not_started(batch: AssetBatch) -> BoolArray:
    starts = as_integers(batch.column("valid_from"), -_MAX_INT64)
    return np.asarray(starts > epoch_days(batch.deal.starts))


def _ends_early(batch: AssetBatch) -> BoolArray:
    ends = as_integers(batch.column("valid_until"), _MAX_INT64)
    return np.asarray(ends < batch.index.needed_until)


def _term_said(traced: TracedRow) -> str:
    first, last, deal = traced.row["valid_from"], traced.row["valid_until"], traced.deal
    if first is None and last is None:
        asset_term = "no first or last day"
    else:
        asset_term = f"{text_or(first, 'no first day')} to {text_or(last, 'no last day')}"
    return f"{asset_term}; the deal {deal.starts} to {deal.ends}"


def _territory_said(traced: TracedRow) -> str:
    inside = comma_list(traced.row["territories_in"]) or "everywhere"
    outside = comma_list(traced.row["territories_out"])
    exception = f" without {outside}" if outside else ""
    return f"{inside}{exception}; the deal {', '.join(traced.deal.territory)}"


_TERM = Topic(4, "term", _term_said)
_TERRITORY = Topic(5, "territory", _territory_said)

RULES = (
    Rule(
        code="term.not_started",
        topic=_TERM,
        where=_not_started,
        columns=("valid_from",),
        sentence="The agency's rights begin after the deal does.",
        remedy="Use a deal that starts later, or get an earlier grant.",
        governed_by=("starts",),
    ),
    Rule(
        code="term.ends_early",
        topic=_TERM,
        where=_ends_early,
        columns=("valid_until",),
        sentence="The agency's rights end before the deal does.",
        remedy="Renew the asset's term, or shorten the deal's.",
        governed_by=("rights.ends_early", "ends"),
    ),
    Rule(
        code="territory.not_covered",
        topic=_TERRITORY,
        where=_not_covered,
        columns=("territories_in", "territories_out"),
        sentence="The asset's territory does not cover the deal's.",
        remedy="Get a wider grant, or use a narrower deal.",
        governed_by=("territory",),
    ),
    Rule(
        code="territory.unknown_code",
        topic=_TERRITORY,
        where=_unknown_code,
        columns=("territories_in", "territories_out"),
        sentence="A territory is no ISO 3166-1 alpha-2 code.",
        remedy="Correct the code.",
    ),
)
