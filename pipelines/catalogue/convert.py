"""Whole columns into the catalogue's types: vectorised where values are good, diagnosed where not.

A column takes the fast way of its kind. Where that way is not sure of every value, the whole
column goes, value by value, through `pipelines.catalogue.values`, which names the bad ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.scalars import (
    UnsureError,
    boolean_column,
    date_column,
    instant_column,
    integer_column,
    plain,
    text_column,
)
from pipelines.catalogue.values import BLANKS, parser_of
from schemas.catalogue import CONTRIBUTOR_SHARE

# A column as a file gave it: an Arrow array, or plain values where no one Arrow type holds them.
Raw: TypeAlias = "pa.Array | Sequence[object]"

Ints = npt.NDArray[np.int64]

_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, UnicodeError)


@dataclass(frozen=True)
class Fault:
    """One value that could not be read; `row` counts from the start of the batch."""

    row: int
    column: str
    value: object
    why: str


@dataclass(frozen=True)
class Unreadable:
    """Stands for a value that Arrow holds and Python cannot."""

    why: str


def convert_column(raw: Raw, field: pa.Field) -> tuple[pa.Array, list[Fault]]:
    """Converts a column to the type of `field`.

    Returns:
        The column, null wherever a value was bad, and the bad values. A missing value counts as
        bad where the field is required.
    """
    faults: list[Fault] = []
    try:
        column = _fast(plain(raw), field) if isinstance(raw, pa.Array) else _from_values(raw, field)
    except (UnsureError, *_ERRORS):
        column, faults = _slow(_pylist(raw) if isinstance(raw, pa.Array) else raw, field)
    if not field.nullable and column.null_count:
        known = {fault.row for fault in faults}
        missing = np.flatnonzero(pc.is_null(column).to_numpy(zero_copy_only=False))
        faults += [Fault(int(i), field.name, "", "missing") for i in missing if int(i) not in known]
    return column, faults


def map_values(raw: Raw, pairs: Sequence[tuple[str, str]]) -> Raw:
    """Replaces an agency's values in a scalar column; values that are not named stay."""
    if isinstance(raw, pa.Array):
        try:
            return _replace(text_column(plain(raw)), pairs)
        except (UnsureError, *_ERRORS):
            raw = _pylist(raw)
    named = dict(pairs)
    return [named.get(_as_text(value), value) for value in raw]


def map_items(column: pa.Array, pairs: Sequence[tuple[str, str]]) -> pa.Array:
    """Replaces an agency's values in a converted list of texts."""
    flat = _replace(column.flatten(), pairs)
    return _list(_lengths(column), flat, column)


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip(BLANKS) if isinstance(value, str | int) else ""


def _replace(texts: pa.Array, pairs: Sequence[tuple[str, str]]) -> pa.Array:
    theirs = pa.array([pair[0] for pair in pairs], pa.string())
    ours = pa.array([pair[1] for pair in pairs], pa.string())
    return pc.coalesce(pc.take(ours, pc.index_in(texts, value_set=theirs)), texts)


def _pylist(raw: pa.Array) -> list[object]:
    try:
        return list(plain(raw).to_pylist())
    except (*_ERRORS, ValueError, OverflowError):
        return [_element(value) for value in raw]


def _element(value: pa.Scalar) -> object:
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return Unreadable("not valid UTF-8")
    except (ValueError, OverflowError) as error:
        return Unreadable(str(error) or "out of range")


def _slow(values: Sequence[object], field: pa.Field) -> tuple[pa.Array, list[Fault]]:
    parse = parser_of(field)
    faults: list[Fault] = []
    result: list[object] = []
    for row, value in enumerate(values):
        parsed = None
        if isinstance(value, bytes):
            value = value.decode("utf-8", "surrogateescape")
        if isinstance(value, Unreadable):
            faults.append(Fault(row, field.name, "", value.why))
        elif value is not None:
            try:
                parsed = parse(value)
            except ValueError as error:
                faults.append(Fault(row, field.name, value, str(error)))
        result.append(parsed)
    return pa.array(result, field.type), faults


