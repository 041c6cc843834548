"""Columns whose values come from a fixed list: case and blanks do not matter there."""

from __future__ import annotations

import re
from functools import cache
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.storage.columns import Column, list_array, list_items, values_of
from schemas.catalogue import LICENCE_CLASSES, LICENCE_MODELS, GrantColumn
from schemas.rights import ALL_PURPOSES, Basis, Permission, Purpose
from schemas.territory import COUNTRIES, WORLD

_PERMISSIONS = tuple(value.value for value in Permission)
_PURPOSES = tuple(value.value for value in Purpose)
_TERRITORIES = (*sorted(COUNTRIES), WORLD)

VOCABULARIES: dict[str, tuple[str, ...]] = {
    "media_type": ("image", "video"),
    "licence_model": LICENCE_MODELS,
    "licence_class": LICENCE_CLASSES,
    "status": ("active", "withdrawn", "legal_hold"),
    **dict.fromkeys(get_args(GrantColumn), _PERMISSIONS),
    "ml_use": _PERMISSIONS,
    "value": _PERMISSIONS,
    "purpose": (*_PURPOSES, ALL_PURPOSES),
    "kind": ("model", "property"),
    "basis": tuple(value.value for value in Basis),
    "exclusive_purposes": _PURPOSES,
    "purposes": (*_PURPOSES, ALL_PURPOSES),
    "territories_in": _TERRITORIES,
    "territories_out": _TERRITORIES,
}
_SEPARATOR = re.compile(r"[\s_-]+")


def plain_form(text: str) -> str:
    """Returns a value without the difference of case, and of blanks, hyphens and underscores."""
    return _SEPARATOR.sub("_", text.strip()).casefold()


@cache
def _known(column: str) -> Column:
    return pa.array(VOCABULARIES[column], pa.string())


@cache
def _by_plain_form(column: str) -> dict[str, str]:
    return {plain_form(word): word for word in VOCABULARIES[column]}


def respell(values: Column, column: str) -> tuple[Column, int]:
    """Writes known values as the catalogue's contract does; others stay as they are.

    Args:
        values: A converted column of texts or of lists of texts.
        column: Its name.

    Returns:
        The column, and how many cells or items were written otherwise.
    """
    if column not in VOCABULARIES:
        return values, 0
    if pa.types.is_list(values.type):
        items, changed = respell(list_items(values), column)
        return (_with_items(values, items), changed) if changed else (values, 0)
    unknown = pc.invert(pc.is_in(values, value_set=_known(column)))
    unknown = pc.and_(unknown, pc.is_valid(values))
    if not pc.any(unknown).as_py():
        return values, 0
    others = values.filter(unknown).dictionary_encode()
    ours = [
        _by_plain_form(column).get(plain_form(text), text)
        for text in values_of(others.dictionary, str)
    ]
    written: Column = pa.array(ours, pa.string()).take(others.indices)
    differs = pc.not_equal(written, others.dictionary_decode())
    changed = int(np.count_nonzero(differs.to_numpy(zero_copy_only=False)))
    replaced: Column = pc.replace_with_mask(values, unknown, written)
    return replaced, changed


def _with_items(lists: Column, items: Column) -> Column:
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return list_array(offsets, items, pc.is_null(lists) if lists.null_count else None)
