"""Whatever the extra members of a sample are, verification answers with faults and never raises."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.format.npy import npy_bytes
from pipelines.media.box_tracks import read_boxes
from pipelines.media.exact_frames import png_bytes
from pipelines.media.pose_tracks import read_poses
from pipelines.media.track_files import TrackedFilm
from pipelines.profiles import load_profile, profile_names
from schemas.canonical import canonical_json
from tests.media.moving_objects import KnownFilm, box_file, boxes_at, pose_file
from tests.profiles.rows import EXTRA_FACTS, PEOPLE, common_of, film_row, with_values

_SIZE, _FRAMES = (64, 48), 50
_PROFILES = [name for name in profile_names() if load_profile(name).extras]
_TEXTS: tuple[bytes, ...] = (
    *(b"", b"{}", b"[]", b"null", b"NaN", b"\xff\xfe", b"[" * 5_000, b"\0" * 4_096),
    *(b'{"frames": NaN}', b'{"frames": 1e999}', b'{"frames": 1, "frames": 2}', b"PK\x03\x04"),
    *(b"\x89PNG\r\n\x1a\n", b"\x93NUMPY\x01\x00\xff\xff", b"9" * 5_000),
)


def _sound(ending: str) -> bytes:
    """Returns a member that is what the sample of `rows.EXTRA_FACTS` says, or nearly."""
    film = TrackedFilm(_FRAMES, *_SIZE, *_SIZE)
    boxes = tuple((n, one, box) for n in range(9) for one, box in boxes_at(n, *_SIZE).items())
    known = KnownFilm(b"", *_SIZE, _FRAMES, boxes)
    if ending == "boxes.json":
        track: Any = read_boxes(json.dumps(box_file(known)).encode(), film)
        return canonical_json(track.model_dump(mode="json"))
    if ending == "poses.json":
        still = pose_file(KnownFilm(b"", *_SIZE, 2, ()))["poses"][0]
        poses = [{**still, "frame": number} for number in range(_FRAMES)]
        track, _ = read_poses(json.dumps(pose_file(known, poses=poses)).encode(), film)
        return canonical_json(track.model_dump(mode="json"))
    if ending == "frames.npy":
        return npy_bytes(np.eye(_FRAMES, 512, dtype=np.float16))
    if ending == "depth.npy":
        return npy_bytes(np.ones((_FRAMES, 120, 160), np.float16))
    return png_bytes(Image.new("RGB", _SIZE))


def _changed(data: bytes, drawn: random.Random) -> bytes:
    """Changes bytes of a member, or takes some away; its start is changed as often as the rest."""
    at = drawn.randrange(min(len(data), drawn.choice((64, len(data)))))
    kind = drawn.randrange(3)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + drawn.randbytes(drawn.randrange(9)) + data[at + drawn.randrange(9) :]
    return data[:at] + drawn.choice(_TEXTS) + data[at:]


@pytest.mark.parametrize("name", _PROFILES)
def test_faults_are_found_and_nothing_is_raised(name: str) -> None:
    profile, drawn = load_profile(name), random.Random(name)
    row = with_values(film_row(), extra_facts=json.dumps(EXTRA_FACTS[name]))
    said = {"frames": _FRAMES, "width": _SIZE[0], "height": _SIZE[1]}
    sample = profile.make_sample({**common_of(row), **said, **PEOPLE.get(name, {})}, row)
    sound = {ending: _sound(ending) for ending in profile.extras}
    assert {ending for ending, _ in profile.find_extra_faults(sample, sound)} <= {
        "boxes.json",  # of which the sample says other numbers
        "poses.json",
    }
    for ending, data in sound.items():
        for member in (*_TEXTS, *(_changed(data, drawn) for _ in range(25))):
            faults = list(profile.find_extra_faults(sample, {**sound, ending: member}))
            assert member == data or ending in {one for one, _ in faults}
            assert all(said and "\n" not in said for _, said in faults)
