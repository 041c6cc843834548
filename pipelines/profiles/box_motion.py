"""`box-motion`: films with the boxes of what moves in them, frame by frame.

The boxes are the agency's: drawn by people, or by a tracker that it names. Nothing is tracked here.
They are a member of their own, `<key>.boxes.json`, since a film may have thousands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import Field

from pipelines.profiles.base import Profile, Row
from pipelines.profiles.films import FilmSample, film_fields, find_unmet_film
from pipelines.profiles.track_members import find_track_faults
from schemas.profiles.common import CommonSample, Count
from schemas.profiles.tracks import BOXES_MEMBER, BoxTrack, TrackSource

_POSITIVE = Field(ge=1, le=2**31 - 1)


class BoxMotion(FilmSample):
    """A film with the boxes of its objects in the member `boxes.json`."""

    profile: Literal["box-motion"]
    objects: Annotated[int, _POSITIVE]
    """How many objects have boxes."""
    boxes: Annotated[int, _POSITIVE]
    """How many boxes there are, in all frames."""
    hard_boxes: Count
    """How many of them are the objects' outlines; the others are somewhere around them."""
    boxed_frames: Annotated[int, _POSITIVE]
    """How many frames have boxes."""
    boxes_source: TrackSource
    """Who drew the boxes: people for the agency, or a program."""
    tracker: str
    """The program's name; "" of the agency's people, as its version."""
    tracker_version: str


def _fields(row: Row) -> dict[str, object]:
    return {**film_fields(row), **json.loads(row["extra_facts"])}


def _find_extra_faults(
    sample: CommonSample, members: Mapping[str, bytes]
) -> Iterator[tuple[str, str]]:
    return find_track_faults(sample, BOXES_MEMBER, BoxTrack, members, source="boxes_source")


PROFILE = Profile(
    name="box-motion",
    sample=BoxMotion,
    find_unmet=find_unmet_film,
    fields=_fields,
    card=(
        "Films are native: sizes, lengths and rates differ. `<key>.boxes.json` has the boxes of\n"
        "objects, as columns: frame, object, x0_milli, y0_milli, x1_milli and y1_milli in\n"
        "thousandths of a pixel of the film as displayed, hard, confidence_bp. Objects have\n"
        "phrases. `boxes_source` says who drew the boxes."
    ),
    extras=(BOXES_MEMBER,),
    columns=(
        pa.field("objects", pa.int64(), nullable=False),
        pa.field("boxes", pa.int64(), nullable=False),
        pa.field("hard_boxes", pa.int64(), nullable=False),
        pa.field("boxed_frames", pa.int64(), nullable=False),
        pa.field("boxes_source", pa.string(), nullable=False),
    ),
    find_extra_faults=_find_extra_faults,
)
