"""Whole runs with the profile `box-motion`: boxes that are known, in the film that is delivered."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.features.guard import this_guard
from pipelines.profiles import load_profile
from tests.cases.copies_common import Library
from tests.end_to_end.small_library import in_process
from tests.media.media_samples import LIMITS
from tests.media.moving_objects import COLOURS, KnownFilm, box_file, found_box, moving_film

UNSEEN = {"grant_inference": "deny", "people_count": 0, "media_type": "video"}
PACK_WITHOUT = 'inference = "pack-without"\nunjudged_content = "accept"'
TOP = 'profile = "box-motion"\nmedia = ["video"]'
SMALLER = '[render]\nfilms = "transcode"\nfilm_longest_side = 156'
FORMS = ("plain", "turned", "stretched")


def add_track(library: Library, name: str, file: object) -> str:
    """Writes a track file beside its film, and returns its address."""
    uri = f"{name}.boxes.json"
    path = library.folder / "catalogue" / uri
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file if isinstance(file, bytes) else json.dumps(file).encode())
    return uri


def samples(delivery: Path) -> Iterator[dict[str, Any]]:
    """Yields the samples of a delivery: members by ending, the JSON parsed."""
    for path in sorted((delivery / "shards").glob("*.tar")):
        found: dict[str, dict[str, Any]] = {}
        with tarfile.open(path) as tar:
            for item in tar:
                key, _, ending = item.name.partition(".")
                data = tar.extractfile(item).read()  # type: ignore[union-attr]
                found.setdefault(key, {})[ending] = data
        for one in found.values():
            yield {**one, "json": json.loads(one["json"])}


@pytest.fixture(scope="module")
def library(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Library, dict[str, KnownFilm]]]:
    folder = tmp_path_factory.mktemp("box-motion")
    (folder / "catalogue").mkdir()
    made, films = Library(folder), {}
    for number, form in enumerate(FORMS):
        films[form] = moving_film(12 + number, form=form)
        uri = add_track(made, form, box_file(films[form]))
        made.add(form, films[form].data, f"{form}.mp4", boxes=uri, **UNSEEN)
    sideways = box_file(films["turned"], width=128, height=192)
    others: dict[str, str | None] = {
        "no_track": None,
        "absent": "absent.track.json",
        "outside": "../boxes.json",
        "sideways": add_track(made, "sideways", sideways),
        "broken": add_track(made, "broken", b'{"boxes": '),
        "empty": add_track(made, "empty", b""),
    }
    for number, (name, named) in enumerate(others.items()):
        film = moving_film(20 + number, form="turned" if name == "sideways" else "plain")
        made.add(name, film.data, f"{name}.mp4", boxes=named, **UNSEEN)
    yield made, films
    shutil.rmtree(folder)


def check_boxes(sample: dict[str, Any], film: KnownFilm) -> None:
    """Compares each box with the pixels of the delivered film, as it is displayed."""
    track, said = json.loads(sample["boxes.json"]), sample["json"]
    width, height = said["width"], said["height"]
    pictures = this_guard().exact_frames(sample["mp4"], range(film.frames), None, LIMITS)
    columns = track["boxes"]
    assert len(columns["frame"]) == len(film.boxes) == said["boxes"]
    for at, (frame, object_id, box) in enumerate(film.boxes):
        assert (columns["frame"][at], columns["object"][at]) == (frame, object_id)
        pixels = np.asarray(Image.open(io.BytesIO(pictures[frame])))
        assert pixels.shape[:2] == (height, width)
        said_box = [columns[f"{name}_milli"][at] / 1000 for name in ("x0", "y0", "x1", "y1")]
        assert said_box == pytest.approx(
            [
                value * (width, height)[n % 2] / (film.width, film.height)[n % 2]
                for n, value in enumerate(box)
            ],
            abs=0.001,
        )
        assert found_box(pixels, COLOURS[object_id]) == pytest.approx(said_box, abs=2.1)


@pytest.mark.long
@pytest.mark.parametrize("render", ["", pytest.param(SMALLER, marks=pytest.mark.slow)])
def test_boxes_are_where_the_pixels_are(
    library: tuple[Library, dict[str, KnownFilm]], tmp_path: Path, render: str
) -> None:
    made, films = library
    decisions = made.package(tmp_path, dedupe="none", rights=PACK_WITHOUT, top=TOP, more=render)
    assert made.ended.code in (0, 3), made.ended.err
    found = {name: (outcome, reasons) for name, (outcome, reasons, _) in decisions.items()}
    assert found == {
        **dict.fromkeys(FORMS, ("delivered", ())),
        "no_track": ("refused", ("profile.no_boxes",)),
        "absent": ("dead_letter", ("media.unavailable",)),
        "outside": ("dead_letter", ("media.not_allowed",)),
        "sideways": ("refused", ("profile.track_mismatch",)),
        "broken": ("refused", ("profile.track_invalid",)),
        "empty": ("refused", ("profile.track_invalid",)),
    }
    assert (
        "sideways.boxes.json: drawn for 128 x 192, but the film is displayed at 192 x 128"
        in (decisions["sideways"][2])
    )
    delivery = tmp_path / "case" / "v0001" / "delivery"
    seen = {one["json"]["frames"]: one for one in samples(delivery)}
    for film in films.values():
        check_boxes(seen[film.frames], film)
        said = seen[film.frames]["json"]
        assert (said["objects"], said["hard_boxes"]) == (2, film.frames)
        assert (said["boxes_source"], said["tracker"]) == ("agency", "")
        assert load_profile("box-motion").parse_sample(json.dumps(said).encode())
    rows = pq.read_table(delivery / "samples.parquet").to_pylist()
    assert {row["frames"]: row["boxes"] for row in rows} == {
        film.frames: len(film.boxes) for film in films.values()
    }
    assert [one["ending"] for one in rows[0]["extra_members"]] == ["boxes.json"]
    checked = in_process("verify", delivery, "--allow-unpinned")
    assert checked.code == 0, checked.out + checked.err
