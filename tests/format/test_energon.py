"""Energon's index: bytes that repeat, and a check that finds what is not of these shards."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from pipelines.format.energon import (
    EnergonShard,
    SampleExtent,
    metadata_files,
    sample_database,
    tar_index,
)
from pipelines.storage.open import open_store
from pipelines.verify.indexes import check_indexes
from pipelines.verify.report import Report
from schemas.manifest import Manifest
from tests.end_to_end.command import Demo


def placed(shard: int, at: int) -> SampleExtent:
    start = at * 4096
    return SampleExtent(
        f"{shard:02x}{at:04x}", (("jpg", start + 512, 1000), ("txt", start + 2048, 7))
    )


SHARDS = [[placed(shard, at) for at in range(200)] for shard in range(3)]


def named(*families: str) -> list[EnergonShard]:
    return [EnergonShard(f"shards/d-{name}-00000.tar", name, 2, name * 8) for name in families]


def test_offsets_of_samples_and_the_end() -> None:
    one, two = (
        SampleExtent("a", (("jpg", 512, 5), ("txt", 1536, 513))),
        SampleExtent("b", (("jpg", 3072, 0),)),
    )
    assert struct.unpack("<3Q", tar_index([one, two])) == (0, 2560, 3072)
    assert tar_index([]) == bytes(8)


def test_the_database_repeats_byte_for_byte(tmp_path: Path) -> None:
    data = b"".join(sample_database(iter(SHARDS)))
    assert data == b"".join(sample_database(iter(SHARDS)))
    assert data != b"".join(sample_database(SHARDS[:2]))
    path = tmp_path / "index.sqlite"
    path.write_bytes(data)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT count(*) FROM samples").fetchone() == (600,)
        found = database.execute("SELECT * FROM samples WHERE sample_key = '010003'").fetchall()
        assert found == [(1, "010003", 3, 3 * 4096, 4096)]
        parts = database.execute(
            "SELECT part_name, content_byte_offset, content_byte_size FROM sample_parts "
            "WHERE tar_file_id = 1 AND sample_index = 3 ORDER BY content_byte_offset"
        )
        assert parts.fetchall() == list(SHARDS[1][3].parts)


def test_a_key_twice_is_refused() -> None:
    with pytest.raises(sqlite3.IntegrityError):
        list(sample_database([SHARDS[0], SHARDS[0]]))


def test_films_among_pictures_make_the_root_raw() -> None:
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


def test_indexes_are_checked(demo: Demo, tmp_path: Path) -> None:
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
    database = root / ".nv-meta" / "index.sqlite"
    with database.open("ab") as file:
        file.write(b"\0")
    (root / "energon-jpg.yaml").unlink()
    assert problems() == [
        (".nv-meta/index.sqlite", "it is not the index of these shards"),
        ("energon-jpg.yaml", "missing"),
    ]
