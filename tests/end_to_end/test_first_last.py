"""A deal of the profile `first-last-frame`: every member is the frame that its number says."""

from __future__ import annotations

import shutil
import tarfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import webdataset

from tests.media.media_samples import turned_film
from tests.media.numbered_shots import film_of_shots, shown_number

from .small_library import SmallLibrary, in_process

pytestmark = pytest.mark.slow

_UNEVEN = [0, 20, 40, 200, 220, 240, 600, 700, 701, 1000, 1040, 1060]
_CUT = [10, 30, 8, 7]
_TEN_BITS = film_of_shots([8], codec="libsvtav1", layout="yuv420p10le")
# Of each film: its file, its size as displayed and how often it lies turned; then its clips.
_FILMS: dict[str, tuple[bytes, tuple[int, int], int, list[tuple[int, int]]]] = {
    "a-0": (film_of_shots(_CUT), (128, 72), 0, [(0, 10), (19, 31), (40, 48)]),
    "a-1": (film_of_shots([12], _UNEVEN), (128, 72), 0, [(0, 12)]),
    "a-2": (turned_film(film_of_shots([9])), (72, 128), 1, [(0, 9)]),
    "a-3": (film_of_shots([13], aspect=Fraction(3, 2)), (192, 72), 0, [(0, 12)]),
    "a-4": (_TEN_BITS, (128, 72), 0, [(0, 8)]),
}
_CHOSEN = {
    name: max(films[3], key=lambda clip: clip[1] - clip[0]) for name, films in _FILMS.items()
}
_SHORT = {"a-5": 1, "a-6": 2, "a-7": 7}
_TERMS = """
[clips]
min_frames = 8
max_frames = 12

[select]
min_short_side = 64
blank = "accept"
dedupe = "none"
"""


def make_library(folder: Path) -> SmallLibrary:
    """Films whose frames show their number, one of which no one may change, and its deal."""
    made = SmallLibrary(folder)
    files = {name: film for name, (film, *_) in _FILMS.items()}
    files |= {name: film_of_shots([frames]) for name, frames in _SHORT.items()}
    files["a-8"] = film_of_shots([20])
    for name, data in files.items():
        (folder / "catalogue" / f"{name}.mp4").write_bytes(data)
        code = "CC-BY-ND-4.0" if name == "a-8" else None
        words: dict[str, Any] = {
            "title": f"Numbers, film {name}",
            "credit": "Ann",
            "licence_code": code,
        }
        made.add(1, media_uri=f"{name}.mp4", media_type="video", **words)
    terms = 'profile = "first-last-frame"\nmedia = ["video"]\n'
    head, price, tail = made.deal.partition("\n[price]")
    rights = '\n[rights]\nno_derivatives = "accept"\n'
    made.deal = f"{head}{terms}{price}{tail}{rights}{_TERMS}"
    return made


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    folder = tmp_path_factory.mktemp("frames")
    made = make_library(folder)
    done = made.package()
    assert done.code == 0, done.err
    return made


def delivery(made: SmallLibrary) -> Path:
    return made.out / "small" / "v0001" / "delivery"


def samples(made: SmallLibrary) -> dict[str, dict[str, Any]]:
    """What webdataset reads, by asset: the members decoded."""
    tars = [str(path) for path in sorted(delivery(made).glob("shards/*.tar"))]
    source = webdataset.WebDataset(tars, shardshuffle=False).decode("pil")
    return {str(one["json"]["title"])[-3:]: one for one in source}


def test_members_are_the_frames_that_the_fields_say(packaged: SmallLibrary) -> None:
    found = samples(packaged)
    assert sorted(found) == sorted(_FILMS)
    for name, (_, size, turns, clips) in _FILMS.items():
        told, one = found[name]["json"], found[name]
        first, end = _CHOSEN[name]
        assert (told["clip_first_frame"], told["clip_end_frame"]) == (first, end)
        assert (told["width"], told["height"]) == size
        endings = ("first.png", "last2.png", "last1.png", "last.png")
        pictures = [one[ending] for ending in endings]
        assert [picture.size for picture in pictures] == [size] * 4
        numbers = [shown_number(np.rot90(np.asarray(one, np.uint8), turns)) for one in pictures]
        assert numbers == [first, end - 3, end - 2, end - 1]
        listed = [(clip["first_frame"], clip["end_frame"]) for clip in told["clips"]]
        assert listed == clips and listed[told["clip"]] == (first, end)
        captions = [told["shots"][clip["shot"]]["caption"] for clip in told["clips"]]
        assert [clip["caption"] for clip in told["clips"]] == captions
        assert told["clip_caption"] == captions[told["clip"]]
        assert told["no_watermark"] is False and told["watermark"] == "unknown"


