"""Depth maps of an agency: what is read of them, and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.features.guard import this_guard
from pipelines.format.npy import depth_maps_fault, npy_bytes
from pipelines.media import depth_tracks
from pipelines.media.depth_tracks import read_depth
from pipelines.media.track_files import TrackedFilm
from schemas.errors import BadRecord
from tests.media.depth_files import depth_about, depth_file, depth_maps
from tests.media.media_samples import LIMITS
from tests.media.moving_objects import KnownFilm

_KNOWN = KnownFilm(b"", 192, 128, 12, ())
_FILM = TrackedFilm(12, 192, 128, 192, 128, "a" * 64)
_MAPS = depth_maps(_KNOWN)
_SOUND = depth_file(_MAPS, depth_about(_KNOWN))


def loaded(member: bytes) -> Any:
    return np.load(io.BytesIO(member), allow_pickle=False)


def test_maps_are_those_of_the_file() -> None:
    member, facts, times = read_depth(_SOUND, _FILM, 1)
    assert loaded(member).dtype == np.float16 and np.array_equal(loaded(member), _MAPS)
    assert facts.model_dump() == {
        "depth_height": 64,
        "depth_width": 96,
        "depth_unit": "metre",
        "depth_source": "tracker",
        "depth_tracker": "Example Depth",
        "depth_tracker_version": "2.0",
    }
    assert times is None and depth_maps_fault(member, 12, 64, 96) == ""


@pytest.mark.parametrize(("given", "every", "step"), [(1, 3, 3), (2, 2, 1), (2, 6, 3), (3, 3, 1)])
def test_the_maps_of_the_embedded_frames_are_kept(given: int, every: int, step: int) -> None:
    maps = depth_maps(_KNOWN, every=given)
    times = [40 * at for at in range(len(maps))]
    data = depth_file(maps, depth_about(_KNOWN, every=given, times_ms=times))
    member, _, kept = read_depth(data, _FILM, every)
    assert np.array_equal(loaded(member), depth_maps(_KNOWN, every=every))
    assert kept == times[::step]


def test_the_child_reads_them() -> None:
    found = this_guard().depth(_SOUND, _FILM, 2, LIMITS)
    assert found == read_depth(_SOUND, _FILM, 2)
    with pytest.raises(BadRecord, match=r"not a \.npz file") as refused:
        this_guard().depth(b"PK", _FILM, 2, LIMITS)
    assert refused.value.reason == "profile.track_invalid"


def _with(value: float, kind: str = "<f4") -> bytes:
    maps = _MAPS.astype(kind)
    maps[7, 3, 5] = value
    return depth_file(maps, depth_about(_KNOWN))


def _packed(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)
    return out.getvalue()


def _npy(values: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, values, **options)
    return out.getvalue()


_ABOUT = _npy(np.array(json.dumps(depth_about(_KNOWN))))
_FULL = _npy(_MAPS)
FAULTS: dict[str, tuple[bytes, str]] = {
    "NaN": (_with(np.nan), "map of frame 7"),
    "infinite": (_with(np.inf), "map of frame 7"),
    "minus infinite": (_with(-np.inf), "map of frame 7"),
    "negative": (_with(-0.001), "map of frame 7"),
    "too far": (_with(65_600), "not from 0 to 65504"),
    "nothing": (depth_file(_MAPS * 0, depth_about(_KNOWN)), "nothing is known"),
    "whole numbers": (depth_file(_MAPS.astype("<u2"), depth_about(_KNOWN)), "<u2 (12, 64, 96)"),
    "big endian": (depth_file(_MAPS.astype(">f4"), depth_about(_KNOWN)), ">f4"),
    "double": (depth_file(_MAPS.astype("<f8"), depth_about(_KNOWN)), "<f8"),
    "Fortran order": (
        depth_file(np.asfortranarray(_MAPS), depth_about(_KNOWN)),
        "in Fortran order",
    ),
    "one map": (depth_file(_MAPS[0], depth_about(_KNOWN)), "<f4 (64, 96)"),
    "four dimensions": (depth_file(_MAPS[..., None], depth_about(_KNOWN)), "(12, 64, 96, 1)"),
    "no rows": (depth_file(_MAPS[:, :0], depth_about(_KNOWN)), "(12, 0, 96)"),
    "objects": (_packed(about=_ABOUT, depth=_npy(np.array([{}]), allow_pickle=True)), "|O"),
    "about as objects": (
        _packed(about=_npy(np.array({}), allow_pickle=True), depth=_FULL),
        "allow_pickle",
    ),
    "about as bytes": (_packed(about=_npy(np.array(b"{}")), depth=_FULL), "not one text"),
    "about as a list": (_packed(about=_npy(np.array(["{}"])), depth=_FULL), "not one text"),
    "about is no JSON": (_packed(about=_npy(np.array("{")), depth=_FULL), "not JSON"),
    "no about": (_packed(depth=_FULL), "it has depth.npy, not just"),
    "more members": (_packed(about=_ABOUT, depth=_FULL, more=_FULL), "more.npy, not just"),
    "not a zip": (b"depth", "not a .npz file"),
    "a .npy": (_FULL, "not a .npz file"),
    "cut off": (_SOUND[:-40], "not a .npz file"),
    "not a .npy": (_packed(about=_ABOUT, depth=b"\x93NUMPZ" + _FULL[6:]), "not a .npz file"),
    "other version": (_packed(about=_ABOUT, depth=b"\x93NUMPY\x02" + _FULL[7:]), "(2, 0)"),
    "header that does not end": (
        _packed(about=_ABOUT, depth=_FULL.replace(b"(12, 64, 96), }", b"(12L,64, 96, ( ")),
        "not a .npz file",
    ),
    "header of code": (
        _packed(about=_ABOUT, depth=_FULL.replace(b"(12, 64, 96)", b"exit(1)     ")),
        "not a .npz file",
    ),
    "fewer maps than it says": (_packed(about=_ABOUT, depth=_FULL[:-1]), "ends in map 11 of 12"),
    "more than it says": (_packed(about=_ABOUT, depth=_FULL + b"\0"), "goes on behind its 12"),
    "damaged": (_SOUND[:900] + bytes([_SOUND[900] ^ 255]) + _SOUND[901:], "not a .npz file"),
    "unknown unit": (depth_file(_MAPS, depth_about(_KNOWN, unit="feet")), "unit"),
    "every 0": (depth_file(_MAPS, depth_about(_KNOWN, every=0)), "every"),
    "other format": (depth_file(_MAPS, depth_about(_KNOWN, format="fairshard-boxes-1")), "format"),
    "time with a fraction": (depth_file(_MAPS, depth_about(_KNOWN, times_ms=[0.5])), "times_ms.0"),
    "unknown key": (depth_file(_MAPS, depth_about(_KNOWN, scale=2)), "scale"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_impossible_maps_are_refused(name: str) -> None:
    data, said = FAULTS[name]
    with pytest.raises(BadRecord) as refused:
        read_depth(data, _FILM, 1)
    assert refused.value.reason == "profile.track_invalid"
    assert said in refused.value.detail


@pytest.mark.parametrize(
    ("maps", "changes", "every", "said"),
    [
        (_MAPS[:11], {}, 1, "11 maps, but 12 frames, one in 1, are expected"),
        (_MAPS, {"every": 2}, 2, "12 maps, but 6 frames, one in 2"),
        (
            _MAPS[::2],
            {"every": 2},
            3,
            "maps of every 2 frames, and the deal's structure.every is 3",
        ),
        (_MAPS, {"times_ms": [0]}, 1, "1 times for 12 maps"),
        (_MAPS, {"frames": 13}, 1, "13 frames, but the film shows 12"),
        (_MAPS, {"width": 128, "height": 192}, 1, "128 x 192, but the film is displayed at"),
        (_MAPS, {"film_sha256": "b" * 64}, 1, f"not {'a' * 64}"),
        (np.swapaxes(_MAPS, 1, 2).copy(), {}, 1, "64 x 96, which is another shape than the film's"),
        (_MAPS[:, :, :93], {}, 1, "93 x 64, which is another shape"),
        (np.ones((12, 256, 384), "<f2"), {}, 1, "384 x 256, larger than the film"),
    ],
)
def test_maps_of_another_film_are_refused(
    maps: Any, changes: dict[str, Any], every: int, said: str
) -> None:
    with pytest.raises(BadRecord) as refused:
        read_depth(depth_file(maps, depth_about(_KNOWN, **changes)), _FILM, every)
    assert refused.value.reason == "profile.track_mismatch" and said in refused.value.detail


def test_maps_may_be_rounded_to_whole_pixels() -> None:
    for width, height in ((192, 128), (191, 127), (31, 21), (1, 1)):
        maps = np.ones((12, height, width), "<f2")
        assert read_depth(depth_file(maps, depth_about(_KNOWN)), _FILM, 1)[1].depth_width == width


def test_too_many_numbers_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a file says that it unpacks to."""
    monkeypatch.setattr(depth_tracks, "MAX_DEPTH_BYTES", 12 * 64 * 96 * 2 - 1)
    with pytest.raises(BadRecord, match="12 maps of 96 x 64 are more than"):
        read_depth(_SOUND, _FILM, 1)
    assert read_depth(_SOUND, _FILM, 2)[1].depth_width == 96


