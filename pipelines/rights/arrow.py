"""Arrow columns as numpy arrays with explicit nulls, for the vectorised rules.

A string column may be dictionary-encoded, as in Parquet; then each distinct text is judged once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.storage.columns import (
    Column,
    list_items,
    numbers_in,
    text_bytes,
    values_of,
    without_dictionary,
)

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

_ASCII_COUNT, _LETTER_COUNT = 128, 26
_MAX_COMPARED = 4  # up to this many texts, comparing one by one is faster than a lookup


def column(table: pa.Table, name: str) -> Column:
    """One column as a single array."""
    chunks = table.column(name)
    if chunks.num_chunks == 1:  # the usual case, in which combining would copy
        return cast("Column", chunks.chunk(0))
    combined: Column | pa.ChunkedArray[Any] = chunks.combine_chunks()
    if isinstance(combined, pa.ChunkedArray):
        first = combined.chunk(0) if combined.num_chunks else pa.array([], combined.type)
        return cast("Column", first)
    return combined


def _bitmap_slice(buffer: pa.Buffer | None, offset: int, length: int) -> BoolArray:
    """A stretch of a bitmap, one item a bit."""
    octets = numbers_in(buffer, np.uint8)[offset // 8 : (offset + length + 7) // 8]
    unpacked = np.unpackbits(octets, bitorder="little")
    return unpacked[offset % 8 : offset % 8 + length].view(np.bool_)


def as_bools(values: Column) -> BoolArray:
    """A boolean array as numpy; null is False."""
    if not pa.types.is_boolean(values.type):
        values = values.cast(pa.bool_())
    if len(values) == 0:
        return np.zeros(0, np.bool_)
    bits = _bitmap_slice(values.buffers()[1], values.offset, len(values))
    return bits & is_present(values) if values.null_count else bits


def folded(texts: Column) -> Column:
    """A string column for comparing names: without case, and in Unicode's compatible form."""
    if isinstance(texts, pa.DictionaryArray):
        distinct = folded(texts.dictionary)
        return cast("Column", pa.DictionaryArray.from_arrays(texts.indices, distinct))
    octets = _octets(texts)
    lowered: Column
    if octets is None or octets.max(initial=0) >= _ASCII_COUNT:
        texts = pc.call_function("utf8_normalize", [texts], pc.Utf8NormalizeOptions("NFKC"))
        lowered = pc.utf8_lower(texts)
        return lowered
    if not ((octets - np.uint8(ord("A"))) < _LETTER_COUNT).any():
        return texts
    lowered = pc.ascii_lower(texts)
    return lowered


def with_hyphens(texts: Column) -> Column:
    """Writes blanks, dots, underscores and dashes in texts as a hyphen: `a 77` is `a-77`."""
    if isinstance(texts, pa.DictionaryArray):
        distinct = with_hyphens(texts.dictionary)
        return cast("Column", pa.DictionaryArray.from_arrays(texts.indices, distinct))
    octets = _octets(texts)
    if octets is not None and octets.max(initial=0) < _ASCII_COUNT:
        present = (np.any(octets == np.uint8(ord(mark))) for mark in " ._")
        if not any(present):
            return texts
    written: Column = pc.replace_substring_regex(texts, "[ ._\u2010-\u2015]+", "-")
    return written


def _octets(texts: Column) -> npt.NDArray[np.uint8] | None:
    """The bytes of a column's texts, without the rest of its buffer; None if stored differently."""
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        return None
    return text_bytes(texts)


def equals(values: Column, text: str) -> BoolArray:
    """Where a string column holds exactly `text`; null never does."""
    if pa.types.is_dictionary(values.type):
        return distinct_texts(values).where(text.__eq__)
    return as_bools(pc.equal(values, pa.scalar(text)))


def one_of(values: Column, allowed: list[str]) -> BoolArray:
    """Where a string column holds one of `allowed`; null never does."""
    if pa.types.is_dictionary(values.type):
        return distinct_texts(values).where(set(allowed).__contains__)
    if 0 < len(allowed) <= _MAX_COMPARED:
        return np.asarray(np.logical_or.reduce([equals(values, text) for text in allowed]))
    return as_bools(pc.is_in(values, value_set=pa.array(allowed, pa.string())))


def is_present(values: Column) -> BoolArray:
    """Where a column is not null."""
    if values.null_count == 0:
        return np.ones(len(values), np.bool_)
    valid = values.buffers()[0]
    if valid is None:  # the null type has no bitmap
        return as_bools(pc.is_valid(values))
    return _bitmap_slice(valid, values.offset, len(values))


def as_integers(values: Column, absent: int) -> IntArray:
    """An integer, date (days) or timestamp (µs) column as int64, with `absent` for null."""
    if pa.types.is_date32(values.type):
        values = values.view(pa.int32())
    if not pa.types.is_int32(values.type):
        values = values.cast(pa.int64())
    if len(values) == 0:
        return np.zeros(0, np.int64)
    kind: type[np.signedinteger] = np.int32 if pa.types.is_int32(values.type) else np.int64
    start = values.offset * np.dtype(kind).itemsize
    result = numbers_in(values.buffers()[1], kind, len(values), start).astype(np.int64)
    if values.null_count:
        np.copyto(result, absent, where=~is_present(values))
    return result


def as_days(values: Column, absent: int) -> npt.NDArray[np.int32]:
    """A date column as days since 1970, with `absent` for null."""
    if len(values) == 0:
        return np.zeros(0, np.int32)
    stored = numbers_in(values.buffers()[1], np.int32, len(values), values.offset * 4)
    return np.where(is_present(values), stored, np.int32(absent)) if values.null_count else stored


@dataclass(frozen=True)
class DistinctTexts:
    """A string column as its distinct texts, each to be judged once.

    Attributes:
        values: The different texts.
        codes: For each row, which text it holds; the number of texts for null.
    """

    values: list[str]
    codes: IntArray

    def where(self, judge: Callable[[str], bool], null: bool = False) -> BoolArray:
        """Where a text is judged True."""
        verdicts = np.array([*(judge(text) for text in self.values), null], np.bool_)
        if not verdicts.any():  # usual for faults
            return np.zeros(len(self.codes), np.bool_)
        return verdicts[self.codes]


def distinct_texts(values: Column) -> DistinctTexts:
    """Returns the distinct texts of a string column."""
    encoded = values.dictionary_encode()
    known = values_of(encoded.dictionary, str)
    return DistinctTexts(known, as_integers(encoded.indices, len(known)))


@dataclass(frozen=True)
class ListColumn:
    """A list column, flattened.

    Attributes:
        values: The items of all rows, one after another.
        lengths: For each row, how many items it has (0 for null).
    """

    values: Column
    lengths: IntArray

    @cached_property
    def rows(self) -> IntArray:
        """For each item, the row it belongs to."""
        return np.repeat(np.arange(len(self.lengths), dtype=np.int64), self.lengths)

    def any(self, chosen: BoolArray) -> BoolArray:
        """For each row, whether one of its items is chosen."""
        result = np.zeros(len(self.lengths), np.bool_)
        result[self.rows[np.flatnonzero(chosen)]] = True
        return result


def list_column(values: Column) -> ListColumn:
    """Flattens a list column."""
    return ListColumn(list_items(values), as_integers(pc.list_value_length(values), 0))


def positions_in(values: Column, known: Column) -> IntArray:
    """Position of each value in `known`, or -1; for few known values, as they are scanned."""
    values = without_dictionary(values)
    return as_integers(pc.index_in(values, value_set=known), -1)
