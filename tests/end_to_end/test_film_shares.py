"""A run refuses films by their black, frozen and silent shares, and delivers what it measured."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.media.test_stretches import made, moving, still, tone

from .small_library import SmallLibrary, in_process

pytestmark = pytest.mark.slow

FILMS = {
    "a-0": (moving(40) + still(4, 0) + moving(28), None),
    "a-1": (moving(40) + still(40, 0), None),
    "a-2": (moving(30) + still(60, 120), None),
    "a-3": (moving(72), np.concatenate([tone(1, 0.3), tone(2, 0)])),
    "a-4": (moving(60), np.concatenate([tone(1.4, 0.3), tone(1.1, 0)])),
}
REFUSED = {
    "a-1": ["select.too_black"],
    "a-2": ["select.too_frozen"],
    "a-3": ["select.too_silent"],
}
_SELECT = """
[select]
min_short_side = 64
dedupe = "none"
max_black_share = "0.20"
max_frozen_share = "0.60"
max_silent_share = "0.50"
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    found = SmallLibrary(tmp_path_factory.mktemp("films"))
    for name, (pictures, sound) in FILMS.items():
        data = made(pictures, sound)
        (found.folder / "catalogue" / f"{name}.mp4").write_bytes(data)
        found.add(1, media_type="video", media_uri=f"{name}.mp4")
    head, _, price = found.deal.partition("\n[price]")
    found.deal = f'{head}\nprofile = "video-text"\nmedia = ["video"]\n{_SELECT}\n[price]{price}'
    result = found.package()
    assert result.code == 0, result
    return found


def delivered(library: SmallLibrary) -> list[dict[str, Any]]:
    """Returns the samples' JSON."""
    found = []
    for path in sorted((library.agency.parent / "delivery" / "shards").glob("*.tar")):
        with tarfile.open(path) as tar:
            opened = [tar.extractfile(one) for one in tar if one.name.endswith(".json")]
            found += [json.loads(one.read()) for one in opened if one is not None]
    return found


def test_films_above_a_share_are_refused_with_its_reason(library: SmallLibrary) -> None:
    table = pq.read_table(library.agency / "decisions")
    refused = {
        row["asset_id"]: row["reasons"] for row in table.to_pylist() if row["outcome"] == "refused"
    }
    assert refused == REFUSED


def test_samples_have_what_was_measured(library: SmallLibrary) -> None:
    second, first = sorted(delivered(library), key=lambda sample: str(sample["sound"]))
    assert (first["sound"], first["silent"], first["silent_ms"]) == ("none", "", 0)
    assert (first["black"], first["black_ms"]) == ("", 0)  # four frames are less than 0.2 s
    assert second["sound"] == "decoded"
    [stretch] = second["silent"].split("; ")
    start, end = map(int, stretch.split("-"))
    assert abs(start - 1400) < 120 and end == second["duration_ms"]
    assert second["silent_ms"] == end - start
    for sample in (first, second):
        for shot in sample["shots"]:
            assert shot["first_frame"] <= shot["keyframe"] < shot["end_frame"]


def test_the_delivery_can_be_verified_and_cut(library: SmallLibrary, tmp_path: Path) -> None:
    delivery = library.agency.parent / "delivery"
    assert in_process("verify", delivery, "--allow-unpinned", "--quiet").code == 0
    cut = in_process("clips", delivery, "--to", tmp_path / "clips", "--json", "--quiet")
    assert cut.code == 0
    assert cut.json["films"] == 2 and cut.json["clips"] >= 2