def test_a_long_about_is_refused() -> None:
    long = _npy(np.array(" " * (depth_tracks._MAX_ABOUT_BYTES // 4)))
    with pytest.raises(BadRecord, match="about has more than"):
        read_depth(_packed(about=long, depth=_FULL), _FILM, 1)


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, len(_SOUND) - 1), value=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_file_is_refused_or_read_as_it_was(at: int, value: int, cut: bool) -> None:
    data = _SOUND[:at] if cut else _SOUND[:at] + bytes([_SOUND[at] ^ value]) + _SOUND[at + 1 :]
    try:
        member, *_ = read_depth(data, _FILM, 1)
    except BadRecord as bad:
        assert bad.reason.startswith("profile.track_")
    else:
        assert np.array_equal(loaded(member), _MAPS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data[:-1], "is not the size of 12 x 64 x 96"),
        (lambda data: data.replace(b"(12,", b"(13,"), "is not a .npy file of 12 x 64 x 96"),
        (lambda data: data[:-2] + b"\x00\x7e", "map 11 has values"),
        (lambda data: data[:-2] + b"\x00\xbc", "map 11 has values"),
        (lambda data: data[:-2] + b"\x00\x7c", "map 11 has values"),
        (lambda data: b"", "is not a .npy file"),
    ],
)
def test_verification_finds_wrong_members(change: Any, said: str) -> None:
    assert said in depth_maps_fault(change(npy_bytes(_MAPS.astype("<f2"))), 12, 64, 96)
