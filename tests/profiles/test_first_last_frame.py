"""The clips of `first-last-frame`: which frames they are, and what verification finds wrong."""

from __future__ import annotations

import io
import json
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipelines.format.png import png_fault
from pipelines.profiles import load_profile
from pipelines.profiles.base import SampleError
from pipelines.profiles.clip_bounds import ShotBounds, choose_clip, find_clips
from schemas.deal import parse_deal
from schemas.deal_clips import ClipTerms
from schemas.errors import InputError
from tests.deals import deal_text
from tests.profiles.rows import Row, common_of, film_row, with_values

_PROFILE = load_profile("first-last-frame")
_CLIPS = [
    {"shot": 0, "first_frame": 2, "end_frame": 18, "start_ms": 80, "end_ms": 720},
    {"shot": 1, "first_frame": 20, "end_frame": 50, "start_ms": 800, "end_ms": 2000},
]


def shots_of(lengths: list[int], motion: list[int] | None = None) -> list[ShotBounds]:
    ends = np.cumsum(lengths).tolist()
    return [
        ShotBounds(first_frame=end - length, end_frame=end, motion_milli=moved)
        for end, length, moved in zip(ends, lengths, motion or [0] * len(ends), strict=True)
    ]


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=12),
    st.integers(4, 40),
    st.integers(0, 60),
)
def test_a_clip_is_the_middle_of_each_shot_that_is_long_enough(
    lengths: list[int], least: int, more: int
) -> None:
    terms = ClipTerms(min_frames=least, max_frames=least + more if more else 0)
    shots = shots_of(lengths)
    clips = find_clips(shots, terms)
    assert [clip.shot for clip in clips] == [at for at, one in enumerate(lengths) if one >= least]
    for clip in clips:
        shot = shots[clip.shot]
        before = clip.first_frame - shot["first_frame"]
        after = shot["end_frame"] - clip.end_frame
        assert 0 <= before <= after <= before + 1
        wanted = lengths[clip.shot]
        assert clip.frames == (min(wanted, terms.max_frames) if terms.max_frames else wanted)


def test_the_longest_clip_is_chosen_then_the_one_with_most_motion() -> None:
    shots = shots_of([20, 30, 30, 30, 10], [9, 1, 5, 5, 9])
    clips = find_clips(shots, ClipTerms())
    assert choose_clip(clips, shots).shot == 2
    assert choose_clip(find_clips(shots, ClipTerms(max_frames=16)), shots).shot == 0


def sample(changes: Row | None = None, watermark: str | None = None) -> Any:
    facts = {"clip": 1, "clips": _CLIPS}
    row = with_values(film_row(), extra_facts=json.dumps(facts), watermark=watermark)
    mark = "unknown" if watermark is None else "yes" if watermark else "no"
    made = _PROFILE.make_sample({**common_of(row), "frames": 50, "watermark": mark}, row)
    return made if changes is None else {**made.model_dump(mode="json"), **changes}


def test_the_fields_are_those_of_the_chosen_clip() -> None:
    made = sample()
    assert (made.clip_first_frame, made.clip_end_frame) == (20, 50)
    assert (made.clip_start_ms, made.clip_end_ms) == (800, 2000)
    assert made.clip_caption == made.shots[1].caption == "a green tree"
    assert [one.caption for one in made.clips] == ["a red boat", "a green tree"]


