"""A version whose tables have other columns than this release's is not patched."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pipelines.removal.patch import _check_columns
from pipelines.removal.predecessor import Predecessor
from schemas.errors import RunError
from schemas.shard_table import SHARD_TABLE_SCHEMA


class _Version:
    store = type("Store", (), {"uri": "out"})()
    delivery = "small/v0001/delivery"

    def __init__(self, *left_out: str) -> None:
        self._left_out = left_out

    def table(self, path: str) -> Any:
        return SHARD_TABLE_SCHEMA.empty_table().drop_columns(list(self._left_out))


def test_tables_of_another_release_are_named_before_anything_is_written() -> None:
    _check_columns(cast("Predecessor", _Version()), "small-jpg-00000")
    with pytest.raises(RunError, match="made by another release") as caught:
        _check_columns(cast("Predecessor", _Version("original_sha256")), "small-jpg-00000")
    assert "small-jpg-00000.parquet: differs in original_sha256" in str(caught.value)
