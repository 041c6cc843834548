"""One small adapter a reader: a family of a delivery as {key: {field: sha256}}, in its order.

Readers that have settings at import, or an environment of their own, run in a process that prints
JSON; it reads all families of all deliveries at once, and the answer is kept.
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
from typing import Any, cast

import pytest
import webdataset
import wids

from tests.conformance.library import ReaderLibrary, families

Fields = dict[str, str]
Samples = dict[str, Fields]
Deliveries = tuple[tuple[Path, tuple[str, ...]], ...]

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "readers"
READERS_PYTHON = Path(os.environ.get("FAIRSHARD_READERS", ROOT / ".venv-readers/bin/python"))
HOW = "`make {target}` makes it, or name its python in FAIRSHARD_READERS"


@dataclass(frozen=True)
class Family:
    """One family of a delivery.

    Attributes:
        delivery: The delivery's folder.
        name: Extension of its media.
        tars: Its shards, in the manifest's order.
        all: Every delivery that is read in these tests, with its families.
    """

    delivery: Path
    name: str
    tars: tuple[Path, ...]
    all: Deliveries


def family_of(library: ReaderLibrary, profile: str, name: str) -> Family:
    shards = library.manifest(profile)["shards"]
    delivery = library.delivery(profile)
    own = [item["name"] for item in shards if item["family"] == name]
    tars = tuple(delivery / "shards" / f"{item}.tar" for item in own)
    return Family(delivery, name, tars, everything(library))


def everything(library: ReaderLibrary) -> Deliveries:
    """Every profile's delivery with its families."""
    return tuple((library.delivery(profile), families(profile)) for profile in library.profiles)


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
                listed = _quiet([command, "-tf", str(tar)]).split()
                _quiet([command, "-xf", str(tar), "-C", folder])
                for name in listed:
                    key, _, field = name.partition(".")
                    found.setdefault(key, {})[field] = sha256((Path(folder) / name).read_bytes())
            assert sum(map(len, found.values())) == len(list(Path(folder).iterdir()))
        return found

    return read


def _quiet(command: list[str]) -> str:
    """What a command prints, if it ends well and complains of nothing."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def by_datasets(way: str) -> Callable[[Family], Samples]:
    """An adapter of `datasets.load_dataset(folder, family)`, `whole` or `streaming`."""

    def read(family: Family) -> Samples:
        printed = run_datasets("samples", way, family.all)
        return cast(Samples, printed[str(family.delivery)][family.name])

    return read


def by_energon(family: Family) -> Samples:
    printed = run_reader("energon_reader.py", "megatron.energon", family.all, "raw")
    return cast(Samples, printed[str(family.delivery)][family.name])


def by_dali(behaviour: str) -> Callable[[Family], Samples]:
    def read(family: Family) -> Samples:
        printed = run_reader("dali_reader.py", "nvidia.dali", family.all, behaviour)
        return cast(Samples, printed[str(family.delivery)][family.name])

    return read


@cache
def run_datasets(what: str, way: str, deliveries: Deliveries) -> Any:
    with tempfile.TemporaryDirectory() as home:
        names = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_DATASETS_DISABLE_PROGRESS_BARS")
        settings = {"HF_HOME": home, **dict.fromkeys(names, "1")}
        return _json([sys.executable, "datasets_reader.py", what, way], deliveries, settings)


@cache
def run_reader(script: str, package: str, deliveries: Deliveries, *more: str) -> Any:
    """What a reader of the other environment prints; skips where it is not there."""
    need(package)
    with tempfile.TemporaryDirectory() as home:
        settings = {"HOME": home, "XDG_CACHE_HOME": home}
        return _json([str(READERS_PYTHON), script, *more], deliveries, settings)


def need(package: str) -> None:
    """Skips the test where the readers' environment lacks a package."""
    how = HOW.format(target="dali-env" if package == "nvidia.dali" else "conformance-env")
    if not READERS_PYTHON.exists():
        pytest.skip(f"no environment of other readers at {READERS_PYTHON}: {how}")
    if not _has(package):
        pytest.skip(f"{READERS_PYTHON} has no {package}: {how}")


@cache
def _has(package: str) -> bool:
    # Not an import: an environment that has the package and cannot load it is to fail.
    find = f"import importlib.util as u; raise SystemExit(u.find_spec({package!r}) is None)"
    code = f"try:\n    {find}\nexcept ModuleNotFoundError:\n    raise SystemExit(1)"
    return subprocess.run([str(READERS_PYTHON), "-c", code], check=False).returncode == 0


def _json(command: list[str], deliveries: Deliveries, settings: dict[str, str]) -> Any:
    """What a script prints of the deliveries: by folder, then by family."""
    python, script, *more = command
    request = json.dumps({str(folder): names for folder, names in deliveries})
    done = subprocess.run(
        [python, str(SCRIPTS / script), *more, request],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
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
    "DALI": by_dali("empty"),
    "DALI, skipping": by_dali("skip"),
}
