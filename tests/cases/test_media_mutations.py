"""Damage to media, and to what describes them, lets nothing more pass unless something says so.

Each kind of damage is done to all files that carry a no at once, since one file decides about its
own asset and about copies of it only.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.end_to_end.command import AS_OF, Demo, tables
from tests.end_to_end.small_library import in_process

DEAL = "demo-main"
OF_FILES = ("sha256", "bytes", "width", "height", "duration_ms")


@dataclass(frozen=True)
class Packaged:
    """What a run delivered, and what it counts apart from the decisions."""

    delivered: frozenset[str]
    counted: str


def package(demo: Demo, catalogue: Path, out: Path) -> Packaged:
    demo.copy_features(out)
    words = ("--catalogue", catalogue, "--deal", demo.deal(DEAL), "--out", out)
    ended = in_process(
        *("package", *words, "--as-of", AS_OF, "--key", demo.signing_key, "--workers", 1),
        *("--quiet", "--json"),
    )
    if ended.code == 2:
        return Packaged(frozenset(), ended.err)
    assert ended.code == 0, ended.err
    return packaged(out / DEAL / "v0001" / "agency")


def packaged(agency: Path) -> Packaged:
    rows = tables(agency / "decisions").to_pylist()
    reading: Any = json.loads((agency / "reading.json").read_bytes())["catalogue"]
    for counts in reading["columns"].values():
        del counts["found"], counts["read"]
    copies = json.loads((agency / "counts.json").read_bytes())["copies_of_refused"]
    delivered = frozenset(row["asset_id"] for row in rows if row["outcome"] == "delivered")
    return Packaged(delivered, json.dumps([reading, copies], sort_keys=True))


def files_with_a_no(demo: Demo, before: Packaged) -> Iterator[Path]:
    """The files of all assets that are not delivered."""
    for asset, media in demo.key["media"].items():
        path = demo.catalogue / str(media["path"])
        if asset not in before.delivered and media["path"] and path.is_file():
            yield path.relative_to(demo.catalogue)


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


def garble_start(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(bytes(16) + data[16:])


def garble_statements(path: Path) -> None:
    """Changes the last letter of every address in the file's statement of rights."""
    data = path.read_bytes()
    for word in (b"PROHIBITED", b"MR-UMR", b"PR-LPR", b"AG-A16", b"trainedAlgorithmicMedia"):
        data = data.replace(word, word[:-1] + b"Q")
    path.write_bytes(data)


@pytest.fixture
def changed(demo: Demo, tmp_path: Path) -> Path:
    shutil.copytree(demo.catalogue, tmp_path / "catalogue")
    return tmp_path / "catalogue"


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        cut,
        garble_start,
        garble_statements,
        lambda path: path.rename(path.with_name(f"x{path.name}")),
        lambda path: path.rename(path.with_suffix(path.suffix.upper())),
    ],
    ids=["delete", "cut", "garble", "garble statements", "rename", "rename ending"],
)
def test_damaged_files(
    damage: Callable[[Path], object], demo: Demo, changed: Path, tmp_path: Path
) -> None:
    before = packaged(demo.agency(DEAL))
    files = [*files_with_a_no(demo, before)]
    assert len(files) > 30
    for path in files:
        damage(changed / path)
    after = package(demo, changed, tmp_path / "out")
    assert after.delivered <= before.delivered or after.counted != before.counted


@pytest.mark.slow
@pytest.mark.parametrize("column", OF_FILES)
def test_deleted_descriptions(column: str, demo: Demo, changed: Path, tmp_path: Path) -> None:
    path = changed / "assets.parquet"
    table = pq.read_table(path)
    pq.write_table(table.remove_column(table.column_names.index(column)), path)
    before, after = packaged(demo.agency(DEAL)), package(demo, changed, tmp_path / "out")
    assert after.delivered <= before.delivered or after.counted != before.counted
    assert f'"column": "assets.{column}"' in after.counted


@pytest.mark.slow
@pytest.mark.parametrize("column", OF_FILES)
def test_renamed_descriptions(column: str, demo: Demo, changed: Path) -> None:
    path = changed / "assets.parquet"
    table = pq.read_table(path)
    pq.write_table(
        table.rename_columns([f"{n}_1" if n == column else n for n in table.column_names]), path
    )
    ended = in_process("check", "--catalogue", changed, "--deal", demo.deal(DEAL), "--json")
    said = ended.err if ended.code == 2 else json.dumps(ended.json["reading"]["unstated"])
    assert f"{column}_1" in said or f"assets.{column} is absent" in said


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["delete", "garble"])
def test_damaged_descriptions(kind: str, demo: Demo, changed: Path, tmp_path: Path) -> None:
    before = packaged(demo.agency(DEAL))
    path = changed / "assets.parquet"
    table = pq.read_table(path)
    names = table["asset_id"].to_pylist()
    for column in OF_FILES:
        values = table[column].to_pylist()
        for row, value in enumerate(values):
            if value is not None and names[row] not in before.delivered:
                values[row] = None if kind == "delete" else _garbled(value)
        at = table.column_names.index(column)
        table = table.set_column(at, table.field(at), pa.array(values, table.field(at).type))
    pq.write_table(table, path)
    after = package(demo, changed, tmp_path / "out")
    assert after.delivered <= before.delivered or after.counted != before.counted


def _garbled(value: Any) -> Any:
    return f"{value[1:]}0" if isinstance(value, str) else value // 10 + 1