@pytest.mark.parametrize(
    ("seen", "told", "flag"), [(None, "unknown", False), ("", "no", True), ("© x", "yes", False)]
)
def test_unknown_is_not_without_a_watermark(seen: str | None, told: str, flag: bool) -> None:
    made = sample({}, seen)
    assert (made["watermark"], made["no_watermark"]) == (told, flag)
    _PROFILE.parse_sample(json.dumps(made).encode())
    with pytest.raises(SampleError, match="no_watermark does not follow"):
        _PROFILE.parse_sample(json.dumps({**made, "no_watermark": not flag}).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"clip": 0},
        {"clip": 2},
        {"clip_first_frame": 21},
        {"clip_caption": "another"},
        *({"clips": [_CLIPS[0], {**_CLIPS[1], **one}]} for one in (
            {"first_frame": 19}, {"end_frame": 51}, {"start_ms": 799}, {"shot": 2}, {"shot": 0},
            {"first_frame": 47},
        )),
    ],
)  # fmt: skip
def test_clips_that_contradict_the_film_are_refused(changes: Row) -> None:
    told = {"caption": "a green tree", "caption_score_bp": 2800}
    if "clips" in changes:
        changes = {"clips": [{**told, **one} for one in changes["clips"]]}
    with pytest.raises(SampleError, match="clip"):
        _PROFILE.parse_sample(json.dumps(sample(changes)).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"clip": 0, "clip_first_frame": 2, "clip_end_frame": 18, "clip_start_ms": 80}
        | {"clip_end_ms": 720, "clip_caption": "a red boat"},  # not the longest
        {"caption": "another"},
        {"caption_score_bp": 1},
    ],
)
def test_clips_that_do_not_follow_from_the_shots_are_refused(changes: Row) -> None:
    made = sample({})
    _PROFILE.parse_sample(json.dumps(made).encode())
    if "clip" not in changes:
        changes = {"clips": [{**made["clips"][0], **changes}, made["clips"][1]]}
    with pytest.raises(SampleError, match=r"clip is not|of a clip is not"):
        _PROFILE.parse_sample(json.dumps({**made, **changes}).encode())


def picture(width: int = 30, height: int = 20, mode: str = "RGB", **options: Any) -> bytes:
    noise = np.random.default_rng(3).integers(0, 255, (height, width, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(out, "PNG", **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def packed(rows: bytes) -> bytes:
    """A PNG of 30 x 20 pixels whose rows are these bytes."""
    whole = picture()
    return whole[:33] + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


_ROWS = (b"\0" + bytes(90)) * 20


def test_sound_pngs_have_no_fault() -> None:
    assert png_fault(picture(), 30, 20) == ""
    assert png_fault(packed(_ROWS), 30, 20) == ""
    large = picture(2000, 700)  # more than one step of unpacking, several chunks of pixels
    assert large.count(b"IDAT") > 1 and png_fault(large, 2000, 700) == ""


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"GIF89a", "is not a PNG"),
        (b"", "is not a PNG"),
        (picture()[:-1], "is truncated"),
        (picture()[:40], "is truncated"),
        (picture()[:33], "has other parts"),
        (picture()[:-12], "has other parts"),
        (picture() + b"x", "is truncated"),
        (picture() + chunk(b"IEND", b""), "has other parts"),
        (picture(31), "is not 30 x 20"),
        (picture(mode="L"), "is not 30 x 20"),
        (picture(mode="RGBA"), "is not 30 x 20"),
        (picture()[:60] + b"\0\0\0" + picture()[63:], "has a wrong checksum"),
        (picture()[:33] + chunk(b"tEXt", b"a\0b") + picture()[33:], "has other parts"),
        (packed(_ROWS + b"\0"), "has more pixels"),
        (packed(_ROWS * 50_000), "has more pixels"),
        (packed(_ROWS[:-1]), "has fewer pixels"),
        (packed(_ROWS[:91] + b"\5" + _ROWS[92:]), "has a row with an unknown filter"),
        (picture()[:33] + chunk(b"IDAT", b"no") + chunk(b"IEND", b""), "cannot be unpacked"),
    ],
)
def test_faults_of_pngs_are_found(data: bytes, fault: str) -> None:
    assert fault in png_fault(data, 30, 20)
    sound = dict.fromkeys(_PROFILE.extras, picture(640, 480))
    sample_of_film = sample()
    assert list(_PROFILE.find_extra_faults(sample_of_film, sound)) == []
    [(ending, _)] = _PROFILE.find_extra_faults(sample_of_film, {**sound, "last1.png": data})
    assert ending == "last1.png"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("min_frames = 3", "clips.min_frames"),
        ("max_frames = 15", "at least min_frames"),
        ("max_frames = -1", "clips.max_frames"),
        ("max = 3", "clips.max"),
    ],
)
def test_lengths_that_make_no_sense_are_refused(section: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_deal(f"{deal_text()}\n[clips]\n{section}\n", "deal.toml")


def test_clips_are_for_their_profile_only() -> None:
    with pytest.raises(InputError, match='only in the profile "first-last-frame", not in'):
        parse_deal(f"{deal_text()}\n[clips]\nmin_frames = 8\n", "deal.toml")
