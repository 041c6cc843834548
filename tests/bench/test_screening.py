"""The benchmark's library: our screening and the SQL query clear the same assets."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.bench.screening_assets import make_assets, write_assets
from tests.bench.screening_library import (
    RELEASES_PER_SHOOT,
    ROW_GROUP_ROWS,
    LibrarySize,
    write_small_tables,
)

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


def write_related_releases(folder: Path) -> None:
    """Changes the releases, so that subjects recur, are absent, and revoke at various times."""
    path = folder / "releases.parquet"
    releases = pq.read_table(path)
    rng = np.random.default_rng(12)
    rows = releases.to_pylist()
    for place, row in enumerate(rows):
        if place % RELEASES_PER_SHOOT == 1 and rng.random() < 0.4:
            row["subject_ref"] = rows[place - 1]["subject_ref"].upper()
        if place % RELEASES_PER_SHOOT < 2 and rng.random() < 0.2 and row["signed_at"]:
            noon = datetime.combine(row["signed_at"], time(12), UTC)
            row["revoked_at"] = noon + timedelta(days=int(rng.integers(-2, 3)))
            if row["shoot_from"] and rng.random() < 0.5:
                moved = timedelta(days=int(rng.choice([-1, 1]) * rng.integers(28, 34)))
                for name in ("shoot_from", "shoot_until"):
                    row[name] += moved
        if row["witness_ref"] and rng.random() < 0.5:
            row["witness_ref"] = row["witness_ref"].upper()
    # Last, so that both of a shoot's first two may be without one.
    for shoot in np.flatnonzero(rng.random(len(rows) // RELEASES_PER_SHOOT) < 0.1):
        for row in rows[shoot * RELEASES_PER_SHOOT :][:2]:
            row["subject_ref"] = None
    pq.write_table(pa.Table.from_pylist(rows, schema=releases.schema), path)


def name_more_releases(folder: Path) -> None:
    """Lets some assets name a third model's release, which they do not need."""
    path = folder / "assets-00000.parquet"
    assets = pq.read_table(path)
    ids = pq.read_table(folder / "releases.parquet")["release_id"].to_pylist()
    position = {name: place for place, name in enumerate(ids)}
    named = assets["release_ids"].to_pylist()
    for names in named[::3]:
        if names and (first := position.get(names[0], 3)) % RELEASES_PER_SHOOT == 0:
            names.append(ids[first + 2])
    column = assets.schema.get_field_index("release_ids")
    assets = assets.set_column(
        column, assets.field(column), pa.array(named, assets.field(column).type)
    )
    pq.write_table(assets, path, row_group_size=ROW_GROUP_ROWS)


def test_sql_clears_the_same_assets_where_releases_are_related(tmp_path: Path) -> None:
    from tests.bench.screening import ask_duckdb, same_cleared, screen_library

    size = LibrarySize(ROW_GROUP_ROWS)
    write_small_tables(tmp_path, size)
    write_related_releases(tmp_path)
    write_assets(tmp_path, size, 0)
    name_more_releases(tmp_path)
    screen_library(tmp_path)
    ask_duckdb(tmp_path)
    assert same_cleared(tmp_path)


def test_benchmark_library_is_reproducible() -> None:
    size = LibrarySize(70_000)
    assert make_assets(size, 1).equals(make_assets(size, 1))
    assert len(make_assets(size, 1)) == 70_000 - ROW_GROUP_ROWS
