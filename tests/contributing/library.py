"""A tiny library, taken from the demo's, beside a copy of the program."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.end_to_end.command import Demo, tables

DEAL = "demo-images"


def delivered(demo: Demo, deal_id: str = DEAL) -> list[dict[str, Any]]:
    """The catalogue's rows of what the demo delivers under a deal, by asset id."""
    rows = tables(demo.agency(deal_id) / "decisions")
    ids = rows.filter(pc.equal(rows["outcome"], pa.scalar("delivered")))["asset_id"].to_pylist()
    assets = pq.read_table(demo.catalogue / "assets.parquet")
    chosen: list[dict[str, Any]] = assets.filter(
        pc.is_in(assets["asset_id"], pa.array(ids))
    ).to_pylist()
    return sorted(chosen, key=lambda row: str(row["asset_id"]))


def make_library(demo: Demo, program: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Writes `library/` with these assets and `deal.toml`, and takes over the demo's features.

    Releases and consents are those of the assets, since a no that reaches none stops a run.
    Consents keep their values and lose their agreements, which would override what files say.
    """
    library = program / "library"
    library.mkdir()
    schema = pq.read_schema(demo.catalogue / "assets.parquet")
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), library / "assets.parquet")
    shutil.copy(demo.catalogue / "contributors.parquet", library)
    named = {name for row in rows for name in row["release_ids"] or ()}
    releases = pq.read_table(demo.catalogue / "releases.parquet")
    pq.write_table(
        releases.filter(_is_in(releases, "release_id", named)), library / "releases.parquet"
    )
    consents = pq.read_table(demo.catalogue / "consents.parquet").drop_columns(["agreement_ref"])
    of_library = _is_in(consents, "asset_id", {row["asset_id"] for row in rows})
    general = pc.is_null(consents["asset_id"])
    pq.write_table(consents.filter(pc.or_(general, of_library)), library / "consents.parquet")
    for row in rows:
        target = library / row["media_uri"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(demo.catalogue / row["media_uri"], target)
    shutil.copy(demo.deal(DEAL), program / "deal.toml")
    demo.copy_features(program / "out")


def _is_in(table: pa.Table, column: str, values: set[str]) -> pa.BooleanArray:
    """Where a column of a table holds one of the values, [rows]."""
    return pc.is_in(table[column], pa.array(sorted(values), pa.string()))


def decisions(program: Path) -> dict[str, dict[str, Any]]:
    """The decisions of the one version in `out/`, by asset id."""
    rows = tables(program / "out" / DEAL / "v0001" / "agency" / "decisions").to_pylist()
    return {row["asset_id"]: row for row in rows}
