"""One small adapter a reader: a family of a delivery as {key: {field: sha256}}.

Readers that have settings at import, or an environment of their own, run in a process that prints
JSON; it reads all families of a delivery at once, and the answer is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import webdataset
import wids

Fields = dict[str, str]
Samples = dict[str, Fields]

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "readers"
# Energon, DALI and mlcroissant; made by `make conformance-env`.
READERS_PYTHON = Path(os.environ.get("FAIRSHARD_READERS", ROOT / ".venv-readers/bin/python"))
HOW = "make it with `make conformance-env`, or name its python in FAIRSHARD_READERS"


@dataclass(frozen=True)
class Family:
    """One family of a delivery.

    Attributes:
        delivery: The delivery's folder.
        name: Extension of its media.
        tars: Its shards, in the manifest's order.
        others: All families of the delivery.
    """

    delivery: Path
    name: str
    tars: tuple[Path, ...]
    others: tuple[str, ...]


def family_of(delivery: Path, name: str) -> Family:
    shards = json.loads((delivery / "MANIFEST.json").read_bytes())["shards"]
    own = [item["name"] for item in shards if item["family"] == name]
    tars = tuple(delivery / "shards" / f"{item}.tar" for item in own)
    return Family(delivery, name, tars, tuple(sorted({item["family"] for item in shards})))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def by_tarfile(family: Family) -> Samples:
    """The answer key: Python's own reader, member by member."""
    found: Samples = {}
    for path in family.tars:
        with tarfile.open(path) as tar:
            for member in tar:
                data = tar.extractfile(member)
                assert data is not None
                key, _, field = member.name.partition(".")
                found.setdefault(key, {})[field] = sha256(data.read())
    return found


def by_webdataset(family: Family) -> Samples:
    source = webdataset.WebDataset([str(tar) for tar in family.tars], shardshuffle=False)
    return {
        sample["__key__"]: {
            name: sha256(part) for name, part in sample.items() if not name.startswith("__")
        }
        for sample in source
    }


def by_wids(family: Family) -> Samples:
    """By the published index, whose addresses are relative to the delivery."""
    index = family.delivery / f"wids-{family.name}.json"
    found: Samples = {}
    with tempfile.TemporaryDirectory() as cached:
        source = wids.ShardListDataset(
            str(index), base=str(family.delivery), cache_dir=cached, transformations=[]
        )
        for at in range(len(source)):
            sample = source[at]
            found[sample["__key__"]] = {
                name.removeprefix("."): sha256(part if isinstance(part, bytes) else part.read())
                for name, part in sample.items()
                if not name.startswith("__")
            }
    return found


def by_command(command: str) -> Callable[[Family], Samples]:
    """An adapter of a program that unpacks tars."""

    def read(family: Family) -> Samples:
        if shutil.which(command) is None:
            pytest.skip(f"there is no {command} here (Debian: tar, libarchive-tools)")
        found: Samples = {}
        with tempfile.TemporaryDirectory() as folder:
            for tar in family.tars:
                done = subprocess.run(
                    [command, "-xf", str(tar), "-C", folder], capture_output=True, check=True
                )
                assert done.stderr == b""
            for path in Path(folder).iterdir():
                key, _, field = path.name.partition(".")
                found.setdefault(key, {})[field] = sha256(path.read_bytes())
        return found

    return read


def by_datasets(way: str) -> Callable[[Family], Samples]:
    """An adapter of `datasets.load_dataset(folder, family)`, `whole` or `streaming`."""

    def read(family: Family) -> Samples:
        told: dict[str, Samples] = run_datasets("samples", way, family.delivery, family.others)
        return told[family.name]

    return read


def by_energon(family: Family) -> Samples:
    told: dict[str, Samples] = run_reader(
        "energon_reader.py", "megatron.energon", "raw", str(family.delivery), *family.others
    )
    return told[family.name]


def by_dali(family: Family) -> Samples:
    told: dict[str, Samples] = run_reader(
        "dali_reader.py", "nvidia.dali", str(family.delivery), *family.others
    )
    return told[family.name]


@cache
def run_datasets(what: str, way: str, delivery: Path, configs: tuple[str, ...]) -> Any:
    with tempfile.TemporaryDirectory() as home:
        names = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_DATASETS_DISABLE_PROGRESS_BARS")
        settings = {"HF_HOME": home, **dict.fromkeys(names, "1")}
        arguments = [what, way, str(delivery), *configs]
        return _json([sys.executable, str(SCRIPTS / "datasets_reader.py"), *arguments], settings)


@cache
def run_reader(script: str, package: str, *arguments: str) -> Any:
    """What a reader of the other environment prints; skips where it is not there."""
    need(package)
    with tempfile.TemporaryDirectory() as home:
        settings = {"HOME": home, "XDG_CACHE_HOME": home}
        return _json([str(READERS_PYTHON), str(SCRIPTS / script), *arguments], settings)


def need(package: str) -> None:
    """Skips the test where the readers' environment lacks a package."""
    if not READERS_PYTHON.exists():
        pytest.skip(f"no environment of other readers at {READERS_PYTHON}: {HOW}")
    if not _has(package):
        pytest.skip(f"{READERS_PYTHON} has no {package}: {HOW}")


@cache
def _has(package: str) -> bool:
    # Not an import: an environment that has the package and cannot load it is to fail.
    find = f"import importlib.util as u; raise SystemExit(u.find_spec({package!r}) is None)"
    code = f"try:\n    {find}\nexcept ModuleNotFoundError:\n    raise SystemExit(1)"
    return subprocess.run([str(READERS_PYTHON), "-c", code], check=False).returncode == 0


def _json(command: list[str], settings: dict[str, str]) -> Any:
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout)


READERS: dict[str, Callable[[Family], Samples]] = {
    "webdataset": by_webdataset,
    "wids": by_wids,
    "GNU tar": by_command("tar"),
    "bsdtar": by_command("bsdtar"),
    "datasets": by_datasets("whole"),
    "datasets, streaming": by_datasets("streaming"),
    "Energon": by_energon,
    "DALI": by_dali,
}
