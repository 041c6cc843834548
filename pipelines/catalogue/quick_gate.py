"""The catalogue's rules of single assets, vectorised: which rows fail, without Great Expectations.

It counts what the suite counts; tests compare the two.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.derive import DERIVED_COLUMNS
from pipelines.catalogue.suite import DIVERT, STOP, RuleSuite
from pipelines.storage.columns import Column, list_items, struct_field, values_of
from schemas.ledger import FULL_SPLIT_BP
from schemas.territory import COUNTRIES, WORLD

_Flags = npt.NDArray[np.bool_]
_TERRITORIES = frozenset({*COUNTRIES, WORLD})
_MOST_WEIGHT = 1_000_000_000


def _column(table: pa.Table, name: str) -> Column:
    chunks = table.column(name)
    return cast("Column", chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks())


def _flags(values: Column) -> _Flags:
    found: _Flags = values.fill_null(False).to_numpy(zero_copy_only=False)
    return found


def _less(name: str, least: int) -> Callable[[pa.Table], _Flags]:
    def judge(table: pa.Table) -> _Flags:
        values = _column(table, name)
        return _flags(pc.less(values, pa.scalar(least, values.type)))

    return judge


def _more(name: str, most: int) -> Callable[[pa.Table], _Flags]:
    def judge(table: pa.Table) -> _Flags:
        values = _column(table, name)
        return _flags(pc.greater(values, pa.scalar(most, values.type)))

    return judge


def _none_of(name: str, words: Iterable[str]) -> Callable[[pa.Table], _Flags]:
    known = frozenset(words)

    def judge(table: pa.Table) -> _Flags:
        encoded = _column(table, name).dictionary_encode()
        odd = [text not in known for text in values_of(encoded.dictionary, str)]
        if not any(odd):
            return np.zeros(len(table), np.bool_)
        return _flags(pc.take(pa.array(odd, pa.bool_()), encoded.indices))

    return judge


def _absent(name: str) -> Callable[[pa.Table], _Flags]:
    return lambda table: _flags(_column(table, name).is_null())


def _not_hex(table: pa.Table) -> _Flags:
    digests = _column(table, "sha256")
    if digests.null_count == len(digests):
        return np.zeros(len(table), np.bool_)
    return _flags(pc.invert(pc.match_substring_regex(digests, r"\A[0-9a-fA-F]{64}\z")))


def _no_days(table: pa.Table) -> _Flags:
    first, last = (_column(table, name) for name in ("exclusive_from", "exclusive_until"))
    return _flags(pc.less(last, first))


def _shares(table: pa.Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Column]:
    """Returns the row of each share, the shares, and how many each row has."""
    lists = _column(table, "contributors")
    counts = pc.list_value_length(lists).fill_null(0)
    rows = np.repeat(np.arange(len(lists)), counts.to_numpy(zero_copy_only=False))
    shares = struct_field(list_items(lists), "share_bp").to_numpy(zero_copy_only=False)
    return rows, shares.astype(np.int64), counts


def _nobody(table: pa.Table) -> _Flags:
    return _flags(pc.equal(_shares(table)[2], pa.scalar(0, pa.int32())))


def _not_whole(table: pa.Table) -> _Flags:
    rows, shares, counts = _shares(table)
    totals = np.bincount(rows, weights=shares, minlength=len(table))
    return np.asarray((totals != FULL_SPLIT_BP) & (counts.to_numpy(zero_copy_only=False) > 0))


def _not_positive(table: pa.Table) -> _Flags:
    rows, shares, _ = _shares(table)
    found = np.zeros(len(table), np.bool_)
    found[rows[shares < 1]] = True
    return found


def _unknown_territory(table: pa.Table) -> _Flags:
    found = np.zeros(len(table), np.bool_)
    for name in ("territories_in", "territories_out"):
        lists = _column(table, name)
        items = list_items(lists).dictionary_encode()
        odd = [text not in _TERRITORIES for text in values_of(items.dictionary, str)]
        if any(odd):
            chosen = _flags(pc.take(pa.array(odd, pa.bool_()), items.indices))
            parents = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
            found[parents[chosen]] = True
    return found


#: Where rows fail a rule, by its name; those that only report are counted by screening.
JUDGES: dict[str, Callable[[pa.Table], _Flags]] = {
    "asset_id_given": _absent("asset_id"),
    "media_uri_given": _absent("media_uri"),
    "media_type_known": _none_of("media_type", ("image", "video")),
    "contributors_given": _nobody,
    "splits_sum": _not_whole,
    "splits_positive": _not_positive,
    "territory_codes": _unknown_territory,
    "exclusive_window": _no_days,
    "people_count_not_negative": _less("people_count", 0),
    "weight_positive": _less("weight", 1),
    "weight_fits": _more("weight", _MOST_WEIGHT),
    "sha256_hex": _not_hex,
    **{f"{name}_positive": _less(name, 1) for name in ("bytes", "width", "height", "duration_ms")},
}
#: The columns that they look at.
GATE_COLUMNS = (
    *("asset_id", "media_uri", "media_type", "contributors", "territories_in", "territories_out"),
    *("exclusive_from", "exclusive_until", "people_count", "weight", "sha256", "bytes", "width"),
    *("height", "duration_ms"),
)


def passes(table: pa.Table, suite: RuleSuite) -> bool:
    """Whether no row of a small table fails a rule that stops a run, as far as that is certain.

    If not, the suite itself must be asked.
    """
    expected = {entry["meta"]["rule"]: entry for entry in json.loads(suite.source)["expectations"]}
    for rule in suite.rules:
        if rule.on_failure == STOP and len(table):
            derive = DERIVED_COLUMNS.get(rule.column)
            values = derive(table) if derive else _column(table, rule.column)
            words = expected[rule.name]["kwargs"].get("value_set", [])
            if not _holds(rule.expectation, values.drop_null(), words):
                return False
    return True


def _holds(expectation: str, given: Column, words: list[str]) -> bool:
    """Whether values that are given are as an expectation demands."""
    if expectation == "expect_column_values_to_be_unique":
        return len(pc.unique(given)) == len(given)
    if expectation == "expect_column_values_to_be_in_set":
        known = pa.array(words, pa.string())
        return not len(given) or bool(pc.all(pc.is_in(given, value_set=known)).as_py())
    return expectation == "expect_column_values_to_be_null" and not len(given)


def failing_rows(assets: pa.Table, suite: RuleSuite, divert: frozenset[str]) -> tuple[_Flags, bool]:
    """Returns which rows become failed assets, and whether a row fails a rule that stops the run.

    Args:
        assets: Columns of ASSETS_SCHEMA, texts perhaps encoded as dictionaries.
        suite: The rules.
        divert: Stop rules that do not stop a run of this deal.
    """
    failed, stops = np.zeros(len(assets), np.bool_), False
    for rule in suite.rules:
        if rule.on_failure == DIVERT:
            failed |= JUDGES[rule.name](assets)
        elif rule.on_failure == STOP and rule.name not in divert:
            stops = stops or bool(JUDGES[rule.name](assets).any())
    return failed, stops
