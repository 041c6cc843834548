"""Builds the pandas frame that the expectations check; some columns are derived from lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.vocabulary import VOCABULARIES
from pipelines.storage.columns import Column, join_text, list_items
from schemas.territory import COUNTRIES, WORLD

if TYPE_CHECKING:
    import pandas as pd

_TERRITORY_CODES = pa.array([*sorted(COUNTRIES), WORLD], pa.string())


def build_frame(table: pa.Table, columns: Iterable[str]) -> pd.DataFrame:
    """Returns the named columns of a table, deriving those that the table does not have."""
    arrays = {name: _column(table, name) for name in dict.fromkeys(columns)}
    return pa.table(arrays).to_pandas()


def _column(table: pa.Table, name: str) -> Column:
    derive = DERIVED_COLUMNS.get(name)
    column = derive(table) if derive else table.column(name).combine_chunks()
    # Great Expectations compares 64-bit numbers vectorised and all others one by one.
    return column.cast(pa.int64()) if pa.types.is_integer(column.type) else column


def _contributor_count(table: pa.Table) -> Column:
    counts: Column = pc.list_value_length(table.column("contributors").combine_chunks())
    return counts


def _share_rows(table: pa.Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns the row of each share in the batch, and the shares."""
    lists = table.column("contributors").combine_chunks()
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    shares = pc.struct_field(list_items(lists), "share_bp").to_numpy(zero_copy_only=False)
    return np.repeat(np.arange(len(lists)), lengths), shares.astype(np.int64)


def _share_total(table: pa.Table) -> Column:
    rows, shares = _share_rows(table)
    totals = np.zeros(table.num_rows, np.int64)
    np.add.at(totals, rows, shares)
    return _null_where_empty(totals, rows)


def _share_minimum(table: pa.Table) -> Column:
    rows, shares = _share_rows(table)
    minimum = np.full(table.num_rows, np.iinfo(np.int64).max)
    np.minimum.at(minimum, rows, shares)
    return _null_where_empty(minimum, rows)


def _null_where_empty(values: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> Column:
    """Returns the values as a column, with null in rows without contributors."""
    return pa.array(values, mask=np.bincount(rows, minlength=len(values)) == 0)


def _unknown_territory(table: pa.Table) -> Column:
    """Returns each row's first territory that is not a known code; null if all are known."""
    first: Column = pa.nulls(table.num_rows, pa.string())
    for name in ("territories_in", "territories_out"):
        lists = table.column(name).combine_chunks()
        flat = list_items(lists)
        unknown = pc.invert(pc.is_in(flat, value_set=_TERRITORY_CODES)).to_numpy(
            zero_copy_only=False
        )
        rows_of_unknown = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)[unknown]
        rows, first_index = np.unique(rows_of_unknown, return_index=True)
        places = np.full(table.num_rows, -1, np.int64)
        places[rows] = np.flatnonzero(unknown)[first_index]
        found: Column = pa.array(places, mask=places < 0)
        first = pc.coalesce(first, flat.take(found))
    return first


def _exclusive_days(table: pa.Table) -> Column:
    """Returns how many days each exclusive licence lasts; null where an end is not given."""
    first, last = (
        table.column(name).combine_chunks().cast(pa.int32()).cast(pa.int64())
        for name in ("exclusive_from", "exclusive_until")
    )
    days: Column = pc.add(pc.subtract(last, first), pa.scalar(1, pa.int64()))
    return days


def _agreement_pair(table: pa.Table) -> Column:
    """Returns each agreement with its contributor."""
    refs, ids = (
        table.column(name).combine_chunks() for name in ("agreement_ref", "contributor_id")
    )
    return join_text(refs, ids, " of ")


def _unknown_purpose(table: pa.Table) -> Column:
    """Returns each row's first purpose that is none of ours; null if all are known."""
    lists = table.column("purposes").combine_chunks()
    known = set(VOCABULARIES["purposes"])
    unknown = [
        next((str(item) for item in items or () if item not in known), None)
        for items in lists.to_pylist()
    ]
    return pa.array(unknown, pa.string())


DERIVED_COLUMNS: dict[str, Callable[[pa.Table], Column]] = {
    "contributor_count": _contributor_count,
    "splits_total_bp": _share_total,
    "splits_least_bp": _share_minimum,
    "territory_unknown": _unknown_territory,
    "exclusive_days": _exclusive_days,
    "agreement_pair": _agreement_pair,
    "purpose_unknown": _unknown_purpose,
}
