"""Converts whole columns to the catalogue's types and names the values that cannot be converted.

Each column is first tried on a vectorised fast path. If the fast path cannot handle every value,
the whole column is converted value by value with `pipelines.catalogue.values`, which names the
bad ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.absent import (
    BLANK_CHARACTERS,
    blanks_around,
    drop_absent,
)
from pipelines.catalogue.controls import FREE_TEXTS, count_controls
from pipelines.catalogue.identifiers import ID_COLUMNS, normalise_ids
from pipelines.catalogue.list_columns import (
    contributors_column,
    list_lengths,
    rebuild_list,
    text_list_column,
)
from pipelines.catalogue.notes import CellNotes
from pipelines.catalogue.scalars import (
    NeedsSlowPathError,
    boolean_column,
    date_column,
    instant_column,
    integer_column,
    local_times,
    normalise_encoding,
    text_column,
)
from pipelines.catalogue.stored_ids import refuse_float_ids
from pipelines.catalogue.values import COLUMNS_TAKING_INSTANT_AS_DAY, value_parser
from pipelines.storage.columns import (
    Column,
    list_array,
    list_items,
    nulls,
    struct_field,
    values_of,
    without_dictionary,
)
from schemas.catalogue import CONTRIBUTOR_SHARE

# A column as read from a file: an Arrow array, or Python values if no single Arrow type fits them.
RawColumn: TypeAlias = "Column | Sequence[object]"

_ARROW_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, UnicodeError)


@dataclass(frozen=True)
class BadValue:
    """A value that could not be read; `row` is its position in the batch, from 0."""

    row: int
    column: str
    value: object
    problem: str


@dataclass(frozen=True)
class UndecodableValue:
    """Placeholder for a value that Arrow can hold and Python cannot."""

    problem: str


def convert_column(
    raw: RawColumn,
    field: pa.Field[pa.DataType],
    notes: CellNotes | None = None,
    table: str = "",
) -> tuple[Column, list[BadValue]]:
    """Converts a column to the type of `field`.

    Args:
        raw: The column as read from a file.
        field: What it is to become.
        notes: Where absent words and respelled ids are counted.
        table: The table that the column belongs to, for the counts.

    Returns:
        The column, with null for every bad value, and the list of bad values. A missing value is
        bad if the field is required.

    Raises:
        InputError: If a column of ids holds floats.
    """
    refuse_float_ids(raw, field.name)
    raw, absent = drop_absent(raw, field.name)
    column, bad_values = _convert(raw, field)
    odd_ids: Column = pa.array([], pa.string())
    if field.name in ID_COLUMNS.get(table, ()):
        column, odd_ids = _normalise_ids(column)
    if notes is not None:
        where = f"{table}.{field.name}"
        notes.absent[where] += absent
        notes.respelled_ids[where] += len(odd_ids)
        if field.name in FREE_TEXTS:
            notes.control_characters[where] += count_controls(column)
        if where == "assets.asset_id":
            notes.odd_asset_ids += values_of(odd_ids, str)
    if not field.nullable and column.null_count:
        reported = {bad_value.row for bad_value in bad_values}
        missing = np.flatnonzero(pc.is_null(column).to_numpy(zero_copy_only=False))
        bad_values += [
            BadValue(int(i), field.name, "", "missing") for i in missing if int(i) not in reported
        ]
    return column, bad_values


def _convert(raw: RawColumn, field: pa.Field[pa.DataType]) -> tuple[Column, list[BadValue]]:
    bad_values: list[BadValue] = []
    try:
        column = (
            _convert_whole(_decode(raw, field), field)
            if isinstance(raw, pa.Array)
            else _convert_python_values(raw, field)
        )
    except (NeedsSlowPathError, *_ARROW_ERRORS):
        column, bad_values = _convert_one_by_one(
            _to_pylist(raw) if isinstance(raw, pa.Array) else raw, field
        )
    return column, bad_values


def _decode(raw: Column, field: pa.Field[pa.DataType]) -> Column:
    if field.name in COLUMNS_TAKING_INSTANT_AS_DAY:
        raw = local_times(without_dictionary(raw))
    return normalise_encoding(raw)


def _normalise_ids(column: Column) -> tuple[Column, Column]:
    """Normalises the ids in a converted column, which may be a list of them or of splits."""
    if pa.types.is_string(column.type):
        return normalise_ids(column)
    items = list_items(column)
    if items.type == CONTRIBUTOR_SHARE:
        ids, odd_ids = normalise_ids(struct_field(items, "contributor_id"))
        if len(odd_ids):
            shares = struct_field(items, "share_bp")
            items = pa.StructArray.from_arrays([ids, shares], fields=list(CONTRIBUTOR_SHARE))
    else:
        items, odd_ids = normalise_ids(items)
    if not len(odd_ids):
        return column, odd_ids
    offsets = np.concatenate([[0], np.cumsum(list_lengths(column))]).astype(np.int32)
    mask = pc.is_null(column) if column.null_count else None
    return list_array(offsets, items, mask), odd_ids


def map_values(raw: RawColumn, pairs: Sequence[tuple[str, str]]) -> RawColumn:
    """Replaces an agency's values in a scalar column; values not in `pairs` are kept."""
    if isinstance(raw, pa.Array):
        try:
            return _replace(text_column(normalise_encoding(raw)), pairs)
        except (NeedsSlowPathError, *_ARROW_ERRORS):
            raw = _to_pylist(raw)
    replacements = dict(pairs)
    return [replacements.get(_as_text(value), value) for value in raw]