def _from_values(values: Sequence[object], field: pa.Field) -> pa.Array:
    """Takes plain values the fast way where they are all of one kind."""
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values), field.type)
    natural = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), list: field.type}
    kind = natural.get(kinds.pop()) if len(kinds) == 1 else None
    if kind is None or not _are_natural(values, kind):
        raise UnsureError
    try:
        return _fast(pa.array(values, kind), field)
    except (OverflowError, AttributeError) as error:
        raise UnsureError from error


def _are_natural(values: Sequence[object], kind: pa.DataType) -> bool:
    """Whether Arrow reads the values as they are: it would take true for a share of 1."""
    if kind != pa.list_(CONTRIBUTOR_SHARE):
        return True
    items = [item for value in values if isinstance(value, list) for item in value]
    return set(map(type, items)) <= {dict} and all(
        type(item.get("share_bp")) is int and type(item.get("contributor_id")) is str
        for item in items
        if isinstance(item, dict)
    )


def _fast(raw: pa.Array, field: pa.Field) -> pa.Array:
    kind = field.type
    if pa.types.is_null(raw.type):
        return pa.nulls(len(raw), kind)
    if pa.types.is_string(kind):
        return text_column(raw)
    if pa.types.is_integer(kind):
        return integer_column(raw, kind)
    if pa.types.is_boolean(kind):
        return boolean_column(raw)
    if pa.types.is_date(kind):
        return date_column(raw, field.name)
    if pa.types.is_timestamp(kind):
        return instant_column(raw)
    if kind == pa.list_(CONTRIBUTOR_SHARE):
        return _contributors(raw)
    return _texts(raw)


def _lengths(column: pa.Array) -> Ints:
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False), np.int64)


def _list(lengths: Ints, flat: pa.Array, like: pa.Array) -> pa.Array:
    """Builds lists of texts again, without blank items and null where `like` is null."""
    keep = pc.fill_null(pc.not_equal(flat, ""), False).to_numpy(zero_copy_only=False)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    kept = np.bincount(owner[keep], minlength=len(lengths))
    if np.any((kept == 0) & (lengths > 0)):
        raise UnsureError
    offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int32)
    items = flat.filter(pa.array(keep, pa.bool_()))
    mask = pc.is_null(like) if like.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets), items, mask=mask)


def _texts(raw: pa.Array) -> pa.Array:
    if pa.types.is_string(raw.type):
        raw = pc.split_pattern(text_column(raw), ";")
    if not (pa.types.is_list(raw.type) or pa.types.is_large_list(raw.type)):
        raise UnsureError
    flat = plain(raw.flatten())
    if flat.null_count:
        raise UnsureError
    if pa.types.is_null(flat.type):
        flat = flat.cast(pa.string())
    return _list(_lengths(raw), text_column(flat), raw)


def _contributors(raw: pa.Array) -> pa.Array:
    if pa.types.is_string(raw.type):
        raw = _texts(raw)
        parts = pc.extract_regex(raw.flatten(), r"^(?P<id>(?s:.*)):(?P<share>[^:]*)$")
        ids, shares = parts.field("id"), parts.field("share")
        if parts.null_count:
            raise UnsureError
    elif pa.types.is_list(raw.type) or pa.types.is_large_list(raw.type):
        flat = raw.flatten()
        if not pa.types.is_struct(flat.type) or flat.null_count:
            raise UnsureError
        ids, shares = (_member(flat, name) for name in CONTRIBUTOR_SHARE.names)
    else:
        raise UnsureError
    ids, shares = text_column(plain(ids)), integer_column(plain(shares), pa.int32())
    if ids.null_count or shares.null_count:
        raise UnsureError
    structs = pa.StructArray.from_arrays([ids, shares], fields=list(CONTRIBUTOR_SHARE))
    offsets = np.concatenate([[0], np.cumsum(_lengths(raw))]).astype(np.int32)
    mask = pc.is_null(raw) if raw.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets), structs, mask=mask)


def _member(structs: pa.Array, name: str) -> pa.Array:
    if structs.type.get_field_index(name) < 0:
        raise UnsureError
    return pc.struct_field(structs, name)
