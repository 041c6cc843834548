"""Texts that a file stores as something else: UUIDs, digests, whole decimals, and floats.

Floats are no ids: `00123` or a number of 17 digits does not survive being one. A column of ids that
holds them stops the run.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.identifiers import ALL_ID_COLUMNS
from pipelines.storage.columns import Column, list_items, nulls, struct_field
from schemas.errors import InputError

_UUID_BYTES = 16


def as_text_storage(raw: Column) -> Column:
    """Returns UUIDs, digests and whole decimals as text; any other column as it is.

    Raises:
        pa.ArrowInvalid: If a decimal has a fraction.
    """
    if isinstance(raw, pa.ExtensionArray):
        raw = raw.storage
    kind = raw.type
    if pa.types.is_fixed_size_binary(kind):
        values = raw.to_pylist()
        as_uuid = kind.byte_width == _UUID_BYTES
        return pa.array(
            [
                None
                if octets is None
                else (str(uuid.UUID(bytes=octets)) if as_uuid else octets.hex())
                for octets in values
            ],
            pa.string(),
        )
    if pa.types.is_decimal(kind):
        return raw.cast(pa.decimal256(76 - kind.scale, 0) if kind.scale else kind).cast(pa.string())
    if pa.types.is_floating(kind) and _is_empty(raw):
        return nulls(len(raw), pa.string())
    return raw


def refuse_float_ids(raw: Column | Sequence[object], column: str) -> None:
    """Refuses a column of ids that holds floats.

    Raises:
        InputError: If it does, naming the column and a value.
    """
    if column not in ALL_ID_COLUMNS:
        return
    value = _first_float(raw) if isinstance(raw, pa.Array) else _first_python_float(raw)
    if value is not None:
        raise InputError(
            f"The column {column} holds ids as floating-point numbers",
            f"{column} = {value!r}",
            "Write the ids as text, as they are in your system: a float loses leading zeros and "
            "digits, so that a consent or a release would not be found.",
        )


def _first_float(raw: Column) -> float | None:
    kind = raw.type
    if isinstance(raw, pa.DictionaryArray):
        return _first_float(raw.dictionary)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _first_float(list_items(raw))
    if pa.types.is_struct(kind):
        index = kind.get_field_index("contributor_id")
        return None if index < 0 else _first_float(struct_field(raw, index))
    if not pa.types.is_floating(kind) or _is_empty(raw):
        return None
    return float(raw.drop_null().filter(pc.invert(pc.is_nan(raw.drop_null())))[0].as_py())


def _first_python_float(raw: Sequence[object]) -> float | None:
    for value in raw:
        items = value if isinstance(value, list) else [value]
        for item in items:
            found = item.get("contributor_id") if isinstance(item, dict) else item
            if isinstance(found, float) and not np.isnan(found):
                return found
    return None


def _is_empty(raw: Column) -> bool:
    """Returns whether floats are all null or NaN, as pandas writes a column without a value."""
    present = raw.drop_null()
    return len(present) == 0 or bool(pc.all(pc.is_nan(present)).as_py())
