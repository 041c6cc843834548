"""Rule 13: what the deal selects by the catalogue alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa

from pipelines.rights.arrow import BoolArray, column, distinct_texts, list_column, one_of
from pipelines.rights.formatting import comma_list, one_line
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.rule import Rule, Topic, TracedRow
from pipelines.storage.columns import Column
from schemas.deal import Deal
from schemas.errors import counted

_MAX_KEYWORDS = 8
# Characters that are not visible in a word, and those that look like a hyphen.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]"
)
_DASH = re.compile("[\u2010-\u2015\u2043\u2212\ufe58\ufe63\uff0d]")
_AROUND = " []{}'\"#."  # of a word in a list written by a program, or of a tag
# A keyword with one of these may be several that were not separated.
_INNER_SEPARATOR = re.compile("[,;|\t\n\r\u2022\u3001]")


@lru_cache(maxsize=65_536)
def _fold_case(word: str) -> str:
    """A word as it is compared: Unicode's canonical caseless matching (D145)."""
    decomposed = unicodedata.normalize("NFD", word)
    return unicodedata.normalize("NFD", decomposed.casefold())


def _plain_form(word: str) -> str:
    """A keyword as it is compared with excluded ones: with fewer differences, to miss none."""
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", word))
    return _fold_case(_DASH.sub("-", text)).strip(_AROUND)


@lru_cache(maxsize=65_536)
def _plain_parts(word: str) -> frozenset[str]:
    """A keyword in plain form, and each keyword that it may contain, in plain form."""
    parts = (word, *_INNER_SEPARATOR.split(unicodedata.normalize("NFKC", word)))
    return frozenset(map(_plain_form, parts)) - {""}


def _asks_for_keywords(deal: Deal) -> bool:
    return bool(deal.select.keywords_any or deal.select.keywords_none)


def _keywords_do_not_fit(batch: AssetBatch) -> BoolArray:
    selection = batch.deal.select
    keywords = batch.column("keywords")
    refused = np.zeros(len(batch), np.bool_)
    if selection.keywords_any:
        refused |= ~_has_keyword(keywords, selection.keywords_any)
    if selection.keywords_none:
        refused |= _has_excluded_keyword(keywords, selection.keywords_none)
    return refused


def _has_keyword(keywords: Column, sought: Sequence[str]) -> BoolArray:
    lists = list_column(keywords)
    folded = {_fold_case(word) for word in sought}
    return lists.any(distinct_texts(lists.values).where(lambda word: _fold_case(word) in folded))


def _has_excluded_keyword(keywords: Column, excluded: Sequence[str]) -> BoolArray:
    lists = list_column(keywords)
    plain = set(map(_plain_form, excluded))
    return lists.any(
        distinct_texts(lists.values).where(lambda word: not plain.isdisjoint(_plain_parts(word)))
    )


def count_excluded(assets: pa.Table, deal: Deal) -> int:
    """Counts the assets that have a keyword of the deal's `keywords_none`.

    Args:
        assets: schemas.catalogue.ASSETS_SCHEMA.
        deal: The deal.
    """
    if not deal.select.keywords_none:
        return 0
    return int(_has_excluded_keyword(column(assets, "keywords"), deal.select.keywords_none).sum())


def _said(traced: TracedRow) -> str:
    kind = one_line(traced.row["media_type"])
    if traced.deal.select.only:
        kind += f"; the deal takes {counted(len(traced.deal.select.only), 'listed asset')} only"
    if not _asks_for_keywords(traced.deal):
        return f"{kind}; the deal requires no keywords"
    words = traced.row["keywords"] or []
    more = f" and {len(words) - _MAX_KEYWORDS} more" if len(words) > _MAX_KEYWORDS else ""
    return f"{kind}; keywords {comma_list(words[:_MAX_KEYWORDS]) or 'none'}{more}"


SELECTION = Topic(13, "selection", _said)

RULES = (
    Rule(
        code="select.media_type",
        topic=SELECTION,
        where=lambda batch: ~one_of(batch.column("media_type"), list(batch.deal.media)),
        columns=("media_type",),
        sentence="The deal does not ask for this kind of media.",
        remedy="Use a deal that does.",
        governed_by=("media",),
        travels=False,
    ),
    Rule(
        code="select.keywords",
        topic=SELECTION,
        where=_keywords_do_not_fit,
        applies=_asks_for_keywords,
        columns=("keywords",),
        sentence="The keywords do not fit the deal's selection.",
        remedy="Widen the deal's selection.",
        governed_by=("select.keywords_any", "select.keywords_none"),
        travels=False,
    ),
    Rule(
        code="select.not_listed",
        topic=SELECTION,
        where=lambda batch: batch.index.only.positions(batch.column("asset_id")) < 0,
        applies=lambda deal: bool(deal.select.only),
        columns=("asset_id",),
        sentence="The deal lists the assets that it takes, and this is not one of them.",
        remedy="Add the asset to the deal's list.",
        governed_by=("select.only",),
        travels=False,
    ),
)
