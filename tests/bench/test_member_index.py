"""The benchmark's index has the form of a real one, and its query finds what the generator says."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from schemas.shard_table import SAMPLES_SCHEMA
from tests.bench.member_index import rounds, write_index


def test_the_query_finds_what_was_made(tmp_path: Path) -> None:
    expected = write_index(tmp_path, 2_000)
    table = tmp_path / "samples.parquet"
    assert pq.read_schema(table).equals(SAMPLES_SCHEMA)
    [(_, _, found)] = rounds(table, 1)
    assert sorted(found) == sorted(expected) and expected
