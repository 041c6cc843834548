"""Reads an agency's boxes of a film, and makes the track that its sample carries."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipelines.media.track_files import (
    Box,
    Confidence,
    FrameNumber,
    GivenFields,
    GivenTrack,
    TrackedFilm,
    Words,
    first_repeated,
    invalid_track,
    read_given,
    scaled_box,
)
from schemas.profiles.tracks import (
    MAX_BOXES,
    MAX_OBJECTS,
    BoxTrack,
    ObjectBoxes,
    ObjectId,
    TrackedObject,
)


class GivenObject(GivenFields):
    """An object, with what it is in words."""

    id: ObjectId
    phrase: Annotated[Words, Field(min_length=1, max_length=500)]


class GivenBox(GivenFields):
    """A box of an object in a frame."""

    frame: FrameNumber
    object: ObjectId
    box: Box
    hard: bool
    confidence: Confidence


class GivenBoxes(GivenTrack):
    """A track file with boxes."""

    format: Literal["fairshard-boxes-1"]
    objects: Annotated[
        list[GivenObject], Field(fail_fast=True, min_length=1, max_length=MAX_OBJECTS)
    ]
    boxes: Annotated[list[GivenBox], Field(fail_fast=True, min_length=1, max_length=MAX_BOXES)]


def read_boxes(data: bytes, film: TrackedFilm) -> BoxTrack:
    """Reads a track file.

    Args:
        data: The file.
        film: Its film.

    Raises:
        BadRecord: `profile.track_invalid` or `profile.track_mismatch`.
    """
    given = read_given(data, GivenBoxes, film)
    boxes = sorted(given.boxes, key=lambda one: (one.frame, one.object))
    ids = [one.id for one in given.objects]
    repeated = first_repeated(ids)
    if repeated is not None:
        raise invalid_track(f"the id {repeated} is of two objects")
    _check_boxes(boxes, set(ids), film)
    scaled = [
        scaled_box(one.box, given, film, f"object {one.object} in frame {one.frame}")
        for one in boxes
    ]
    x0, y0, x1, y1 = (list(column) for column in zip(*scaled, strict=True))
    return BoxTrack(
        frames=film.frames,
        width=film.delivered_width,
        height=film.delivered_height,
        source=given.source.kind,
        tracker=given.source.name,
        tracker_version=given.source.version,
        objects=[
            TrackedObject(id=one.id, phrase=one.phrase)
            for one in sorted(given.objects, key=lambda one: one.id)
        ],
        boxes=ObjectBoxes(
            frame=[one.frame for one in boxes],
            object=[one.object for one in boxes],
            x0_milli=x0,
            y0_milli=y0,
            x1_milli=x1,
            y1_milli=y1,
            hard=[one.hard for one in boxes],
            confidence_bp=[round(one.confidence * 10_000) for one in boxes],
        ),
    )


def _check_boxes(boxes: list[GivenBox], ids: set[int], film: TrackedFilm) -> None:
    before = (-1, -1)
    for one in boxes:
        if one.frame >= film.frames:
            raise invalid_track(f"frame {one.frame} is not one of 0 to {film.frames - 1}")
        if one.object not in ids:
            raise invalid_track(f"object {one.object} in frame {one.frame} is not in objects")
        if (one.frame, one.object) == before:
            raise invalid_track(f"object {one.object} has two boxes in frame {one.frame}")
        before = (one.frame, one.object)
    unused = ids - {one.object for one in boxes}
    if unused:
        raise invalid_track(f"object {min(unused)} has no box")
