"""`human-motion`: films of a person, with the person's poses in every frame and a picture of them.

The poses are the agency's: drawn by people, or by a tracker that it names. Only films with a valid
model release are delivered (`pipelines.rights.rules.profile`), and samples of one person are in one
split (`pipelines.selection.splits`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import Field

from pipelines.format.png import png_fault
from pipelines.profiles.base import Profile, Row
from pipelines.profiles.films import FilmSample, film_fields, find_unmet_film
from pipelines.profiles.track_members import find_track_faults
from schemas.profiles.common import CommonSample, Count
from schemas.profiles.tracks import POSES_MEMBER, REFERENCE_MEMBER, PoseTrack, TrackSource

_POSITIVE = Field(ge=1, le=2**31 - 1)
Commitments = Annotated[str, Field(pattern=r"^[0-9a-f]{64}(; [0-9a-f]{64})*$")]


class HumanMotion(FilmSample):
    """A film of a person with poses in `poses.json`, and a frame of it in `reference.png`."""

    profile: Literal["human-motion"]
    skeleton: Literal["coco-17"]
    """Which joints a pose has, in which order: those of COCO's keypoints."""
    posed_frames: Annotated[int, _POSITIVE]
    """How many frames show the person."""
    seen_joints: Count
    """How many joints are seen, in all frames."""
    reference_frame: Count
    """The number of the frame that is in `reference.png`."""
    poses_source: TrackSource
    """Who drew the poses: people for the agency, or a program."""
    tracker: str
    """The program's name; "" of the agency's people, as its version."""
    tracker_version: str
    identities: Commitments
    """Salted commitments to the people who signed the releases, separated by "; ". They are the
    same in all samples of the deal: samples with one in common belong in one split."""
    model_releases: Commitments
    """Salted commitments to the ids of the model releases, separated by "; "; the agency opens
    them. They are in `releases` of the tables, too."""


def _fields(row: Row) -> dict[str, object]:
    return {**film_fields(row), **json.loads(row["extra_facts"])}


def _find_extra_faults(
    sample: CommonSample, members: Mapping[str, bytes]
) -> Iterator[tuple[str, str]]:
    if not isinstance(sample, HumanMotion):
        raise AssertionError("samples are parsed by their profile")
    yield from find_track_faults(sample, POSES_MEMBER, PoseTrack, members, source="poses_source")
    fault = png_fault(members[REFERENCE_MEMBER], sample.width, sample.height)
    if fault:
        yield REFERENCE_MEMBER, f"it {fault}"
    if sample.reference_frame >= sample.frames:
        yield REFERENCE_MEMBER, f"frame {sample.reference_frame} is not one of {sample.frames}"


PROFILE = Profile(
    name="human-motion",
    sample=HumanMotion,
    find_unmet=find_unmet_film,
    fields=_fields,
    card=(
        "Films are native: sizes, lengths and rates differ. `<key>.poses.json` has a person's box\n"
        "and 17 joints (x, y and confidence of each) in every frame that shows the person, in\n"
        "thousandths of a pixel of the film as displayed. `<key>.reference.png` is the frame\n"
        "`reference_frame`. Samples with one of `identities` in common belong in one split."
    ),
    extras=(POSES_MEMBER, REFERENCE_MEMBER),
    columns=(
        pa.field("posed_frames", pa.int64(), nullable=False),
        pa.field("seen_joints", pa.int64(), nullable=False),
        pa.field("reference_frame", pa.int64(), nullable=False),
        pa.field("poses_source", pa.string(), nullable=False),
        pa.field("identities", pa.string(), nullable=False),
        pa.field("model_releases", pa.string(), nullable=False),
    ),
    find_extra_faults=_find_extra_faults,
)
