"""Stock loaders give, for every picture that is delivered, the pixels that we decode.

On a library of forms that loaders decode in different ways, on photographs that packages bring,
and on the demo. The bound is 2 of 255.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cases.copies_common import Library
from tests.conformance.adapters import READERS_PYTHON, SCRIPTS, need
from tests.end_to_end.command import Demo
from tests.media.hostile_modes import hostile_modes

_BOUND = 2
_LOADERS = ("webdataset", "datasets", "open_clip", "energon")
_UNSEEN = {"grant_inference": "deny", "people_count": 0}
_RIGHTS = 'inference = "pack-without"\nunjudged_content = "accept"'
# The folders of packages in which there are photographs.
_PHOTOGRAPHS = (("skimage", "data"), ("sklearn", "datasets/images"))
_ENDINGS = {".jpg": "jpg", ".jpeg": "jpg", ".png": "png", ".tif": "tif", ".gif": "gif"}


def _photographs() -> Iterator[tuple[str, str, bytes]]:
    """Yields name, ending and bytes of each picture of the packages that are installed."""
    for package, folder in _PHOTOGRAPHS:
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            continue
        for path in sorted(Path(found.origin).parent.joinpath(folder).iterdir()):
            if path.suffix in _ENDINGS:
                yield f"{package}_{path.stem}", _ENDINGS[path.suffix], path.read_bytes()


def _package(folder: Path, pictures: list[tuple[str, str, bytes]], section: str) -> Path:
    (folder / "catalogue").mkdir(parents=True)
    library = Library(folder)
    for name, ending, data in pictures:
        library.add(name, data, f"{name}.{ending}", title=f"Picture {name}", **_UNSEEN)
    out = folder / "out"
    decisions = library.package(out, dedupe="none", rights=_RIGHTS, more=section)
    # Some are too small, blank, or of AI by their own words; none for its form.
    lost = {reason for _, reasons, _ in decisions.values() for reason in reasons}
    assert not [one for one in lost if one.startswith(("rendition.", "picture."))], decisions
    return out / "case" / "v0001" / "delivery"


def _differences(loader: str, delivery: Path) -> dict[str, int]:
    """By how much of 255 a loader's pixels differ at most from ours, by sample."""
    python = sys.executable
    if loader == "energon":
        need("megatron.energon")
        python = str(READERS_PYTHON)
    manifest = json.loads((delivery / "MANIFEST.json").read_bytes())
    families = sorted({one["family"] for one in manifest["shards"]} - {"mp4", "mov"})
    with tempfile.TemporaryDirectory() as home:
        settings = {"HOME": home, "XDG_CACHE_HOME": home, "HF_HOME": home, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            [python, SCRIPTS / "pixels_reader.py", loader, json.dumps({str(delivery): families})],
            env={**os.environ, **settings, "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3_000:]
    found: dict[str, int] = json.loads(done.stdout)
    samples = sum(one["samples"] for one in manifest["shards"] if one["family"] in families)
    assert len(found) == samples > 0
    return found


@pytest.fixture(scope="module", params=["", 'images = "all"\nlongest_side = 150'])
def hostile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delivery of every hostile form; what needs no rendition is native, unless all are made."""
    pictures: list[Any] = [(name, fmt, data) for name, fmt, data, _ in hostile_modes()]
    section = f"[render]\n{request.param}" if request.param else ""
    return _package(tmp_path_factory.mktemp("hostile"), pictures, section)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delivery of the photographs that installed packages bring."""
    pictures = list(_photographs())
    if not pictures:
        pytest.skip("neither scikit-image nor scikit-learn is installed: they bring photographs")
    return _package(tmp_path_factory.mktemp("photographs"), pictures, "")


@pytest.mark.long
@pytest.mark.parametrize("loader", _LOADERS)
def test_hostile_forms(hostile: Path, loader: str) -> None:
    found = _differences(loader, hostile)
    assert {key: most for key, most in found.items() if most > _BOUND} == {}


@pytest.mark.slow
@pytest.mark.parametrize("loader", _LOADERS)
def test_photographs(photographs: Path, loader: str) -> None:
    found = _differences(loader, photographs)
    assert {key: most for key, most in found.items() if most > _BOUND} == {}


@pytest.mark.slow
@pytest.mark.parametrize("loader", _LOADERS)
def test_demo(demo: Demo, loader: str) -> None:
    found = _differences(loader, demo.delivery("demo-main"))
    assert {key: most for key, most in found.items() if most > _BOUND} == {}


@pytest.mark.slow
def test_native_forms_are_what_loaders_get_wrong(tmp_path: Path) -> None:
    """The comparison would notice: as they are, webdataset shows what the facts name otherwise."""
    formats = ("jpg", "png", "webp")
    pictures = [one for one in hostile_modes() if one[1] in formats and one[0] != "cmyk"]
    files: list[Any] = [(name, fmt, data) for name, fmt, data, _ in pictures]
    delivery = _package(tmp_path, files, '[render]\nimages = "native"')
    wrong = [most for most in _differences("webdataset", delivery).values() if most > _BOUND]
    assert len(wrong) == sum(differs for *_, differs in pictures) > 10