def map_list_items(column: Column, pairs: Sequence[tuple[str, str]]) -> Column:
    """Replaces an agency's values in a converted column of text lists."""
    flat = _replace(list_items(column), pairs)
    return rebuild_list(list_lengths(column), flat, column)


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip(BLANK_CHARACTERS) if isinstance(value, str | int) else ""


def _replace(texts: Column, pairs: Sequence[tuple[str, str]]) -> Column:
    theirs = pa.array([pair[0] for pair in pairs], pa.string())
    ours = pa.array([pair[1] for pair in pairs], pa.string())
    return pc.coalesce(pc.take(ours, pc.index_in(texts, value_set=theirs)), texts)


def _to_pylist(raw: Column) -> list[object]:
    try:
        return list(normalise_encoding(raw).to_pylist())
    except (*_ARROW_ERRORS, ValueError, OverflowError):
        return [_to_python(value) for value in raw]


def _to_python(value: pa.Scalar[pa.DataType]) -> object:
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return UndecodableValue("not valid UTF-8")
    except (ValueError, OverflowError) as error:
        return UndecodableValue(str(error) or "out of range")


def _convert_one_by_one(
    values: Sequence[object], field: pa.Field[pa.DataType]
) -> tuple[Column, list[BadValue]]:
    parse = value_parser(field)
    bad_values: list[BadValue] = []
    result: list[object] = []
    for row, value in enumerate(values):
        parsed = None
        if isinstance(value, bytes):
            value = value.decode("utf-8", "surrogateescape")
        if isinstance(value, UndecodableValue):
            bad_values.append(BadValue(row, field.name, "", value.problem))
        elif value is not None:
            try:
                parsed = parse(value)
            except ValueError as error:
                bad_values.append(BadValue(row, field.name, value, str(error)))
        result.append(parsed)
    return pa.array(result, field.type), bad_values


def _convert_python_values(values: Sequence[object], field: pa.Field[pa.DataType]) -> Column:
    """Converts Python values on the fast path if they all have the same type."""
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return nulls(len(values), field.type)
    arrow_types: dict[type, pa.DataType] = {
        str: pa.string(),
        bool: pa.bool_(),
        int: pa.int64(),
        list: field.type,
    }
    kind = arrow_types.get(kinds.pop()) if len(kinds) == 1 else None
    if kind is None or not _keeps_values(values, kind):
        raise NeedsSlowPathError
    try:
        return _convert_whole(pa.array(values, kind), field)
    except (OverflowError, AttributeError) as error:
        raise NeedsSlowPathError from error


def _keeps_values(values: Sequence[object], kind: pa.DataType) -> bool:
    """Whether Arrow keeps the values unchanged; it would read a share of `true` as 1."""
    if kind != pa.list_(CONTRIBUTOR_SHARE):
        return True
    items = [item for value in values if isinstance(value, list) for item in value]
    return set(map(type, items)) <= {dict} and all(
        type(item.get("share_bp")) is int and type(item.get("contributor_id")) is str
        for item in items
        if isinstance(item, dict)
    )


def _convert_whole(raw: Column, field: pa.Field[pa.DataType]) -> Column:
    kind = field.type
    if pa.types.is_null(raw.type):
        return nulls(len(raw), kind)
    if pa.types.is_string(kind):
        return text_column(raw, blanks_around(field.name))
    if pa.types.is_integer(kind):
        return integer_column(raw, kind)
    if pa.types.is_boolean(kind):
        return boolean_column(raw)
    if pa.types.is_date(kind):
        return date_column(raw, field.name)
    if pa.types.is_timestamp(kind):
        return instant_column(raw)
    if kind == pa.list_(CONTRIBUTOR_SHARE):
        return contributors_column(raw)
    return text_list_column(raw, field.name)
