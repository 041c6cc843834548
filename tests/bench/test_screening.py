"""The benchmark's library: our screening and the SQL query clear the same assets."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.bench.screening_assets import make_assets, write_assets
from tests.bench.screening_library import ROW_GROUP_ROWS, LibrarySize, write_small_tables

pytest.importorskip("duckdb", reason="only the benchmark needs duckdb")


def test_sql_clears_the_same_assets(tmp_path: Path) -> None:
    from tests.bench.screening import ask_duckdb, same_cleared, screen_library

    size = LibrarySize(ROW_GROUP_ROWS + 10_000)
    write_small_tables(tmp_path, size)
    write_assets(tmp_path, size, 0)
    screened = screen_library(tmp_path)
    ask_duckdb(tmp_path)
    assert same_cleared(tmp_path)
    assert screened.assets == size.assets
    assert 0.4 < screened.cleared / screened.assets < 0.7
    # One more asset makes the results differ.
    theirs = pq.read_table(tmp_path / "theirs.parquet")
    pq.write_table(theirs.slice(1), tmp_path / "theirs.parquet")
    assert not same_cleared(tmp_path)


def test_benchmark_library_is_reproducible() -> None:
    size = LibrarySize(70_000)
    assert make_assets(size, 1).equals(make_assets(size, 1))
    assert len(make_assets(size, 1)) == 70_000 - ROW_GROUP_ROWS
