"""Loaders' index files and the member index follow from the tars, and `verify` checks them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.storage.columns import values_of
from pipelines.storage.open import open_store
from pipelines.storage.tables import parquet_bytes
from pipelines.verify.indexes import check_indexes
from pipelines.verify.report import Report
from pipelines.verify.sample_facts import Stated
from pipelines.verify.shard import check_shard
from schemas.manifest import Manifest
from schemas.shard_table import SHARD_TABLE_SCHEMA_10
from tests.end_to_end.small_library import SmallLibrary, in_process

pytestmark = pytest.mark.long

_WORDS: dict[str, Any] = {
    "description": "A drawing",
    "keywords": ["boat", "sea"],
    "category": "Art",
}


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """A delivery of five pictures; of two nobody knows more than the title."""
    library = SmallLibrary(tmp_path_factory.mktemp("loaders"))
    library.add(3, side=560, title="Drawn", created_at="2024-05-01", language="en", **_WORDS)
    library.add(2, side=560, title="Other")
    ended = library.package()
    assert ended.code == 0, ended.err
    return library


def delivery_of(library: SmallLibrary, version: str = "v0001") -> Path:
    return library.out / "small" / version / "delivery"


def wds2idx(tar: Path) -> str:
    """What DALI's `wds2idx` writes of a tar; samples that were removed have no ending."""
    samples: dict[str, list[str]] = {}
    with tarfile.open(tar) as source:
        for member in source:
            key, _, extension = member.name.partition(".")
            text = f"{extension} {member.offset_data} {member.size} {member.name}"
            if extension:
                samples.setdefault(key, []).append(text)
    return "\n".join([f"v1.2 {len(samples)}", *(" ".join(one) for one in samples.values()), ""])


def check_loader_files(delivery: Path) -> None:
    sizes = json.loads((delivery / "shards/sizes.json").read_bytes())
    tars = sorted((delivery / "shards").glob("*.tar"))
    assert set(sizes) == {tar.name for tar in tars}
    pictures = {}
    for tar in tars:
        index = tar.with_suffix(".idx").read_text()
        assert index == wds2idx(tar)
        assert sizes[tar.name] == len(index.splitlines()) - 1
        with tarfile.open(tar) as source:
            for member in source:
                if member.name.endswith(".jpg"):
                    with Image.open(source.extractfile(member)) as image:  # type: ignore[arg-type]
                        width, height = image.size
                        said: dict[str, object] = {"width": width, "height": height}
                        said |= {"format": image.format or "", "mode": image.mode}
                    pictures[member.name] = said
    with closing(sqlite3.connect(delivery / ".nv-meta/index.sqlite")) as database:
        rows = database.execute("SELECT * FROM media_metadata").fetchall()
    assert {name: json.loads(text) for name, kind, text in rows if kind == "image"} == pictures


def test_loaders_are_told_of_every_sample(packaged: SmallLibrary) -> None:
    check_loader_files(delivery_of(packaged))


def test_the_member_index_has_what_the_samples_say(packaged: SmallLibrary) -> None:
    """Field by field, from the JSON that lies in the tar."""
    delivery = delivery_of(packaged)
    rows = pq.read_table(delivery / "samples.parquet").to_pylist()
    assert len(rows) == 5
    for row in rows:
        data = (delivery / "shards" / f"{row['shard']}.tar").read_bytes()
        found = data[row["json_offset"] : row["json_offset"] + row["json_length"]]
        assert hashlib.sha256(found).hexdigest() == row["json_sha256"]
        said = json.loads(found)
        for name in ("keywords", "tags"):
            assert "; ".join(row[name]) == said[name]
        assert "; ".join(map(str, row["tag_scores_bp"])) == said["tag_scores_bp"]
        assert row["captions"] == said["captions"]
        assert str(row["created_at"] or "") == said["created_at"]
        same = "description category language licence_code clip_model fps_num fps_den frames"
        assert all(row[name] == said[name] for name in same.split())
        assert len(row["phash"]) == 64 and row["split"] == "train" and row["group_id"] is None
    assert sorted(str(row["created_at"]) for row in rows) == ["2024-05-01"] * 3 + ["None"] * 2


