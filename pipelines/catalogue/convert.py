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

from pipelines.catalogue.values import (
    BLANKS,
    DATE,
    FALSE_WORDS,
    INSTANT_AS_DAY,
    INTEGER,
    TRUE_WORDS,
    parser_of,
)
from schemas.catalogue import CONTRIBUTOR_SHARE

# A column as a file gave it: an Arrow array, or plain values where no one Arrow type holds them.
Raw: TypeAlias = "pa.Array | Sequence[object]"

Ints = npt.NDArray[np.int64]

_UTC_US = pa.timestamp("us", tz="UTC")
_PLAIN_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
_ZONELESS = rf"^{_PLAIN_TIME}$"
_ZONED = rf"^{_PLAIN_TIME}(Z|[+-][0-9]{{2}}:[0-9]{{2}})$"
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


class _Unsure(Exception):  # noqa: N818  (sends a column the slow way; never leaves this module)
    """The fast way does not cover a value of the column."""


def convert_column(raw: Raw, field: pa.Field) -> tuple[pa.Array, list[Fault]]:
    """Converts a column to the type of `field`.

    Returns:
        The column, null wherever a value was bad, and the bad values. A missing value counts as
        bad where the field is required.
    """
    faults: list[Fault] = []
    try:
        column = (
            _fast(_plain(raw), field) if isinstance(raw, pa.Array) else _from_values(raw, field)
        )
    except (_Unsure, *_ERRORS):
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
            return _replace(_text(_plain(raw)), pairs)
        except (_Unsure, *_ERRORS):
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


def _plain(raw: pa.Array) -> pa.Array:
    """Undoes encodings that mean nothing: dictionaries, wide offsets, finer or zoneless times."""
    kind = raw.type
    if pa.types.is_dictionary(kind):
        return _plain(raw.dictionary_decode())
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return raw.cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return raw.cast(pa.string())
    if pa.types.is_timestamp(kind) and kind != _UTC_US:
        # Nanoseconds are cut; a time without a zone is UTC.
        return raw.cast(pa.timestamp("us", tz=kind.tz), safe=kind.unit != "ns").cast(_UTC_US)
    return raw


def _pylist(raw: pa.Array) -> list[object]:
    try:
        return list(_plain(raw).to_pylist())
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
        raise _Unsure
    try:
        return _fast(pa.array(values, kind), field)
    except (OverflowError, AttributeError) as error:
        raise _Unsure from error


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
        return _text(raw)
    if pa.types.is_integer(kind):
        return _integer(raw, kind)
    if pa.types.is_boolean(kind):
        return _boolean(raw)
    if pa.types.is_date(kind):
        return _date(raw, field.name)
    if pa.types.is_timestamp(kind):
        return _instant(raw)
    if kind == pa.list_(CONTRIBUTOR_SHARE):
        return _contributors(raw)
    return _texts(raw)


def _sure(mask: pa.Array) -> None:
    """Goes the slow way unless the mask is true wherever it is not null."""
    if pc.all(mask).as_py() is False:
        raise _Unsure


