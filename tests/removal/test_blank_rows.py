"""The rows of overwritten samples fit the tables, whatever types their columns have."""

from __future__ import annotations

from typing import Any, cast

import pyarrow as pa
import pytest

from pipelines.removal.tombstone import _blank_value, _tombstone
from schemas.shard_table import SHARD_TABLE_SCHEMA, ShardRow

_MADE = (
    "key media_member media_offset media_length media_sha256 sha256 txt_offset json_offset status "
    "error_message shard family media_type profile deal_id caption_source caption_model"
).split()


def test_a_row_of_the_shards_table_is_blank() -> None:
    full: dict[str, Any] = {
        field.name: ["x"]
        if pa.types.is_list(field.type)
        else "2026-01-01"
        if pa.types.is_date(field.type)
        else pa.scalar("1").cast(field.type).as_py()
        for field in SHARD_TABLE_SCHEMA
    }
    made = _tombstone(cast("ShardRow", full), "__removed-00000-00000__", SHARD_TABLE_SCHEMA)
    [row] = pa.Table.from_pylist([made], schema=SHARD_TABLE_SCHEMA).to_pylist()
    assert not any(value for name, value in row.items() if name not in _MADE)
    assert row["key"] == "__removed-00000-00000__" and row["status"] == "removed"


@pytest.mark.parametrize("kind", [pa.bool_(), pa.int32(), pa.float32(), pa.string()])
def test_a_blank_value_has_the_type_of_its_column(kind: pa.DataType) -> None:
    value = pa.array([_blank_value(kind)], kind)[0].as_py()
    assert not value and value is not None