def test_times_are_those_of_the_frames(packaged: SmallLibrary) -> None:
    found = samples(packaged)
    for name, times in (("a-0", [25 * at for at in range(55)]), ("a-1", _UNEVEN)):
        told = found[name]["json"]
        first, end = told["clip_first_frame"], told["clip_end_frame"]
        ms = [round(Fraction(time, 600) * 1000) for time in times]
        assert told["clip_start_ms"] == ms[first]
        assert told["clip_end_ms"] == (ms[end] if end < len(ms) else told["duration_ms"])


def test_members_lie_between_medium_and_text(packaged: SmallLibrary) -> None:
    for path in delivery(packaged).glob("shards/*.tar"):
        with tarfile.open(path) as tar:
            endings = [name.partition(".")[2] for name in tar.getnames()]
        one = ["mp4", "first.png", "last2.png", "last1.png", "last.png", "txt", "json"]
        assert endings == one * (len(endings) // 7)
    table = pq.read_table(delivery(packaged) / "samples.parquet")
    assert set(table["clip_end_frame"].to_pylist()) == {end for _, end in _CHOSEN.values()}
    assert all(table["clip_caption"].to_pylist())


def test_other_films_are_refused_with_a_reason(packaged: SmallLibrary) -> None:
    decisions = pq.read_table(packaged.agency / "decisions").to_pylist()
    refused = {row["asset_id"]: row for row in decisions if row["outcome"] == "refused"}
    assert sorted(refused) == ["a-5", "a-6", "a-7", "a-8"]
    for name, frames in _SHORT.items():
        assert refused[name]["reasons"] == ["profile.no_clip"]
        assert f"has {frames} frames; clips.min_frames = 8" in refused[name]["detail"]
    assert refused["a-8"]["reasons"] == ["profile.no_derivatives"]


def test_money_does_not_depend_on_clips(packaged: SmallLibrary) -> None:
    """One entry for each film, and the pool among them."""
    entries = pq.read_table(packaged.agency / "ledger").to_pylist()
    assert sorted(row["asset_id"] for row in entries) == sorted(_FILMS)
    assert len({row["amount_minor"] for row in entries}) <= 2


def test_another_deal_decodes_no_frames_again(
    packaged: SmallLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same members, and no picture more in the store."""
    stored = sorted((packaged.out / "agency" / "features").glob("pictures-*/*"))
    assert len(stored) == len(_FILMS)
    deal = packaged.folder / "second.toml"
    deal.write_text(packaged.deal.replace('"small"', '"second"'), encoding="utf-8")
    words = ("package", "--catalogue", packaged.folder / "catalogue", "--deal", deal)
    monkeypatch.setattr("pipelines.features.kept_frames.this_guard", None)
    done = in_process(
        *words, "--out", packaged.out, "--as-of", "2026-06-30", "--workers", 1, "--quiet"
    )
    assert done.code == 0, done.err
    assert sorted((packaged.out / "agency" / "features").glob("pictures-*/*")) == stored
    tables = [
        pq.read_table(packaged.out / name / "v0001" / "delivery" / "samples.parquet")
        for name in ("small", "second")
    ]
    before, after = (
        {
            row["media_sha256"]: [one["sha256"] for one in row["extra_members"]]
            for row in table.to_pylist()
        }
        for table in tables
    )
    assert before == after and len(before) == len(_FILMS)


def verify(folder: Path) -> Any:
    return in_process("verify", folder, "--allow-unpinned")


def test_verify_accepts_it_and_finds_changed_members(
    packaged: SmallLibrary, tmp_path: Path
) -> None:
    assert verify(delivery(packaged)).code == 0
    copy = tmp_path / "delivery"
    shutil.copytree(delivery(packaged), copy)
    [tar] = copy.glob("shards/*.tar")
    data = tar.read_bytes()
    at = data.index(b"last1.png")
    at = data.index(b"IDAT", at) + 40
    tar.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    done = verify(copy)
    assert done.code == 1 and "last1.png" in done.out + done.err
