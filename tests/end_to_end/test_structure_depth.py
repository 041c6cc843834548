"""A deal of the profile `structure-depth`: depth is where the pixels are, in what is delivered."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.features.guard import this_guard
from tests.cases.copies_common import Library
from tests.end_to_end.small_library import in_process
from tests.end_to_end.test_structure_video import samples
from tests.media.depth_files import DEPTHS, depth_about, depth_file, depth_maps
from tests.media.media_samples import LIMITS
from tests.media.moving_objects import COLOURS, KnownFilm, found_box, moving_film

pytestmark = pytest.mark.slow

_TOP = 'profile = "structure-depth"\nmedia = ["video"]'
_TERMS = "[structure]\nevery = 2"
_SMALLER = '\n[render]\nfilms = "transcode"\nfilm_longest_side = 156'
_RIGHTS = 'no_derivatives = "accept"\nunjudged_content = "accept"'
_FORMS = ("plain", "turned", "stretched")
_SHOWN = {"people_count": 0, "media_type": "video"}
_TIMES = [40 * at for at in range(40)]
# What is changed of sound depth, and why the film is refused.
_OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "sound_times": ({"times_ms": _TIMES[:20]}, ""),
    "other_times": ({"times_ms": [50 * at for at in range(21)]}, "profile.track_mismatch"),
    "other_film": ({"film_sha256": "a" * 64}, "profile.track_mismatch"),
    "one_more": ({"frames": 24}, "profile.track_mismatch"),
    "feet": ({"unit": "feet"}, "profile.track_invalid"),
}


def _add(made: Library, name: str, film: KnownFilm, **changes: Any) -> None:
    data = depth_file(depth_maps(film), depth_about(film, **changes))
    (made.folder / "catalogue" / f"{name}.depth.npz").write_bytes(data)
    words = {"title": f"Film {name}", "description": f"Of {film.frames} frames"}
    made.add(name, film.data, f"{name}.mp4", depth=f"{name}.depth.npz", **_SHOWN, **words)


@pytest.mark.parametrize("render", ["", _SMALLER])
def test_depth_is_where_the_pixels_are(tmp_path: Path, render: str) -> None:
    (tmp_path / "catalogue").mkdir()
    made, films = Library(tmp_path), {}
    for number, form in enumerate(_FORMS):
        films[form] = moving_film(12 + number, form=form)
        _add(made, form, films[form])
    for number, (name, (changes, _)) in enumerate(_OTHERS.items()):
        films[name] = moving_film(20 + number)
        _add(made, name, films[name], **changes)
    lacking = moving_film(30)
    made.add("lacking", lacking.data, "lacking.mp4", **_SHOWN)
    forbidden = {**_SHOWN, "licence_code": "CC-BY-ND-4.0", "credit": "Ann", "depth": "no.npz"}
    made.add("forbidden", lacking.data, "forbidden.mp4", **forbidden)
    decisions = made.package(
        tmp_path / "out", dedupe="none", rights=_RIGHTS, top=_TOP, more=_TERMS + render
    )
    assert made.ended.code in (0, 3), made.ended.err
    delivered, refused = ("delivered", ()), "refused"
    assert {name: one[:2] for name, one in decisions.items()} == {
        **dict.fromkeys(_FORMS, delivered),
        **{name: (refused, (why,)) if why else delivered for name, (_, why) in _OTHERS.items()},
        "lacking": (refused, ("profile.no_depth",)),
        "forbidden": (refused, ("profile.no_derivatives",)),
    }
    assert (
        "times are not the film's: 100 ms, but the frame is shown at 80 ms"
        in (decisions["other_times"][2])
    )
    delivery = tmp_path / "out" / "case" / "v0001" / "delivery"
    found = {one["json"]["frames"]: one for one in samples(delivery, by="frames").values()}
    for name in (*_FORMS, "sound_times"):
        _check_depth(found[films[name].frames], films[name], smaller=bool(render))
    rows: list[Any] = pq.read_table(delivery / "samples.parquet").to_pylist()
    assert {(row["depth_width"], row["depth_height"]) for row in rows} == {(96, 64)}
    members = ["frames.npy", "depth.npy"]
    assert all([one["ending"] for one in row["extra_members"]] == members for row in rows)
    assert in_process("verify", delivery, "--allow-unpinned").code == 0
    _check_that_verify_finds_a_change(delivery, tmp_path / "copy")


def _check_depth(sample: dict[str, Any], film: KnownFilm, *, smaller: bool) -> None:
    """Compares what is near with what is red and blue in the frames of the delivered film."""
    said, depth = sample["json"], sample["depth.npy"]
    numbers = range(0, film.frames, 2)
    assert depth.dtype == np.float16 and depth.shape == (len(numbers), 64, 96)
    assert np.array_equal(depth, depth_maps(film, every=2))
    assert (said["depth_unit"], said["depth_source"]) == ("metre", "tracker")
    assert (said["width"], said["height"]) == ((156, 104) if smaller else (192, 128))
    assert len(sample["frames.npy"]) == len(numbers) == said["embedding_rows"]
    pictures = this_guard().exact_frames(sample["mp4"], list(numbers), None, LIMITS)
    for row, picture in enumerate(pictures):
        pixels = np.asarray(Image.open(io.BytesIO(picture)))
        for object_id in (1, 2) if numbers[row] >= 3 else (1,):
            lines, columns = np.nonzero(depth[row] == DEPTHS[object_id])
            corners = (columns.min(), lines.min(), columns.max() + 1, lines.max() + 1)
            place = [float(value) * said["width"] / 96 for value in corners]
            assert found_box(pixels, COLOURS[object_id]) == pytest.approx(place, abs=4)


def _check_that_verify_finds_a_change(delivery: Path, copy: Path) -> None:
    shutil.copytree(delivery, copy)
    tar = next(copy.glob("shards/*.tar"))
    data = bytearray(tar.read_bytes())
    at = data.index(b"depth.npy")
    data[data.index(b"\x93NUMPY", at) + 400] ^= 1
    tar.write_bytes(data)
    done = in_process("verify", copy, "--allow-unpinned")
    assert done.code == 1 and "depth.npy" in done.out + done.err
