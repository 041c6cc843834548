"""Reads an agency's poses of a person in a film, and makes the track that its sample carries."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipelines.media.track_files import (
    Box,
    Confidence,
    Coordinate,
    FrameNumber,
    GivenFields,
    GivenTrack,
    TrackedFilm,
    invalid_track,
    read_given,
    scaled_box,
    scaled_point,
)
from schemas.profiles.tracks import COCO_17, MAX_POSES, PersonPoses, PoseTrack

Joint = tuple[Coordinate, Coordinate, Confidence]


class GivenPose(GivenFields):
    """The person in a frame; without box and keypoints, the frame does not show the person."""

    frame: FrameNumber
    box: Box | None
    keypoints: Annotated[list[Joint] | None, Field(fail_fast=True)]


class GivenPoses(GivenTrack):
    """A track file with poses: one for each frame of the film."""

    format: Literal["fairshard-poses-1"]
    skeleton: Literal["coco-17"]
    reference_frame: FrameNumber | None = None
    poses: Annotated[list[GivenPose], Field(fail_fast=True, min_length=1, max_length=MAX_POSES)]


def read_poses(data: bytes, film: TrackedFilm) -> tuple[PoseTrack, int]:
    """Reads a track file.

    Args:
        data: The file.
        film: Its film.

    Returns:
        The track, and the number of the reference frame: the one that the file names, or else the
        first of those in which the joints' confidence is the highest.

    Raises:
        BadRecord: `profile.track_invalid` or `profile.track_mismatch`.
    """
    given = read_given(data, GivenPoses, film)
    poses = sorted(given.poses, key=lambda one: one.frame)
    _check_frames(poses, film)
    shown = [one for one in poses if one.box is not None]
    if not shown:
        raise invalid_track("no frame shows the person")
    scaled = [
        scaled_box(one.box, given, film, f"the person in frame {one.frame}")
        for one in shown
        if one.box is not None
    ]
    x0, y0, x1, y1 = (list(column) for column in zip(*scaled, strict=True))
    track = PoseTrack(
        frames=film.frames,
        width=film.delivered_width,
        height=film.delivered_height,
        source=given.source.kind,
        tracker=given.source.name,
        tracker_version=given.source.version,
        skeleton=given.skeleton,
        joints=list(COCO_17),
        poses=PersonPoses(
            frame=[one.frame for one in shown],
            x0_milli=x0,
            y0_milli=y0,
            x1_milli=x1,
            y1_milli=y1,
            keypoints=[_joints(one, given, film) for one in shown],
        ),
    )
    return track, _reference_frame(given, track)


def _check_frames(poses: list[GivenPose], film: TrackedFilm) -> None:
    for number, one in enumerate(poses):
        if one.frame != number:
            fault = "has two poses" if one.frame < number else "has no pose"
            raise invalid_track(f"frame {min(number, one.frame)} {fault}")
        if (one.box is None) != (one.keypoints is None):
            raise invalid_track(f"frame {one.frame} has only one of box and keypoints")
    if len(poses) != film.frames:
        raise invalid_track(f"there are poses of {len(poses)} of {film.frames} frames")


def _joints(pose: GivenPose, given: GivenPoses, film: TrackedFilm) -> list[int]:
    joints = pose.keypoints or []
    if len(joints) != len(COCO_17):
        raise invalid_track(f"frame {pose.frame} has {len(joints)} joints; {given.skeleton} has 17")
    values: list[int] = []
    for name, (x, y, confidence) in zip(COCO_17, joints, strict=True):
        confidence_bp = round(confidence * 10_000)
        if not confidence_bp:
            values += (0, 0, 0)
            continue
        if not (0 <= x <= given.width and 0 <= y <= given.height):
            raise invalid_track(
                f"the {name} in frame {pose.frame} is at {x:g}, {y:g}, outside "
                f"{given.width} x {given.height}; give it confidence 0 if it is not seen"
            )
        values += (*scaled_point(x, y, given, film), confidence_bp)
    return values


def _reference_frame(given: GivenPoses, track: PoseTrack) -> int:
    frames = track.poses.frame
    if given.reference_frame is None:
        sums = [sum(row[2::3]) for row in track.poses.keypoints]
        return frames[sums.index(max(sums))]
    if given.reference_frame not in set(frames):
        raise invalid_track(f"the reference frame {given.reference_frame} does not show the person")
    return given.reference_frame
