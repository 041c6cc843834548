"""What the guarded child says of a track is checked before it is packaged."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipelines.features import tracks
from pipelines.features.extras import ExtraRefusalError
from pipelines.media.box_tracks import read_boxes
from pipelines.media.track_files import TrackedFilm
from schemas.canonical import canonical_json
from schemas.profiles.tracks import BoxTrack
from tests.media.moving_objects import KnownFilm, box_file

_KNOWN = KnownFilm(b"", 192, 128, 1, ((0, 1, (8, 8, 40, 40)), (0, 2, (50, 8, 90, 40))))


def _sound() -> bytes:
    """Returns what the child makes of a sound file."""
    film = TrackedFilm(1, 192, 128, 192, 128)
    return canonical_json(read_boxes(json.dumps(box_file(_KNOWN)).encode(), film).model_dump())


@pytest.mark.parametrize(
    ("member", "width", "said"),
    [
        (b"", 192, "is not a track"),
        (b"{}", 192, "is not a track"),
        (b"[" * 9, 192, "is not a track"),
        (_sound(), 96, "another film"),
    ],
)
def test_one_asset_is_refused(
    monkeypatch: pytest.MonkeyPatch, member: bytes, width: int, said: str
) -> None:
    monkeypatch.setattr(tracks, "_read_track", lambda *_: (member, 0))
    source = cast(Any, SimpleNamespace(facts={"frames": 1}, width=width, height=128))
    with pytest.raises(ExtraRefusalError, match=said):
        tracks.make_box_motion(source)


def test_a_sound_track_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "_read_track", lambda *_: (_sound(), 0))
    source = cast(Any, SimpleNamespace(facts={"frames": 1}, width=192, height=128))
    assert list(tracks.make_box_motion(source).members) == ["boxes.json"]


@pytest.mark.parametrize("terms", ["keep", "rights-only", "none", "refuse"])
def test_a_phrase_with_personal_data_follows_the_deal(
    monkeypatch: pytest.MonkeyPatch, terms: str
) -> None:
    phrases = ["a red car", f"{'x' * 440} photo by Ann Example, ann@example.org, +49 151 12345678"]
    track = BoxTrack.model_validate_json(_sound())
    objects = [
        one.model_copy(update={"phrase": phrase})
        for one, phrase in zip(track.objects, phrases, strict=True)
    ]
    given = canonical_json(track.model_copy(update={"objects": objects}).model_dump(mode="json"))
    monkeypatch.setattr(tracks, "_read_track", lambda *_: (given, 0))
    deal = SimpleNamespace(rights=SimpleNamespace(personal_data=terms))
    about = {"context": SimpleNamespace(deal=deal), "row": {"boxes": "a.json"}}
    source = cast(Any, SimpleNamespace(facts={"frames": 1}, width=192, height=128, **about))
    if terms == "refuse":
        with pytest.raises(ExtraRefusalError, match=r"a\.json: the phrase of object 2") as caught:
            tracks.make_box_motion(source)
        assert caught.value.reason == "file.personal_data"
        return
    made = tracks.make_box_motion(source).members["boxes.json"]
    assert (made == given) == (terms == "keep")
    first, second = (one.phrase for one in BoxTrack.model_validate_json(made).objects)
    assert first == phrases[0]
    assert len(second) <= 500
    for personal in ("ann@", "12345678", "Ann Example"):
        assert (personal in second) == (terms == "keep")
