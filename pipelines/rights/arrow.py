"""Arrow columns as numpy arrays, nulls said aloud: what the vectorised rules are written in.

A column of strings may come as a dictionary, as Parquet has it: then each text is looked at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_FEW = 4  # texts that are sooner compared one by one than looked up


def column(table: pa.Table, name: str) -> pa.Array:
    """One column as a single array."""
    chunks = table.column(name)
    if chunks.num_chunks == 1:  # the usual case, in which combining would copy
        return chunks.chunk(0)
    combined = chunks.combine_chunks()
    if isinstance(combined, pa.ChunkedArray):
        return combined.chunk(0) if combined.num_chunks else pa.array([], combined.type)
    return combined


def _bits(buffer: pa.Buffer, offset: int, length: int) -> Bools:
    """A stretch of a bitmap, one item a bit."""
    octets = np.frombuffer(buffer, np.uint8)[offset // 8 : (offset + length + 7) // 8]
    unpacked = np.unpackbits(octets, bitorder="little")
    return unpacked[offset % 8 : offset % 8 + length].view(np.bool_)


def bools(values: pa.Array) -> Bools:
    """A boolean array as numpy; null is False."""
    if not pa.types.is_boolean(values.type):
        values = values.cast(pa.bool_())
    if len(values) == 0:
        return np.zeros(0, np.bool_)
    held = _bits(values.buffers()[1], values.offset, len(values))
    return held & present(values) if values.null_count else held


def equals(values: pa.Array, text: str) -> Bools:
    """Where a string column holds exactly `text`; null never does."""
    if pa.types.is_dictionary(values.type):
        return texts(values).where(text.__eq__)
    return bools(pc.equal(values, text))


def one_of(values: pa.Array, allowed: list[str]) -> Bools:
    """Where a string column holds one of `allowed`; null never does."""
    if pa.types.is_dictionary(values.type):
        return texts(values).where(set(allowed).__contains__)
    if 0 < len(allowed) <= _FEW:
        return np.asarray(np.logical_or.reduce([equals(values, text) for text in allowed]))
    return bools(pc.is_in(values, value_set=pa.array(allowed, pa.string())))


def present(values: pa.Array) -> Bools:
    """Where a column is not null."""
    if values.null_count == 0:
        return np.ones(len(values), np.bool_)
    valid = values.buffers()[0]
    if valid is None:  # the null type has no bitmap
        return bools(pc.is_valid(values))
    return _bits(valid, values.offset, len(values))


def integers(values: pa.Array, absent: int) -> Ints:
    """An integer, date (days) or timestamp (µs) column as int64, with `absent` for null."""
    if pa.types.is_date32(values.type):
        values = values.view(pa.int32())
    if not pa.types.is_int32(values.type):
        values = values.cast(pa.int64())
    if len(values) == 0:
        return np.zeros(0, np.int64)
    kind: type[np.signedinteger] = np.int32 if pa.types.is_int32(values.type) else np.int64
    start = values.offset * np.dtype(kind).itemsize
    found = np.frombuffer(values.buffers()[1], kind, len(values), start).astype(np.int64)
    if values.null_count:
        found[~present(values)] = absent
    return found


@dataclass(frozen=True)
class Texts:
    """A string column as its different texts, to be judged once each.

    Attributes:
        texts: The different texts.
        codes: For each row, which text it holds; the number of texts for null.
    """

    texts: list[str]
    codes: Ints

    def where(self, judge: Callable[[str], bool], null: bool = False) -> Bools:
        """Where a text is judged True."""
        verdicts = np.array([*(judge(text) for text in self.texts), null], np.bool_)
        return verdicts[self.codes]


def texts(values: pa.Array) -> Texts:
    """Tells the texts of a string column apart."""
    coded = values.dictionary_encode()
    known = coded.dictionary.to_pylist()
    return Texts(known, integers(coded.indices, len(known)))


@dataclass(frozen=True)
class Lists:
    """A list column, flattened.

    Attributes:
        values: The items of all rows, one after another.
        lengths: For each row, how many items it has (0 for null).
    """

    values: pa.Array
    lengths: Ints

    @cached_property
    def rows(self) -> Ints:
        """For each item, the row it belongs to."""
        return np.repeat(np.arange(len(self.lengths), dtype=np.int64), self.lengths)

    def count(self, chosen: Bools) -> Ints:
        """For each row, how many of its items are chosen."""
        return np.bincount(self.rows[chosen], minlength=len(self.lengths)).astype(np.int64)

    def any(self, chosen: Bools) -> Bools:
        """For each row, whether one of its items is chosen."""
        found = np.zeros(len(self.lengths), np.bool_)
        found[self.rows[np.flatnonzero(chosen)]] = True
        return found


def lists(values: pa.Array) -> Lists:
    """Flattens a list column."""
    return Lists(values.flatten(), integers(pc.list_value_length(values), 0))


def lookup(values: pa.Array, known: pa.Array) -> Ints:
    """Position of each value in `known`, or -1; for few known values, which are gone through."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return integers(pc.index_in(values, value_set=known), -1)
