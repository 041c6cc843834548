"""The table of samples has every sample with its place, and its check finds any difference."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.format import indexes
from pipelines.storage.columns import values_of
from pipelines.storage.open import open_store
from pipelines.storage.tables import parquet_bytes
from pipelines.verify.indexes import check_indexes
from pipelines.verify.report import Report
from schemas.manifest import Manifest, RemovalWay
from tests.end_to_end.command import Demo
from tests.removal.patches import copy_output

pytestmark = pytest.mark.long

NAME = "samples.parquet"


def expected_rows(delivery: Path, manifest: Manifest) -> list[dict[str, object]]:
    """Makes the table again from what lies beside the tars."""
    rows = []
    dropped = set() if manifest.patches is None else {*manifest.patches.dropped}
    numbers = [n for n in range(len(manifest.shards) + len(dropped)) if n not in dropped]
    for number, shard in zip(numbers, manifest.shards, strict=True):
        embedded, shots = (
            pq.read_table(path)["key"].to_pylist() if path.exists() else []
            for path in (
                delivery / "metadata" / f"metadata_{number}.parquet",
                delivery / "shots" / f"shots_{number}.parquet",
            )
        )
        for row in pq.read_table(delivery / "shards" / f"{shard.name}.parquet").to_pylist():
            key = row["key"]
            place = {
                "shard_index": number,
                "embedding_row": embedded.index(key) if key in embedded else None,
                "first_shot_row": shots.index(key) if key in shots else None,
                "shots": shots.count(key),
            }
            rows.append({**row, **place})
    return rows


@pytest.mark.parametrize("deal", ["demo-main", "demo-images", "demo-strict"])
def test_it_has_the_rows_of_all_shards(demo: Demo, deal: str) -> None:
    delivery, manifest = demo.delivery(deal), Manifest.model_validate(demo.manifest(deal))
    rows = pq.read_table(delivery / NAME).to_pylist()
    assert rows == expected_rows(delivery, manifest)
    assert len(rows) == manifest.end.samples
    for number in {row["shard_index"] for row in rows}:
        own = [row for row in rows if row["shard_index"] == number]
        embedded = [row["embedding_row"] for row in own if row["embedding_row"] is not None]
        path = delivery / "img_emb" / f"img_emb_{number}.npy"
        assert embedded == list(range(len(np.load(path)) if path.exists() else 0))


@pytest.mark.parametrize("way", ["patch", "tombstone"])
def test_a_removal_writes_it_again(demo: Demo, tmp_path: Path, way: RemovalWay) -> None:
    output = copy_output(demo, "demo-main", tmp_path)
    gone = output.assets()[::5]
    made = output.patch(gone, way)
    manifest = Manifest.model_validate_json((made.delivery / "MANIFEST.json").read_bytes())
    rows = pq.read_table(made.delivery / NAME).to_pylist()
    assert rows == expected_rows(made.delivery, manifest)
    assert sum(row["status"] == "success" for row in rows) == manifest.end.samples


def other_value(table: pa.Table) -> bytes:
    at = table.schema.get_field_index("media_offset")
    moved = pa.array([value + 1 for value in values_of(table["media_offset"], int)])
    return parquet_bytes(table.set_column(at, table.schema.field(at), moved))


CHANGES: dict[str, Callable[[pa.Table], bytes]] = {
    "another value": other_value,
    "one less": lambda table: parquet_bytes(table.slice(1)),
    "one more": lambda table: parquet_bytes(table, table.slice(0, 1)),
    "none": lambda table: parquet_bytes(table.slice(0, 0)),
    "another order": lambda table: parquet_bytes(table.take(list(range(len(table)))[::-1])),
    "another column": lambda table: parquet_bytes(table.drop_columns(["shots"])),
    "no table": lambda _: b"PAR1",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_table_of_other_samples_is_reported(demo: Demo, tmp_path: Path, change: str) -> None:
    root = tmp_path / "delivery"
    shutil.copytree(demo.delivery("demo-main"), root)
    manifest = Manifest.model_validate(demo.manifest("demo-main"))

    def problems() -> list[str]:
        report = Report()
        check_indexes(open_store(str(root)), manifest, frozenset(), report.add_problem)
        return [problem.path for problem in report.problems]

    assert problems() == []
    (root / NAME).write_bytes(CHANGES[change](pq.read_table(root / NAME)))
    assert problems() == [NAME]


def test_small_shards_share_row_groups(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery, manifest = demo.delivery("demo-main"), demo.manifest("demo-main")
    records = Manifest.model_validate(manifest)
    whole = pq.read_table(delivery / NAME)
    paths = {file.path for file in records.files}
    for least in (1, 100, 10**6):
        monkeypatch.setattr(indexes, "_GROUP_ROWS", least)
        made: list[pa.Table] = []
        store, shards = open_store(str(delivery)), list(enumerate(records.shards))
        samples = indexes.SampleIndex(store, "", shards, paths, made.append)
        list(indexes.index_files(store, "", records.shards, samples))
        assert pa.concat_tables(made).equals(whole)
        assert all(len(group) >= least for group in made[:-1])
