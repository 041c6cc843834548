"""What samples of films carry in every profile that has films: captions by shot, and motion.

The shots' embeddings are in the shards' Parquet tables, because as JSON they would take a hundred
times the space of the captions.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines.media.limits import MAX_SHOTS
from pipelines.media.stretches import KINDS
from pipelines.profiles.aspect import aspect_bucket
from pipelines.profiles.base import Row, UnmetRequirement
from pipelines.profiles.captions import (
    RecommendedCaption,
    contributor_caption,
    find_missing_caption,
    recommended_caption,
    score_bp,
)
from schemas.profiles.common import (
    AspectBucket,
    CommonSample,
    Count,
    NonEmptyText,
    Pixels,
    SampleFields,
    ScoreBp,
)
from schemas.profiles.file_fields import FilmFileFields
from schemas.unit import UnitShot

# "0-1200; 5000-7400": milliseconds from the start of the film. A text, since no list may be empty.
Stretches = Annotated[str, Field(pattern=r"^([0-9]+-[0-9]+(; [0-9]+-[0-9]+)*)?$")]


class Shot(SampleFields):
    """One shot of a film: the frames from `first_frame` up to but not including `end_frame`."""

    first_frame: Count
    end_frame: Pixels
    start_ms: Count
    end_ms: Count
    keyframe: Count
    """The number of the frame that represents the shot; caption and embedding are of it."""
    keyframe_ms: Count
    motion_milli: Count
    """As the film's, of this shot."""
    caption: NonEmptyText
    """A model's; if no model may see the film and it has one shot, the contributor's."""
    caption_score_bp: ScoreBp


class FilmSample(CommonSample, FilmFileFields):
    """A film with its shots."""

    media_type: Literal["video"]
    format: Literal["mp4", "mov"]
    duration_ms: Annotated[int, Field(ge=1, le=2**53 - 1)]
    fps_num: Annotated[int, Field(ge=1, le=2**31 - 1)]
    frames: Annotated[int, Field(ge=2, le=2**53 - 1)]
    aspect_bucket: AspectBucket
    """The standard ratio nearest to width / height."""
    contributor_caption: str
    """The title, or else the description."""
    contributor_caption_score_bp: ScoreBp
    """The cosine of caption and film embedding; 0 where it was not computed."""
    motion_milli: Count
    """Mean absolute luma difference of successive frames, in thousandths of a level of 255."""
    sound: Literal["none", "decoded", "unread"]
    """unread: there is sound, but it cannot be decoded, so that `silent` says nothing."""
    black: Stretches
    """Black pictures; at most 64 of the longest stretches are listed, as in the next two."""
    black_ms: Count
    """All black stretches together, listed or not."""
    frozen: Stretches
    """Still pictures, black ones included."""
    frozen_ms: Count
    silent: Stretches
    """Sound below -60 dBFS; empty without sound."""
    silent_ms: Count
    shots: Annotated[list[Shot], Field(min_length=1, max_length=MAX_SHOTS)]

    @model_validator(mode="after")
    def _check_shots(self) -> Self:
        """Checks that the shots cover the film's frames in order, without gaps or overlaps."""
        borders = [0, *(shot.end_frame for shot in self.shots)]
        firsts = [shot.first_frame for shot in self.shots]
        if firsts != borders[:-1] or borders[-1] != self.frames or sorted(set(borders)) != borders:
            raise ValueError("the shots do not cover the film's frames in order")
        return self


def find_unmet_film(row: Row) -> UnmetRequirement | None:
    """Returns what a film lacks that every profile with films requires, or None."""
    if row["frames"] < 2 or row["film_ms"] < 1:
        return UnmetRequirement(
            "profile.not_moving", f"{row['frames']} frames in {row['film_ms']} ms"
        )
    if row["fps_num"] < 1:
        return UnmetRequirement("profile.no_frame_rate", "the film states no frame rate")
    if len(row["shots"]) > MAX_SHOTS:
        return UnmetRequirement(
            "profile.too_many_shots", f"{len(row['shots'])} shots; at most {MAX_SHOTS}"
        )
    unmet = find_missing_caption(row)
    if unmet is None and len(row["shots"]) > 1:
        uncaptioned = sum(not shot["caption"] for shot in row["shots"])
        if uncaptioned:
            return UnmetRequirement(
                "profile.no_shot_captions",
                f"{uncaptioned} of {len(row['shots'])} shots have no caption",
            )
    return unmet


def film_fields(row: Row) -> dict[str, object]:
    """Returns the fields of a film that all samples of films have."""
    film_caption = recommended_caption(row)
    own, own_score = contributor_caption(row)
    return {
        **film_caption,
        "aspect_bucket": aspect_bucket(row["width"], row["height"]),
        "contributor_caption": own,
        "contributor_caption_score_bp": own_score,
        "motion_milli": row["motion_milli"],
        "sound": row["sound"],
        **{kind: _stretches(row, kind) for kind in KINDS},
        "black_ms": row["black_ms"],
        "frozen_ms": row["frozen_ms"],
        "silent_ms": row["silent_ms"],
        **({} if row["audio_codec"] else _WITHOUT_SOUND),
        "shots": [_shot(shot, film_caption) for shot in row["shots"]],
    }


# Of the delivered file, whatever the agency's has.
_WITHOUT_SOUND = {"sound": "none", "silent": "", "silent_ms": 0}


def _stretches(row: Row, kind: str) -> str:
    return "; ".join(
        f"{one['start_ms']}-{one['end_ms']}" for one in row["stretches"] if one["kind"] == kind
    )


def _shot(shot: UnitShot, film_caption: RecommendedCaption) -> Shot:
    has_caption = bool(shot["caption"])
    return Shot(
        first_frame=shot["first_frame"],
        end_frame=shot["end_frame"],
        start_ms=shot["start_ms"],
        end_ms=shot["end_ms"],
        keyframe=shot["keyframe"],
        keyframe_ms=shot["keyframe_ms"],
        motion_milli=shot["motion_milli"],
        caption=shot["caption"] if has_caption else film_caption["caption"],
        caption_score_bp=score_bp(shot["clip_score"])
        if has_caption
        else film_caption["clip_score_bp"],
    )
