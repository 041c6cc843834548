"""Arrow columns as numpy arrays, nulls said aloud: what the vectorised rules are written in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def column(table: pa.Table, name: str) -> pa.Array:
    """One column as a single array."""
    combined = table.column(name).combine_chunks()
    if isinstance(combined, pa.ChunkedArray):
        return combined.chunk(0) if combined.num_chunks else pa.array([], combined.type)
    return combined


def bools(values: pa.Array) -> Bools:
    """A boolean array as numpy; null is False."""
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def equals(values: pa.Array, text: str) -> Bools:
    """Where a string column holds exactly `text`; null never does."""
    return bools(pc.equal(values, text))


def one_of(values: pa.Array, allowed: list[str]) -> Bools:
    """Where a string column holds one of `allowed`; null never does."""
    return bools(pc.is_in(values, value_set=pa.array(allowed, pa.string())))


def present(values: pa.Array) -> Bools:
    """Where a column is not null."""
    return bools(pc.is_valid(values))


def integers(values: pa.Array, absent: int) -> Ints:
    """An integer, date (days) or timestamp (µs) column as int64, with `absent` for null."""
    if pa.types.is_date32(values.type):
        values = values.cast(pa.int32())
    filled = pc.fill_null(values.cast(pa.int64()), absent)
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.int64)


@dataclass(frozen=True)
class Lists:
    """A list column, flattened.

    Attributes:
        values: The items of all rows, one after another.
        rows: For each item, the row it belongs to.
        lengths: For each row, how many items it has (0 for null).
    """

    values: pa.Array
    rows: Ints
    lengths: Ints

    def count(self, chosen: Bools) -> Ints:
        """For each row, how many of its items are chosen."""
        return np.bincount(self.rows[chosen], minlength=len(self.lengths)).astype(np.int64)

    def any(self, chosen: Bools) -> Bools:
        """For each row, whether one of its items is chosen."""
        return np.asarray(self.count(chosen) > 0)


def lists(values: pa.Array) -> Lists:
    """Flattens a list column."""
    lengths = integers(pc.list_value_length(values), 0)
    rows = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    return Lists(values.flatten(), rows, lengths)


def lookup(values: pa.Array, known: pa.Array) -> Ints:
    """Position of each value in `known`, or -1."""
    return integers(pc.index_in(values, value_set=known), -1)
