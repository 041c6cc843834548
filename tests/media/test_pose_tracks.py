"""Poses of an agency: what is read of them, how they scale, and what is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from pipelines.features.guard import this_guard
from pipelines.media.pose_tracks import read_poses
from pipelines.media.track_files import TrackedFilm
from schemas.errors import BadRecord
from schemas.profiles.tracks import COCO_17, PoseTrack
from tests.media.media_samples import LIMITS
from tests.media.moving_objects import KnownFilm, joints_at, person_box, pose_file

_KNOWN = KnownFilm(b"", 256, 144, 12, ())
_FILM = TrackedFilm(12, 256, 144, 256, 144)


def _read(file: object, film: TrackedFilm = _FILM) -> tuple[PoseTrack, int]:
    return read_poses(json.dumps(file).encode(), film)


def test_poses_are_those_of_the_file() -> None:
    track, reference = _read(pose_file(_KNOWN))
    assert tuple(track.joints) == COCO_17 and track.poses.frame == list(range(11))
    for number in range(11):
        row, joints = track.poses.keypoints[number], joints_at(number, 256, 144)
        seen = [(row[at] / 1000, row[at + 1] / 1000) for at in range(0, 48, 3)]
        assert seen == joints[:16] and row[48:] == [0, 0, 0]
        assert row[2] == 5000 + 100 * number
        corners = [getattr(track.poses, f"{one}_milli")[number] for one in ("x0", "y0", "x1", "y1")]
        assert corners == [1000 * value for value in person_box(number, 256, 144)]
    assert reference == 10  # its joints have the highest confidence
    assert track.counts() == {"posed_frames": 11, "seen_joints": 11 * 16}
    assert (track.source, track.tracker, track.tracker_version) == (
        "tracker",
        "Example Poses",
        "1.0",
    )


def test_poses_scale_and_the_reference_may_be_named() -> None:
    half = TrackedFilm(12, 256, 144, 128, 72)
    track, reference = _read(pose_file(_KNOWN, reference_frame=3), half)
    assert reference == 3 and (track.width, track.height) == (128, 72)
    x, y = joints_at(3, 256, 144)[5]
    assert track.poses.keypoints[3][15:17] == [500 * x, 500 * y]


def test_the_child_reads_them() -> None:
    data = json.dumps(pose_file(_KNOWN)).encode()
    member, reference = this_guard().track(data, "poses", _FILM, LIMITS)
    assert (PoseTrack.model_validate_json(member), reference) == read_poses(data, _FILM)


def _pose(number: int, **changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda file: file["poses"][number].update(changes)


def _joint(at: int, value: object) -> Callable[[dict[str, Any]], None]:
    def change(file: dict[str, Any]) -> None:
        file["poses"][2]["keypoints"][at] = value

    return change


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "missing frame": (lambda file: file["poses"].pop(4), "frame 4 has no pose"),
    "missing last frame": (lambda file: file["poses"].pop(), "poses of 11 of 12 frames"),
    "frame twice": (_pose(4, frame=3), "frame 3 has two poses"),
    "frame behind the end": (_pose(11, frame=12), "frame 11 has no pose"),
    "box without joints": (_pose(4, keypoints=None), "only one of box and keypoints"),
    "joints without box": (_pose(4, box=None), "only one of box and keypoints"),
    "16 joints": (lambda file: file["poses"][4]["keypoints"].pop(), "frame 4 has 16 joints"),
    "18 joints": (
        lambda file: file["poses"][4]["keypoints"].append([1, 1, 1]),
        "frame 4 has 18 joints",
    ),
    "joint outside": (_joint(0, [257, 1, 1]), "the nose in frame 2 is at 257, 1, outside"),
    "negative joint": (_joint(9, [-1, 1, 1]), "the left_wrist in frame 2"),
    "joint of two numbers": (_joint(0, [1, 1]), "poses.2.keypoints.0"),
    "confidence": (_joint(0, [1, 1, 2]), "poses.2.keypoints.0"),
    "swapped corners": (_pose(4, box=[90, 10, 10, 90]), "the person in frame 4"),
    "unknown skeleton": (lambda file: file.update(skeleton="coco-133"), "skeleton"),
    "unknown joints": (lambda file: file.update(joints=["nose"]), "joints"),
    "reference without the person": (
        lambda file: file.update(reference_frame=11),
        "reference frame 11 does not show the person",
    ),
    "nobody": (
        lambda file: [one.update(box=None, keypoints=None) for one in file["poses"]],
        "no frame shows the person",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_impossible_poses_are_refused(name: str) -> None:
    change, said = FAULTS[name]
    file = copy.deepcopy(pose_file(_KNOWN))
    change(file)
    with pytest.raises(BadRecord) as refused:
        _read(file)
    assert refused.value.reason == "profile.track_invalid"
    assert said in refused.value.detail and "\n" not in refused.value.detail


def test_a_joint_that_is_not_seen_may_be_anywhere() -> None:
    file = pose_file(_KNOWN)
    _joint(0, [-500, 9_999, 0])(file)
    track, _ = _read(file)
    assert track.poses.keypoints[2][:3] == [0, 0, 0]
