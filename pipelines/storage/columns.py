"""Typed helpers for Arrow columns and rows, where pyarrow's stubs are too wide or too narrow.

pyarrow has no annotations of its own. Those of `pyarrow-stubs` do not cover joins of columns with
text, lists made from computed offsets, or buffers passed to numpy. The casts are kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: An Arrow array of any type.
Column: TypeAlias = "pa.Array[Any]"
#: A table's column of any type.
_Chunks: TypeAlias = "pa.ChunkedArray[Any]"

_Value = TypeVar("_Value")
_Row = TypeVar("_Row", bound=Mapping[str, object])
_Number = TypeVar("_Number", bound=np.generic)

_join_element_wise = cast("Callable[..., Column]", pc.binary_join_element_wise)
_list_from_arrays = cast("Callable[..., Column]", pa.ListArray.from_arrays)
_join_lists = cast("Callable[..., Column]", pc.binary_join)
_nulls = cast("Callable[..., Column]", pa.nulls)
_from_buffer = cast("Callable[..., npt.NDArray[Any]]", np.frombuffer)


def values_of(column: Column | _Chunks, kind: type[_Value]) -> list[_Value]:
    """Returns a column's values as Python objects; the column must have that type and no nulls."""
    return cast("list[_Value]", column.to_pylist())


def rows_of(table: pa.Table | pa.RecordBatch, kind: type[_Row]) -> list[_Row]:
    """Returns a table's rows; the table must have the schema that `kind` is declared for."""
    return cast("list[_Row]", table.to_pylist())


def one_array(column: _Chunks) -> Column:
    """Returns a column as a single array, without copying what already is one."""
    if column.num_chunks == 1:
        return cast("Column", column.chunk(0))
    return column.combine_chunks()


def join_text(
    *parts: Column | str, null_handling: Literal["emit_null", "skip"] = "emit_null"
) -> Column:
    """Joins texts row by row. The last part is the separator; a `str` is used for every row."""
    return _join_element_wise(*parts, null_handling=null_handling)


def join_lists(lists: Column, separator: str) -> Column:
    """Joins the texts of each list into one text."""
    return _join_lists(lists, separator)


def list_array(offsets: npt.NDArray[np.int32], items: Column, mask: Column | None = None) -> Column:
    """Returns lists of items, each from its offset to the next; null where `mask` is true."""
    return _list_from_arrays(pa.array(offsets), items, mask=mask)


def struct_field(structs: Column, field: str | int) -> Column:
    """Returns a field of a struct column as stored, whether or not the struct is null."""
    return cast("pa.StructArray", structs).field(field)


def list_items(lists: Column) -> Column:
    """Returns the items of a list column, concatenated."""
    return cast("pa.ListArray[Any]", lists).flatten()


def without_dictionary(column: Column) -> Column:
    """Returns a column without dictionary encoding."""
    return column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column


def numbers_in(
    buffer: pa.Buffer | None, kind: type[_Number], count: int = -1, offset_bytes: int = 0
) -> npt.NDArray[_Number]:
    """Returns the numbers in one of an array's buffers, without copying them."""
    return _from_buffer(buffer, kind, count, offset_bytes)


def nulls(rows: int, kind: pa.DataType) -> Column:
    """Returns a column of nulls of a type."""
    return _nulls(rows, kind)


def text_bytes(texts: Column) -> npt.NDArray[np.uint8]:
    """Returns the bytes of a string column's texts, one after another; none for a null."""
    _, places, data = texts.buffers()
    if len(texts) == 0 or data is None or data.size == 0:
        return np.zeros(0, np.uint8)
    kind: type[np.signedinteger] = np.int32 if pa.types.is_string(texts.type) else np.int64
    start = texts.offset * np.dtype(kind).itemsize
    offsets = numbers_in(places, kind, len(texts) + 1, start)
    return numbers_in(data, np.uint8)[int(offsets[0]) : int(offsets[-1])]


def text_scalar(text: str) -> pa.StringScalar:
    """Returns a text as a scalar. Not by `pa.scalar`, which imports pandas: 0.25 s of a command."""
    data = text.encode()
    offsets = np.array([0, len(data)], np.int32)
    places = pa.py_buffer(offsets.tobytes())
    return pa.StringArray.from_buffers(1, places, pa.py_buffer(data))[0]
