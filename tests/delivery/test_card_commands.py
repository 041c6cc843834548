"""Every command on a delivery's card runs as it is written, in the environment that it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.delivery.loading import shard_urls
from pipelines.storage.columns import values_of
from tests.conformance.adapters import READERS_PYTHON, ROOT, need
from tests.end_to_end.command import environment
from tests.end_to_end.small_library import SmallLibrary

pytestmark = pytest.mark.long

TRAINER_PYTHON = Path(os.environ.get("FAIRSHARD_TRAINER", ROOT / ".venv-trainer/bin/python"))
MOSAIC_PYTHON = Path(os.environ.get("FAIRSHARD_MOSAIC", ROOT / ".venv-mosaic/bin/python"))
_BLOCK = re.compile(r"^### (.+?)$.+?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAMPLES, _STEPS = 20, 10


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """A delivery of several shards, half of which a filter by keyword finds."""
    library = SmallLibrary(tmp_path_factory.mktemp("card"))
    for number in range(_SAMPLES):
        words = ["sea", "boat"] if number % 2 else ["hill"]
        library.add(1, side=520, title=f"Drawn {number}", keywords=words, created_at="2024-05-01")
    library.deal += '\n[shards]\ntarget_bytes = "400KiB"\n'
    ended = library.package()
    assert ended.code == 0, ended.err
    return library


def delivery_of(library: SmallLibrary) -> Path:
    return library.out / "small" / "v0001" / "delivery"


def blocks(library: SmallLibrary) -> dict[str, tuple[str, str]]:
    text = (delivery_of(library) / "README.md").read_text("utf-8")
    return {name: (language, code) for name, language, code in _BLOCK.findall(text)}


def run(library: SmallLibrary, name: str, python: Path | str, folder: Path) -> str:
    """Runs a block in a copy of the delivery, which loaders may write to; returns its output."""
    language, code = blocks(library)[name]
    copy = delivery_of(library.copied_to(folder / "copy"))
    if "../agency.vkey" in code:
        (copy / "../agency.vkey").symlink_to(copy / "log.vkey")
    settings = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "HF_HOME"), str(folder))
    path = f"{Path(python).parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    settings |= {"HF_HUB_OFFLINE": "1", "PATH": path}
    words = [str(python), "-c", code] if language == "python" else ["bash", "-ec", code]
    done = subprocess.run(
        words, cwd=copy, env=environment(settings), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stdout + done.stderr


def captions(library: SmallLibrary) -> set[str]:
    table = pq.read_table(delivery_of(library) / "samples.parquet")
    return set(values_of(table["caption"], str))


def test_the_card_has_every_loader(packaged: SmallLibrary) -> None:
    assert list(blocks(packaged)) == [
        *("webdataset", "datasets", "NVIDIA DALI", "Megatron-Energon", "torch", "torchdata"),
        *("MosaicML Streaming", "open_clip's trainer", "DuckDB", "fairshard"),
    ]


@pytest.mark.parametrize("name", ["webdataset", "datasets"])
def test_python_loaders(packaged: SmallLibrary, tmp_path: Path, name: str) -> None:
    printed = run(packaged, name, sys.executable, tmp_path)
    assert any(text in printed for text in captions(packaged))


def test_duckdb_filters_without_a_tar(packaged: SmallLibrary, tmp_path: Path) -> None:
    printed = run(packaged, "DuckDB", sys.executable, tmp_path)
    assert printed.startswith(f"{_SAMPLES // 2} samples\n")
    assert any(text in printed for text in captions(packaged))


def test_fairshard_verifies(packaged: SmallLibrary, tmp_path: Path) -> None:
    # The agency's key, which the buyer has from elsewhere.
    assert "OK" in run(packaged, "fairshard", sys.executable, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "package"), [("NVIDIA DALI", "nvidia.dali"), ("Megatron-Energon", "megatron.energon")]
)
def test_loaders_of_the_readers_environment(
    packaged: SmallLibrary, tmp_path: Path, name: str, package: str
) -> None:
    need(package)
    printed = run(packaged, name, READERS_PYTHON, tmp_path)
    assert any(text in printed for text in captions(packaged))


@pytest.mark.slow
def test_torch_gets_samples_from_a_worker(packaged: SmallLibrary, tmp_path: Path) -> None:
    printed = run(packaged, "torch", sys.executable, tmp_path)
    assert re.match(r"\(\d+, 520\) ", printed)  # its size
    assert any(text in printed for text in captions(packaged))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("torchdata", f"{_SAMPLES - 1} samples after that one"),
        ("MosaicML Streaming", f"{_SAMPLES} samples"),
    ],
)
def test_loaders_of_mosaics_environment(
    packaged: SmallLibrary, tmp_path: Path, name: str, said: str
) -> None:
    if not MOSAIC_PYTHON.exists():
        pytest.skip(f"no {MOSAIC_PYTHON}: `make mosaic-env`, or FAIRSHARD_MOSAIC")
    printed = run(packaged, name, MOSAIC_PYTHON, tmp_path)
    assert said in printed.split("\n")
    assert any(text in printed for text in captions(packaged))


@pytest.mark.slow
def test_the_trainer_trains_ten_steps(packaged: SmallLibrary, tmp_path: Path) -> None:
    """From the folder alone: the number of samples is that of sizes.json."""
    if not TRAINER_PYTHON.exists():
        pytest.skip(f"no {TRAINER_PYTHON}: `make trainer-env`, or FAIRSHARD_TRAINER")
    assert f"--batch-size {_SAMPLES // _STEPS} " in blocks(packaged)["open_clip's trainer"][1]
    printed = run(packaged, "open_clip's trainer", TRAINER_PYTHON, tmp_path)
    assert re.search(rf"Train Epoch: 0 \[ *{_SAMPLES}/{_SAMPLES} \(100%\)\]", printed)


def test_runs_of_numbers_are_in_braces() -> None:
    names = [f"d-jpg-{number:05d}" for number in (0, 1, 2, 4, 7, 8)] + ["d-png-val-00003"]
    assert shard_urls(names) == (
        "shards/d-jpg-{00000..00002}.tar::shards/d-jpg-{00004..00004}.tar::"
        "shards/d-jpg-{00007..00008}.tar::shards/d-png-val-{00003..00003}.tar"
    )
