"""Energon and mlcroissant, through the files that we publish for them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ..end_to_end.command import Demo
from .adapters import READERS_PYTHON, family_of, need, run_reader
from .test_readers import DEAL, FAMILIES, rows_of


@pytest.mark.parametrize("name", FAMILIES)
def test_energon_makes_typed_samples(demo: Demo, name: str) -> None:
    """By the family's metadataset: captioned pictures, and films that can be decoded."""
    delivery = demo.delivery(DEAL)
    found = run_reader("energon_reader.py", "megatron.energon", "typed", str(delivery), *FAMILIES)
    rows = rows_of(family_of(delivery, name))
    if name == "mp4":
        films = {"mp4": "AVDecoder", "txt": "str", "json": "dict"}
        assert found[name] == {row["key"]: films for row in rows}
        return
    # Energon does not turn pictures by their EXIF, hence the stored sizes.
    assert found[name] == {
        row["key"]: {
            "size": [3, row["original_height"], row["original_width"]],
            "caption": row["caption"],
        }
        for row in rows
    }


def test_energon_prepares_the_same(demo: Demo, tmp_path: Path) -> None:
    """Its own `prepare` over our tars comes to the counts, offsets and rows that we publish."""
    need("megatron.energon")
    delivery = demo.delivery(DEAL)
    (tmp_path / "shards").mkdir()
    tars = sorted((delivery / "shards").glob("*.tar"))
    for tar in tars:
        shutil.copy(tar, tmp_path / "shards")
    options = ["--non-interactive", "--no-progress", "--num-workers", "1"]
    options += ["--split-parts", "train:shards/.*", "--sample-type", "CrudeWebdataset"]
    prepare = [str(READERS_PYTHON.with_name("energon")), "prepare", *options, str(tmp_path)]
    subprocess.run(prepare, check=True, capture_output=True)
    for tar in tars:
        index = f"shards/{tar.name}.idx"
        assert (tmp_path / index).read_bytes() == (delivery / index).read_bytes()
    made, ours = tmp_path / ".nv-meta", delivery / ".nv-meta"
    info = ".info.json"
    assert json.loads((made / info).read_bytes()) == json.loads((ours / info).read_bytes())
    assert database(made / "index.sqlite") == database(ours / "index.sqlite")


def database(path: Path) -> list[list[Any]]:
    """Everything in an index, whatever the order in which it was put there."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as index:
        assert index.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [
            sorted(index.execute("SELECT type, name FROM sqlite_master")),
            sorted(index.execute("SELECT * FROM samples")),
            sorted(index.execute("SELECT * FROM sample_parts")),
        ]


def test_mlcroissant_validates_and_reads(demo: Demo) -> None:
    delivery = demo.delivery(DEAL)
    told = run_reader("croissant_reader.py", "mlcroissant", str(delivery), *FAMILIES)
    assert told["issues"] == []
    assert told["record_sets"] == list(FAMILIES)
    files = {file["path"]: file["sha256"] for file in demo.manifest(DEAL)["files"]}
    shown = {path for path in files if path.startswith("shards/")}
    shown = {path for path in shown if path.endswith((".tar", ".parquet"))}
    assert told["files"] == {path: files[path] for path in shown}
    for name in FAMILIES:
        assert told["records"][name] == rows_of(family_of(delivery, name))
