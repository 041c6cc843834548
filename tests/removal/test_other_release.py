"""A version whose tables have other columns than this release's is not patched."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from pipelines.removal import planned_patch
from pipelines.removal.planned_patch import check_columns
from pipelines.removal.predecessor import Predecessor
from schemas.errors import RunError
from schemas.shard_table import SHARD_TABLE_SCHEMA, SHARD_TABLE_SCHEMAS
from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import SmallLibrary, in_process


class _Version:
    store = type("Store", (), {"uri": "out"})()
    delivery = "small/v0001/delivery"

    def __init__(self, *left_out: str, schema: pa.Schema = SHARD_TABLE_SCHEMA) -> None:
        self._left_out = left_out
        self._schema = schema

    def table(self, path: str) -> Any:
        return self._schema.empty_table().drop_columns(list(self._left_out))


@pytest.mark.parametrize("schema", SHARD_TABLE_SCHEMAS)
def test_tables_of_a_known_release_are_patched(schema: pa.Schema) -> None:
    check_columns(cast("Predecessor", _Version(schema=schema)), "small-jpg-00000")


def test_tables_of_another_release_are_named_before_anything_is_written() -> None:
    with pytest.raises(RunError, match="made by another release") as caught:
        check_columns(cast("Predecessor", _Version("original_sha256")), "small-jpg-00000")
    assert "small-jpg-00000.parquet: differs in original_sha256" in str(caught.value)


def test_the_notices_of_all_deals_are_recorded_nevertheless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = SmallLibrary(tmp_path)
    library.add(2, side=560, title="Drawn", created_at="2024-05-01", grant_inference="deny")
    library.deal += '\n[rights]\ninference = "pack-without"\n'
    assert library.package().code == 0
    library.deal = library.deal.replace('"small"', '"later"')
    assert library.package().code == 0
    other = SHARD_TABLE_SCHEMA.append(pa.field("of_the_next_release", pa.string()))
    monkeypatch.setattr(planned_patch, "known_table_schemas", lambda: (other,))
    words = ("--asset", "a-0", "--reason", "takedown", "--effective", AS_OF, "--as-of", AS_OF)
    ended = in_process("revoke", "--out", library.out, *words, "--quiet")
    assert ended.code == 1 and "differs in of_the_next_release" in ended.err
    for deal in ("small", "later"):
        assert len(list((library.out / deal / "notices").glob("*-0*.json"))) == 1
        assert not (library.out / deal / "v0002").exists()
