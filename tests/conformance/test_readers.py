"""The readers that buyers use read every family with the keys, fields and bytes of the manifest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import webdataset
import wids

from ..end_to_end.command import Demo

Sample = dict[str, bytes]  # bytes by extension
DEAL = "demo-main"
FAMILIES = ("jpg", "mp4", "png", "webp")


@dataclass(frozen=True)
class Family:
    """What a delivery says of one family, by `tarfile` and by its tables.

    Attributes:
        tars: Its shards, in order.
        samples: Each sample's members by extension, by key, in the order of the shards.
    """

    delivery: Path
    tars: list[Path]
    samples: dict[str, Sample]


def read_family(demo: Demo, family: str) -> Family:
    delivery = demo.delivery(DEAL)
    told = [item for item in demo.manifest(DEAL)["shards"] if item["family"] == family]
    tars = [delivery / "shards" / f"{item['name']}.tar" for item in told]
    samples: dict[str, Sample] = {}
    for tar in tars:
        with tarfile.open(tar) as source:
            for member in source:
                key, _, ending = member.name.partition(".")
                data = source.extractfile(member)
                assert data is not None
                samples.setdefault(key, {})[ending] = data.read()
    assert sum(item["samples"] for item in told) == len(samples)
    return Family(delivery, tars, samples)


@pytest.fixture(params=FAMILIES)
def family(demo: Demo, request: pytest.FixtureRequest) -> Family:
    return read_family(demo, request.param)


def test_every_family_is_delivered(demo: Demo) -> None:
    assert {item["family"] for item in demo.manifest(DEAL)["shards"]} == set(FAMILIES)


def test_the_tables_say_what_the_tars_hold(family: Family) -> None:
    told: dict[str, Sample] = {}
    for tar in family.tars:
        data = tar.read_bytes()
        for row in pq.read_table(tar.with_suffix(".parquet")).to_pylist():
            sample: Sample = {}
            for kind in ("media", "txt", "json"):
                start, length = row[f"{kind}_offset"], row[f"{kind}_length"]
                part = data[start : start + length]
                assert hashlib.sha256(part).hexdigest() == row[f"{kind}_sha256"]
                ending = row["media_member"].partition(".")[2] if kind == "media" else kind
                sample[ending] = part
            assert json.loads(sample["json"])["key"] == row["key"]
            told[row["key"]] = sample
        stats = json.loads(tar.with_name(f"{tar.stem}_stats.json").read_bytes())
        assert (
            stats["count"]
            == stats["successes"]
            == pq.read_metadata(tar.with_suffix(".parquet")).num_rows
        )
        assert stats["bytes"] == len(data)
    assert told == family.samples


def _parts(sample: dict[str, Any]) -> Sample:
    return {name: bytes(part) for name, part in sample.items() if not name.startswith("__")}


def test_webdataset(family: Family) -> None:
    stream: Iterator[dict[str, Any]] = iter(
        webdataset.WebDataset([str(tar) for tar in family.tars], shardshuffle=False)
    )
    found = {sample["__key__"]: _parts(sample) for sample in stream}
    assert found == family.samples


def test_webdataset_decodes(demo: Demo) -> None:
    """Pictures, text and JSON through the loader's own decoders."""
    family = read_family(demo, "png")
    source = webdataset.WebDataset([str(tar) for tar in family.tars], shardshuffle=False)
    count = 0
    for picture, text, told in source.decode("pil").to_tuple("png", "txt", "json"):
        assert picture.size == (told["width"], told["height"])
        assert text == told["caption"]
        count += 1
    assert count == len(family.samples)


def test_wids(demo: Demo, family: Family, tmp_path: Path) -> None:
    """By the published index, whose urls are relative to the delivery's folder."""
    name = next(iter(family.samples.values())).keys() - {"txt", "json"}
    index_path = family.delivery / f"wids-{name.pop()}.json"
    index = json.loads(index_path.read_bytes())
    assert [item["url"] for item in index["shardlist"]] == [
        tar.relative_to(family.delivery).as_posix() for tar in family.tars
    ]
    for item, tar in zip(index["shardlist"], family.tars, strict=True):
        data = tar.read_bytes()
        assert item["filesize"] == len(data)
        assert item["md5sum"] == hashlib.md5(data, usedforsecurity=False).hexdigest()
    dataset = wids.ShardListDataset(
        str(index_path), base=str(family.delivery), cache_dir=str(tmp_path), transformations=[]
    )
    assert len(dataset) == len(family.samples)
    found = {}
    for at in range(len(dataset)):
        sample = dataset[at]
        found[sample["__key__"]] = {
            key.removeprefix("."): part if isinstance(part, bytes) else part.read()
            for key, part in sample.items()
            if not key.startswith("__")
        }
    assert found == family.samples


@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar command")
def test_gnu_tar(family: Family, tmp_path: Path) -> None:
    for tar in family.tars:
        done = subprocess.run(
            ["tar", "-xf", str(tar), "-C", str(tmp_path)], capture_output=True, check=True
        )
        assert done.stderr == b""
    found: dict[str, Sample] = {}
    for path in tmp_path.iterdir():
        key, _, ending = path.name.partition(".")
        found.setdefault(key, {})[ending] = path.read_bytes()
    assert found == family.samples


# `datasets` reads its settings when it is imported, so that it gets a process of its own.
_DATASETS = """
import hashlib, json, sys
import datasets

mode, where, family = sys.argv[1:]
if mode == "files":
    data = datasets.load_dataset("webdataset", data_files={"train": json.loads(where)})
else:
    data = datasets.load_dataset(where, family)
train = data["train"]
if family in train.column_names:
    kind = datasets.Video(decode=False) if family == "mp4" else datasets.Image(decode=False)
    train = train.cast_column(family, kind)
rows = []
for row in train:
    media = row[family]
    content = media["bytes"] if isinstance(media, dict) else media
    rows.append([row["__key__"], hashlib.sha256(content).hexdigest(), row["txt"], row["json"]])
json.dump(rows, sys.stdout)
"""


def _datasets(tmp_path: Path, *arguments: str) -> list[list[Any]]:
    home = {"HF_HOME": str(tmp_path), "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _DATASETS, *arguments],
        env={**os.environ, **home, **offline, "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    rows: list[list[Any]] = json.loads(done.stdout)
    return rows


def _as_datasets_should(family: Family, name: str) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for key, sample in family.samples.items():
        digest = hashlib.sha256(sample[name]).hexdigest()
        rows.append([key, digest, sample["txt"].decode(), json.loads(sample["json"])])
    return rows


@pytest.mark.parametrize("name", FAMILIES)
def test_datasets_by_the_card(demo: Demo, name: str, tmp_path: Path) -> None:
    """The folder itself: its README tells `datasets` each family's files."""
    family = read_family(demo, name)
    rows = _datasets(tmp_path, "folder", str(family.delivery), name)
    assert rows == _as_datasets_should(family, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_datasets_by_files(demo: Demo, name: str, tmp_path: Path) -> None:
    family = read_family(demo, name)
    rows = _datasets(tmp_path, "files", json.dumps([str(tar) for tar in family.tars]), name)
    assert rows == _as_datasets_should(family, name)
