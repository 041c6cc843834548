"""Converts whole columns of lists: of texts, and of contributors with their shares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.absent import FREE_WORDS, drop_absent_texts
from pipelines.catalogue.scalars import (
    NeedsSlowPathError,
    integer_column,
    normalise_encoding,
    text_column,
)
from pipelines.storage.columns import Column, list_array, list_items, struct_field
from schemas.catalogue import CONTRIBUTOR_SHARE

IntArray = npt.NDArray[np.int64]


def list_lengths(column: Column) -> IntArray:
    """Returns how many items each list has; none for null."""
    lengths = pc.list_value_length(column).fill_null(0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False), np.int64)


def rebuild_list(lengths: IntArray, flat: Column, template: Column) -> Column:
    """Rebuilds text lists without blank items; a list is null where `template` is null.

    Raises:
        NeedsSlowPathError: If a list has blank items only.
    """
    keep = pc.not_equal(flat, pa.scalar("")).fill_null(False).to_numpy(zero_copy_only=False)
    list_of_item = np.repeat(np.arange(len(lengths)), lengths)
    kept_counts = np.bincount(list_of_item[keep], minlength=len(lengths))
    if np.any((kept_counts == 0) & (lengths > 0)):
        raise NeedsSlowPathError
    offsets = np.concatenate([[0], np.cumsum(kept_counts)]).astype(np.int32)
    items = flat.filter(pa.array(keep, pa.bool_()))
    mask = pc.is_null(template) if template.null_count else None
    return list_array(offsets, items, mask)


def text_list_column(raw: Column, column: str) -> Column:
    """Converts lists of texts, or texts with `;` between their items.

    Raises:
        NeedsSlowPathError: If it cannot tell what all of them are.
    """
    if pa.types.is_string(raw.type):
        raw = pc.split_pattern(text_column(raw), ";")
    if not (pa.types.is_list(raw.type) or pa.types.is_large_list(raw.type)):
        raise NeedsSlowPathError
    flat = normalise_encoding(list_items(raw))
    if flat.null_count:
        raise NeedsSlowPathError
    if pa.types.is_null(flat.type):
        flat = flat.cast(pa.string())
    texts = text_column(flat)
    if column not in FREE_WORDS:
        texts = drop_absent_texts(texts, column)[0]
    return rebuild_list(list_lengths(raw), texts, raw)


def contributors_column(raw: Column) -> Column:
    """Converts splits, or texts such as `c-1:10000` with `;` between them.

    Raises:
        NeedsSlowPathError: If it cannot tell what all of them are.
    """
    if pa.types.is_string(raw.type):
        raw = text_list_column(raw, "contributors")
        parts: Column = pc.extract_regex(list_items(raw), r"^(?P<id>(?s:.*)):(?P<share>[^:]*)$")
        ids, shares = struct_field(parts, "id"), struct_field(parts, "share")
        if parts.null_count:
            raise NeedsSlowPathError
    elif pa.types.is_list(raw.type) or pa.types.is_large_list(raw.type):
        flat = list_items(raw)
        if not pa.types.is_struct(flat.type) or flat.null_count:
            raise NeedsSlowPathError
        ids, shares = (_struct_member(flat, name) for name in CONTRIBUTOR_SHARE.names)
    else:
        raise NeedsSlowPathError
    ids, shares = (
        text_column(normalise_encoding(ids)),
        integer_column(normalise_encoding(shares), pa.int32()),
    )
    if ids.null_count or shares.null_count or drop_absent_texts(ids, "contributor_id")[1]:
        raise NeedsSlowPathError
    structs = pa.StructArray.from_arrays([ids, shares], fields=list(CONTRIBUTOR_SHARE))
    offsets = np.concatenate([[0], np.cumsum(list_lengths(raw))]).astype(np.int32)
    mask = pc.is_null(raw) if raw.null_count else None
    return list_array(offsets, structs, mask)


def _struct_member(structs: Column, name: str) -> Column:
    if structs.type.get_field_index(name) < 0:
        raise NeedsSlowPathError
    member: Column = pc.struct_field(structs, name)
    return member