def _text(raw: pa.Array) -> pa.Array:
    if pa.types.is_integer(raw.type) or pa.types.is_boolean(raw.type):
        return raw.cast(pa.string())
    if not pa.types.is_string(raw.type):
        raise _Unsure
    raw.validate(full=True)  # Parquet may hold bytes that are no UTF-8
    trimmed = pc.utf8_trim(raw, characters=BLANKS)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _integer(raw: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(raw.type):
        raw = _text(raw)
        _sure(pc.match_substring_regex(raw, INTEGER))
        return raw.cast(kind)
    if pa.types.is_floating(raw.type):
        raw = pc.if_else(pc.is_nan(raw), pa.scalar(None, raw.type), raw)
        _sure(pc.less(pc.abs(raw), 2.0**53))
        return raw.cast(kind)
    if pa.types.is_integer(raw.type):
        return raw.cast(kind)
    raise _Unsure


def _boolean(raw: pa.Array) -> pa.Array:
    if pa.types.is_boolean(raw.type):
        return raw
    if pa.types.is_integer(raw.type):
        _sure(pc.is_in(raw, value_set=pa.array([0, 1, None], raw.type)))
        return pc.equal(raw, pa.scalar(1, raw.type))
    words = pc.utf8_lower(_text(raw)) if pa.types.is_string(raw.type) else None
    if words is None:
        raise _Unsure
    known = pa.array([*TRUE_WORDS, *FALSE_WORDS, None], pa.string())
    _sure(pc.is_in(words, value_set=known))
    truth = pc.is_in(words, value_set=known[: len(TRUE_WORDS)])
    return pc.if_else(pc.is_valid(words), truth, pa.scalar(None, pa.bool_()))


def _date(raw: pa.Array, column: str) -> pa.Array:
    if pa.types.is_date(raw.type):
        return raw.cast(pa.date32())
    if pa.types.is_string(raw.type):
        raw = _text(raw)
        _sure(pc.match_substring_regex(raw, DATE))
        return raw.cast(pa.date32())
    if pa.types.is_timestamp(raw.type):
        day = pc.floor_temporal(raw, unit="day")
        if column not in INSTANT_AS_DAY:
            _sure(pc.equal(day, raw))
        return day.cast(pa.timestamp("us")).cast(pa.date32())
    raise _Unsure


def _instant(raw: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(raw.type):
        return raw
    if pa.types.is_date(raw.type):
        return raw.cast(pa.timestamp("us")).cast(_UTC_US)
    if not pa.types.is_string(raw.type):
        raise _Unsure
    raw = _text(raw)
    if pc.all(pc.match_substring_regex(raw, _ZONED)).as_py() is not False:
        return raw.cast(_UTC_US)
    _sure(pc.match_substring_regex(raw, _ZONELESS))
    return raw.cast(pa.timestamp("us")).cast(_UTC_US)


def _lengths(column: pa.Array) -> Ints:
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False), np.int64)


def _list(lengths: Ints, flat: pa.Array, like: pa.Array) -> pa.Array:
    """Builds lists of texts again, without blank items and null where `like` is null."""
    keep = pc.fill_null(pc.not_equal(flat, ""), False).to_numpy(zero_copy_only=False)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    kept = np.bincount(owner[keep], minlength=len(lengths))
    if np.any((kept == 0) & (lengths > 0)):
        raise _Unsure
    offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int32)
    items = flat.filter(pa.array(keep, pa.bool_()))
    mask = pc.is_null(like) if like.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets), items, mask=mask)


def _texts(raw: pa.Array) -> pa.Array:
    if pa.types.is_string(raw.type):
        raw = pc.split_pattern(_text(raw), ";")
    if not (pa.types.is_list(raw.type) or pa.types.is_large_list(raw.type)):
        raise _Unsure
    flat = _plain(raw.flatten())
    if flat.null_count:
        raise _Unsure
    if pa.types.is_null(flat.type):
        flat = flat.cast(pa.string())
    return _list(_lengths(raw), _text(flat), raw)


def _contributors(raw: pa.Array) -> pa.Array:
    if pa.types.is_string(raw.type):
        raw = _texts(raw)
        parts = pc.extract_regex(raw.flatten(), r"^(?P<id>(?s:.*)):(?P<share>[^:]*)$")
        ids, shares = parts.field("id"), parts.field("share")
        if parts.null_count:
            raise _Unsure
    elif pa.types.is_list(raw.type) or pa.types.is_large_list(raw.type):
        flat = raw.flatten()
        if not pa.types.is_struct(flat.type) or flat.null_count:
            raise _Unsure
        ids, shares = (_member(flat, name) for name in CONTRIBUTOR_SHARE.names)
    else:
        raise _Unsure
    ids, shares = _text(_plain(ids)), _integer(_plain(shares), pa.int32())
    if ids.null_count or shares.null_count:
        raise _Unsure
    structs = pa.StructArray.from_arrays([ids, shares], fields=list(CONTRIBUTOR_SHARE))
    offsets = np.concatenate([[0], np.cumsum(_lengths(raw))]).astype(np.int32)
    mask = pc.is_null(raw) if raw.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets), structs, mask=mask)


def _member(structs: pa.Array, name: str) -> pa.Array:
    if structs.type.get_field_index(name) < 0:
        raise _Unsure
    return pc.struct_field(structs, name)
