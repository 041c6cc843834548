"""Energon's index has reproducible bytes, and its check finds files of other shards."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.format.energon import SampleDatabase, metadata_files, tar_index
from pipelines.storage.open import open_store
from pipelines.verify.indexes import check_indexes
from pipelines.verify.report import Report
from schemas.manifest import Manifest, ShardRecord
from schemas.shard_table import SHARD_TABLE_SCHEMA
from tests.end_to_end.command import Demo

KINDS = ("media", "txt", "json")
# Key, family, and offset and length of each member.
Places = tuple[str, str, tuple[int, ...]]


def placed(shard: int, at: int) -> Places:
    start = at * 5120
    return f"{shard:02x}{at:04x}", "jpg", (start + 512, 1000, start + 2048, 7, start + 3072, 1025)


def extents(*samples: Places) -> pa.Table:
    """Returns rows of a shard's table, with only the columns that give places."""
    names = [f"{kind}_{what}" for kind in KINDS for what in ("offset", "length")]
    schema = pa.schema([SHARD_TABLE_SCHEMA.field(name) for name in ("key", "media_member", *names)])
    rows = [
        {"key": key, "media_member": f"{key}.{family}", **dict(zip(names, numbers, strict=True))}
        for key, family, numbers in samples
    ]
    return pa.Table.from_pylist(rows, schema=schema)


SHARDS = [[placed(shard, at) for at in range(200)] for shard in range(3)]


def database(shards: list[list[Places]]) -> bytes:
    with SampleDatabase() as made:
        for shard in shards:
            made.add_shard(extents(*shard))
        return b"".join(made.content())


def named(*families: str) -> list[ShardRecord]:
    return [
        ShardRecord(name=f"d-{name}-00000", family=name, samples=2, bytes=1, sha256=name * 8)
        for name in families
    ]


def test_tar_index_has_the_offsets_of_samples_and_of_the_end() -> None:
    one = ("a", "jpg", (512, 5, 1536, 0, 2048, 513))
    two = ("b", "jpg", (3584, 0, 4096, 1, 5120, 512))
    assert struct.unpack("<3Q", tar_index(extents(one, two))) == (0, 3072, 5632)
    assert tar_index(extents()) == bytes(8)


def test_the_database_has_the_same_bytes_every_time(tmp_path: Path) -> None:
    data = database(SHARDS)
    assert data == database(SHARDS)
    assert data != database(SHARDS[:2])
    path = tmp_path / "index.sqlite"
    path.write_bytes(data)
    with closing(sqlite3.connect(path)) as index:
        assert index.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert index.execute("SELECT count(*) FROM samples").fetchone() == (600,)
        found = index.execute("SELECT * FROM samples WHERE sample_key = '010003'").fetchall()
        assert found == [(1, "010003", 3, 3 * 5120, 5120)]
        parts = index.execute(
            "SELECT part_name, content_byte_offset, content_byte_size FROM sample_parts "
            "WHERE tar_file_id = 1 AND sample_index = 3 ORDER BY content_byte_offset"
        )
        at = 3 * 5120
        assert parts.fetchall() == [
            ("jpg", at + 512, 1000),
            ("txt", at + 2048, 7),
            ("json", at + 3072, 1025),
        ]


def test_a_repeated_key_is_refused() -> None:
    with pytest.raises(sqlite3.IntegrityError):
        database([SHARDS[0], SHARDS[0]])


def test_the_root_data_set_is_raw_if_there_are_films() -> None:
    pictures, mixed = (
        dict(metadata_files(named("jpg", "png"))),
        dict(metadata_files(named("jpg", "mp4"))),
    )
    assert b"image: jpg,png" in pictures[".nv-meta/dataset.yaml"]
    assert b"CrudeWebdataset" in mixed[".nv-meta/dataset.yaml"]
    assert b"image: jpg\n" in mixed[".nv-meta/dataset-jpg.yaml"]
    assert b"dataset_config: dataset-raw.yaml" in mixed["energon-mp4.yaml"]
    assert pictures[".nv-meta/index.uuid"] != mixed[".nv-meta/index.uuid"]
    assert pictures == dict(metadata_files(named("jpg", "png")))


def test_damaged_and_missing_index_files_are_reported(demo: Demo, tmp_path: Path) -> None:
    root = tmp_path / "delivery"
    shutil.copytree(demo.delivery("demo-main"), root)
    manifest = Manifest.model_validate(demo.manifest("demo-main"))

    def problems() -> list[tuple[str, str]]:
        report = Report()
        check_indexes(open_store(str(root)), manifest, frozenset(), report.add_problem)
        return [(problem.path, problem.message) for problem in report.problems]

    assert problems() == []
    index = f"shards/{manifest.shards[0].name}.tar.idx"
    (root / index).write_bytes((root / index).read_bytes()[:-1] + b"\1")
    assert problems() == [(index, "it is not the index of these shards")]
    shutil.copy(demo.delivery("demo-main") / index, root / index)
    index_database = root / ".nv-meta" / "index.sqlite"
    with index_database.open("ab") as file:
        file.write(b"\0")
    (root / "energon-jpg.yaml").unlink()
    assert problems() == [
        (".nv-meta/index.sqlite", "it is not the index of these shards"),
        ("energon-jpg.yaml", "missing"),
    ]
