"""Boxes of an agency: what is read of them, how they scale, and what is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.features.guard import this_guard
from pipelines.media.box_tracks import read_boxes
from pipelines.media.track_files import MAX_TRACK_BYTES, TrackedFilm
from schemas.errors import BadRecord
from schemas.profiles.tracks import BoxTrack
from tests.media.media_samples import LIMITS
from tests.media.moving_objects import KnownFilm, box_file, boxes_at

_KNOWN = KnownFilm(
    b"",
    192,
    128,
    12,
    tuple((n, one, box) for n in range(12) for one, box in boxes_at(n, 192, 128).items()),
)
_FILM = TrackedFilm(12, 192, 128, 192, 128)
_NAMED = TrackedFilm(12, 192, 128, 192, 128, "a" * 64)


def _read(file: object, film: TrackedFilm = _FILM) -> BoxTrack:
    return read_boxes(json.dumps(file).encode(), film)


def test_boxes_are_those_of_the_file() -> None:
    track = _read(box_file(_KNOWN))
    columns = track.boxes
    assert list(zip(columns.frame, columns.object, strict=True)) == [
        (frame, one) for frame, one, _ in _KNOWN.boxes
    ]
    corners = zip(
        columns.x0_milli, columns.y0_milli, columns.x1_milli, columns.y1_milli, strict=True
    )
    assert list(corners) == [tuple(1000 * value for value in box) for *_, box in _KNOWN.boxes]
    assert track.counts() == {"objects": 2, "boxes": 21, "hard_boxes": 12, "boxed_frames": 12}
    assert set(columns.confidence_bp) == {10_000, 7_500}
    assert (track.source, track.tracker, track.tracker_version) == ("agency", "", "")


def test_boxes_scale_with_the_film() -> None:
    track = _read(box_file(_KNOWN), TrackedFilm(12, 192, 128, 96, 64))
    assert (track.width, track.height) == (96, 64)
    assert track.boxes.x0_milli == [500 * box[0] for *_, box in _KNOWN.boxes]
    assert track.boxes.y1_milli == [500 * box[3] for *_, box in _KNOWN.boxes]


def test_the_order_of_the_file_does_not_matter() -> None:
    file = box_file(_KNOWN)
    turned = {**file, "boxes": file["boxes"][::-1], "objects": file["objects"][::-1]}
    assert _read(turned) == _read(file)


def test_a_tracker_is_named() -> None:
    source = {"kind": "tracker", "name": "Example Tracker", "version": "2.1"}
    track = _read(box_file(_KNOWN, source=source))
    assert (track.source, track.tracker, track.tracker_version) == (
        "tracker",
        "Example Tracker",
        "2.1",
    )


def _set(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    *way, last = path.split(".")

    def change(file: dict[str, Any]) -> None:
        place: Any = file
        for name in way:
            place = place[int(name) if name.isdigit() else name]
        place[int(last) if last.isdigit() else last] = value

    return change


def _append(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda file: file[path].append(value)


_BOX = {"frame": 11, "object": 2, "box": [0, 0, 1, 1], "hard": True, "confidence": 1}
FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "swapped corners": (_set("boxes.0.box", [50, 32, 8, 64]), "x0 < x1 <= 192"),
    "swapped in height": (_set("boxes.0.box", [8, 64, 50, 32]), "y0 < y1 <= 128"),
    "empty": (_set("boxes.0.box", [8, 32, 8, 64]), "x0 < x1"),
    "outside": (_set("boxes.0.box", [8, 32, 192.5, 64]), "192"),
    "negative": (_set("boxes.0.box", [-0.5, 32, 50, 64]), "from 0"),
    "too small": (_set("boxes.0.box", [8, 32, 8.0000001, 64]), "smaller than a thousandth"),
    "three numbers": (_set("boxes.0.box", [8, 32, 50]), "boxes.0.box"),
    "a text": (_set("boxes.0.box", ["8", 32, 50, 64]), "boxes.0.box.0"),
    "frame behind the end": (_set("boxes.0.frame", 12), "frame 12 is not one of 0 to 11"),
    "negative frame": (_set("boxes.0.frame", -1), "boxes.0.frame"),
    "frame with a fraction": (_set("boxes.0.frame", 0.5), "boxes.0.frame"),
    "unknown object": (_set("boxes.0.object", 9), "object 9 in frame 0 is not in objects"),
    "two boxes of one": (_append("boxes", _BOX), "object 2 has two boxes in frame 11"),
    "object without a box": (
        _append("objects", {"id": 7, "phrase": "a cat"}),
        "object 7 has no box",
    ),
    "object twice": (_append("objects", {"id": 1, "phrase": "a cat"}), "id 1 is of two objects"),
    "no phrase": (_set("objects.0.phrase", ""), "objects.0.phrase"),
    "phrase too long": (_set("objects.0.phrase", "x" * 501), "objects.0.phrase"),
    "phrase of blanks": (_set("objects.0.phrase", " \u200b"), "objects.0.phrase"),
    "phrase with a control character": (_set("objects.0.phrase", "a\0b"), "objects.0.phrase"),
    "phrase that turns": (_set("objects.0.phrase", "a \u202eb"), "objects.0.phrase"),
    "tracker of blanks": (
        _set("source", {"kind": "tracker", "name": " ", "version": "1"}),
        "source.name",
    ),
    "version of a line break": (
        _set("source", {"kind": "tracker", "name": "T", "version": "\n"}),
        "source.version",
    ),
    "confidence above 1": (_set("boxes.0.confidence", 1.01), "confidence"),
    "hard not stated": (lambda file: file["boxes"][0].pop("hard"), "boxes.0.hard"),
    "hard as a number": (_set("boxes.0.hard", 1), "boxes.0.hard"),
    "unknown key": (_set("boxes.0.score", 1), "boxes.0.score"),
    "no boxes": (_set("boxes", []), "boxes"),
    "other format": (_set("format", "fairshard-boxes-2"), "format"),
    "tracker without a version": (_set("source", {"kind": "tracker", "name": "T"}), "version"),
    "agency with a name": (_set("source", {"kind": "agency", "name": "T"}), "version"),
    "unknown source": (_set("source.kind", "guess"), "source.kind"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_impossible_boxes_are_refused(name: str) -> None:
    change, said = FAULTS[name]
    file = copy.deepcopy(box_file(_KNOWN))
    change(file)
    with pytest.raises(BadRecord) as refused:
        _read(file)
    assert refused.value.reason == "profile.track_invalid"
    assert said in refused.value.detail and "\n" not in refused.value.detail


@pytest.mark.parametrize("phrase", ["x" * 500, "سگ می\u200cدود", "a dog 🐕\u200d🦺", "犬", "ไม้"])
def test_phrases_of_any_language_are_kept(phrase: str) -> None:
    file = copy.deepcopy(box_file(_KNOWN))
    _set("objects.0.phrase", phrase)(file)
    assert _read(file).objects[0].phrase == phrase


TEXTS = {
    "not JSON": (b"{", "not JSON"),
    "Latin-1": (b'{"format": "\xff"}', "not UTF-8: byte 0xff at 12"),
    "UTF-16": ('{"width": 1}'.encode("utf-16"), "save it as JSON in UTF-8"),
    "half a surrogate pair": (
        json.dumps(box_file(_KNOWN)).replace("a red", "\\ud800").encode(),
        "Invalid JSON",
    ),
    "NaN": (b'{"width": NaN}', "NaN is not a number"),
    "infinite": (json.dumps(box_file(_KNOWN)).replace("0.75", "1e999").encode(), "confidence"),
    "name twice": (b'{"width": 1, "width": 2}', "'width' occurs twice"),
    "name twice, escaped": (b'{"width": 1, "wi\\u0064th": 2}', "'width' occurs twice"),
    "another value behind it": (b"{} {}", "Extra data"),
    "many names": (json.dumps(dict.fromkeys(map(str, range(99)), 0)).encode(), "has 99 names"),
    "many values": (b"[" + b"," * 8_000_001, "more than 8000000 values"),
    # Each fault is five lines of an answer; the first will do.
    "many faults": (b'{"boxes": [' + b"{}," * 50_000 + b"{}]}", "and 8 more"),
    "nested": (b'{"boxes": ' + b"[" * 200_000, "nested"),
    "long number": (b'{"width": ' + b"9" * 10_000 + b"}", "not JSON"),
    "a list": (b"[]", "the file"),
    "too long": (b" " * (MAX_TRACK_BYTES + 1), "at most"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_texts_are_refused(name: str) -> None:
    text, said = TEXTS[name]
    with pytest.raises(BadRecord) as refused:
        read_boxes(text, _FILM)
    assert refused.value.reason == "profile.track_invalid" and said in refused.value.detail


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"width": 128, "height": 192}, "128 x 192, but the film is displayed at 192 x 128"),
        ({"frames": 13}, "13 frames, but the film shows 12"),
        ({"film_sha256": "b" * 64}, f"film of sha256 {'b' * 64}, not {'a' * 64}"),
    ],
)
def test_boxes_of_another_film_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRecord) as refused:
        _read(box_file(_KNOWN, **changes), _NAMED)
    assert refused.value.reason == "profile.track_mismatch" and said in refused.value.detail


def test_a_file_may_name_its_film() -> None:
    file = box_file(_KNOWN)
    assert _read({**file, "film_sha256": "a" * 64}, _NAMED) == _read(file, _NAMED)
    for other in ("A" * 64, "a" * 63, "", 1):
        with pytest.raises(BadRecord, match="film_sha256") as refused:
            _read({**file, "film_sha256": other}, _NAMED)
        assert refused.value.reason == "profile.track_invalid"


def test_the_child_reads_them() -> None:
    data = json.dumps(box_file(_KNOWN)).encode()
    member, _ = this_guard().track(data, "boxes", _FILM, LIMITS)
    assert BoxTrack.model_validate_json(member) == read_boxes(data, _FILM)
    with pytest.raises(BadRecord, match="not JSON"):
        this_guard().track(b"{", "boxes", _FILM, LIMITS)


_CORNER = st.floats(-10, 210, width=32) | st.integers(-10, 210)


@settings(max_examples=150, deadline=None)
@given(
    boxes=st.lists(
        st.tuples(st.integers(0, 13), st.integers(0, 3), st.tuples(*[_CORNER] * 4)), max_size=6
    ),
    size=st.tuples(st.integers(1, 400), st.integers(1, 400)),
)
def test_what_is_read_is_valid_and_what_is_not_is_refused(
    boxes: list[tuple[int, int, tuple[float, ...]]], size: tuple[int, int]
) -> None:
    ids = {one for _, one, _ in boxes}
    file = box_file(
        _KNOWN,
        objects=[{"id": one, "phrase": "x"} for one in sorted(ids)],
        boxes=[
            {"frame": frame, "object": one, "box": list(box), "hard": True, "confidence": 0.5}
            for frame, one, box in boxes
        ],
    )
    sound = (
        bool(boxes)
        and all(
            frame < 12 and 0 <= x0 < x1 <= 192 and 0 <= y0 < y1 <= 128
            for frame, _, (x0, y0, x1, y1) in boxes
        )
        and len({pair[:2] for pair in boxes}) == len(boxes)
    )
    try:
        track = _read(file, TrackedFilm(12, 192, 128, *size))
    except BadRecord as bad:
        assert not sound or "thousandth" in bad.detail
        return
    assert sound and len(track.boxes.frame) == len(boxes)
    assert BoxTrack.model_validate_json(track.model_dump_json()) == track
    by_place = {(frame, one): box for frame, one, box in boxes}
    columns = track.boxes
    for at, place in enumerate(zip(columns.frame, columns.object, strict=True)):
        found = [
            getattr(columns, f"{name}_milli")[at] / 1000 / scale
            for name, scale in (
                *(("x0", size[0] / 192), ("y0", size[1] / 128)),
                *(("x1", size[0] / 192), ("y1", size[1] / 128)),
            )
        ]
        assert found == pytest.approx(by_place[place], abs=0.0006 * 192)