def problems_of(root: Path) -> list[str]:
    report = Report()
    manifest = Manifest.model_validate_json((root / "MANIFEST.json").read_bytes())
    check_indexes(open_store(str(root)), manifest, frozenset(), report.add_problem)
    return sorted(problem.path for problem in report.problems)


def one_byte_more(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


CHANGES: dict[str, Callable[[Path], None]] = {
    "shards/sizes.json": one_byte_more,
    "shards/small-jpg-00000.idx": one_byte_more,
    ".nv-meta/index.sqlite": one_byte_more,
    "samples.parquet": lambda path: change_column(path, "split", "validation"),
}


def change_column(path: Path, name: str, value: object) -> None:
    path.write_bytes(parquet_bytes(with_column(pq.read_table(path), name, value)))


def with_column(table: pa.Table, name: str, value: object) -> pa.Table:
    at = table.schema.get_field_index(name)
    field = table.schema.field(at)
    return table.set_column(at, field, pa.array([value] * len(table), field.type))


@pytest.mark.parametrize("path", CHANGES)
def test_a_changed_file_is_reported(packaged: SmallLibrary, tmp_path: Path, path: str) -> None:
    copy = delivery_of(packaged.copied_to(tmp_path / "copy"))
    assert problems_of(copy) == []
    CHANGES[path](copy / path)
    assert problems_of(copy) == [path]
    (copy / path).unlink()
    if path != "samples.parquet":
        assert problems_of(copy) == [path]


@pytest.mark.parametrize(
    ("column", "value"),
    [("keywords", ["other"]), ("captions", []), ("created_at", None), ("licence_code", "CC0-1.0")],
)
def test_a_row_that_says_otherwise_than_its_sample(
    packaged: SmallLibrary, tmp_path: Path, column: str, value: object
) -> None:
    copy = delivery_of(packaged.copied_to(tmp_path / "copy"))
    assert shard_problems(copy) == []
    change_column(copy / "shards/small-jpg-00000.parquet", column, value)
    assert any(f"different values for {column}" in problem for problem in shard_problems(copy))


def shard_problems(delivery: Path) -> list[str]:
    report = Report()
    manifest = Manifest.model_validate_json((delivery / "MANIFEST.json").read_bytes())
    [record] = manifest.shards
    check_shard(open_store(str(delivery)), record, Stated.by(manifest), report.add_problem)
    return [problem.message for problem in report.problems]


def test_tables_of_version_10_are_read(packaged: SmallLibrary, tmp_path: Path) -> None:
    copy = delivery_of(packaged.copied_to(tmp_path / "copy"))
    path = copy / "shards/small-jpg-00000.parquet"
    old = pq.read_table(path).select(SHARD_TABLE_SCHEMA_10.names)
    path.write_bytes(parquet_bytes(old))
    assert shard_problems(copy) == []


@pytest.mark.parametrize("way", ["patch", "tombstone"])
def test_a_removal_is_in_every_index(packaged: SmallLibrary, tmp_path: Path, way: str) -> None:
    copy = packaged.copied_to(tmp_path / "copy")
    words = ["--asset", "a-1", "--reason", "takedown", "--effective", "2026-06-30"]
    words += ["--as-of", "2026-06-30", "--way", way]
    ended = in_process("revoke", "--out", copy.out, *words, "--quiet")
    assert ended.code == 0, ended.err
    delivery = delivery_of(copy, "v0002")
    check_loader_files(delivery)
    ended = in_process("verify", delivery, "--allow-unpinned")
    assert ended.code == 0, ended.out
    rows = pq.read_table(delivery / "samples.parquet")
    assert sum(len(text) == 64 for text in values_of(rows["asset"], str)) == 4
    gone = [row for row in rows.to_pylist() if row["status"] == "removed"]
    assert len(gone) == (way == "tombstone")
    for row in gone:
        told = ("keywords", "captions", "description", "created_at", "phash", "tags", "category")
        assert not any(row[name] for name in told)
