"""`first-last-frame`: films with a clip of each shot, and the frames at the ends of one clip.

For models that are given the first frame of a clip and one near its end, as PixelDance's is: it was
trained with a last frame drawn from the final three. A sample is a film, whatever the number of its
clips: an asset is delivered once and credited once. The frames are of one clip, since loaders need
as many members in every sample; those of other clips can be read from the film by their numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from pipelines.format.png import png_fault
from pipelines.media.limits import MAX_SHOTS
from pipelines.profiles.base import Profile, Row
from pipelines.profiles.films import FilmSample, Shot, film_fields, find_unmet_film
from schemas.deal_clips import LEAST_FRAMES
from schemas.profiles.common import (
    CommonSample,
    Count,
    NonEmptyText,
    Pixels,
    SampleFields,
    ScoreBp,
)

# The members: the clip's first frame, and its last three.
FIRST, LAST = "first.png", ("last2.png", "last1.png", "last.png")
ENDINGS = (FIRST, *LAST)


class Clip(SampleFields):
    """A clip: the frames from `first_frame` up to but not including `end_frame`."""

    shot: Count
    """The number of the shot that it is in, from 0."""
    first_frame: Count
    end_frame: Pixels
    start_ms: Count
    end_ms: Count
    caption: NonEmptyText
    """The shot's."""
    caption_score_bp: ScoreBp


class FirstLastFrame(FilmSample):
    """A film with its clips; the members are frames of one of them, as PNG."""

    profile: Literal["first-last-frame"]
    clips: Annotated[list[Clip], Field(min_length=1, max_length=MAX_SHOTS)]
    """One of each shot that is long enough for the deal."""
    clip: Annotated[int, Field(ge=0, lt=MAX_SHOTS)]
    """Which of `clips` the members are of, from 0; the fields beginning `clip_` are its."""
    clip_first_frame: Count
    """The frame in `first.png`."""
    clip_end_frame: Pixels
    """The frames before it are in `last.png`, `last1.png` and `last2.png`, from the last back."""
    clip_start_ms: Count
    clip_end_ms: Count
    clip_caption: NonEmptyText
    no_watermark: bool
    """Whether a watermark was looked for and none was found; `watermark` says what is unknown."""

    @model_validator(mode="after")
    def _check_clips(self) -> Self:
        """Checks that clips are in their shots, in order, and that one of them is the chosen."""
        numbers = [clip.shot for clip in self.clips]
        if sorted(set(numbers)) != numbers or numbers[-1] >= len(self.shots):
            raise ValueError("the clips are not of the film's shots in order")
        if not all(_is_within(clip, self.shots[clip.shot]) for clip in self.clips):
            raise ValueError(f"a clip is outside its shot, or shorter than {LEAST_FRAMES} frames")
        if any(_words(clip) != _words(self.shots[clip.shot]) for clip in self.clips):
            raise ValueError("the caption of a clip is not its shot's")
        if self.clip != self.clips.index(max(self.clips, key=self._order)):
            raise ValueError("the clip is not the longest, or not the one with the most motion")
        if _chosen(self.clips[self.clip]) != {name: getattr(self, name) for name in _CHOSEN}:
            raise ValueError("the fields of the clip are not those of the one that `clip` names")
        if self.no_watermark != (self.watermark == "no"):
            raise ValueError("no_watermark does not follow from watermark")
        return self

    def _order(self, clip: Clip) -> tuple[int, int, int]:
        """Orders clips as clip_bounds.choose_clip does."""
        length = clip.end_frame - clip.first_frame
        return length, self.shots[clip.shot].motion_milli, -clip.shot


_CHOSEN = (*("clip_first_frame", "clip_end_frame", "clip_start_ms", "clip_end_ms", "clip_caption"),)


def _chosen(clip: Clip) -> dict[str, object]:
    return {name: getattr(clip, name.removeprefix("clip_")) for name in _CHOSEN}


def _words(one: Clip | Shot) -> tuple[str, int]:
    return one.caption, one.caption_score_bp


def _is_within(clip: Clip, shot: Shot) -> bool:
    is_inside = shot.first_frame <= clip.first_frame and clip.end_frame <= shot.end_frame
    is_timed = shot.start_ms <= clip.start_ms <= clip.end_ms <= shot.end_ms
    return is_inside and is_timed and clip.end_frame - clip.first_frame >= LEAST_FRAMES


def _fields(row: Row) -> dict[str, object]:
    film, made = film_fields(row), json.loads(row["extra_facts"])
    shots = film["shots"]
    if not isinstance(shots, list):
        raise AssertionError("a film has a list of shots")
    clips = [
        Clip(
            **clip,
            caption=shots[clip["shot"]].caption,
            caption_score_bp=shots[clip["shot"]].caption_score_bp,
        )
        for clip in made["clips"]
    ]
    return {
        **film,
        "clips": clips,
        "clip": made["clip"],
        **_chosen(clips[made["clip"]]),
        "no_watermark": row["watermark"] == "",
    }


def _find_faults(sample: CommonSample, members: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Checks that every frame is a PNG of the film's size."""
    for ending, data in members.items():
        fault = png_fault(data, sample.width, sample.height)
        if fault:
            yield ending, fault


PROFILE = Profile(
    name="first-last-frame",
    sample=FirstLastFrame,
    find_unmet=find_unmet_film,
    fields=_fields,
    card=(
        "`first.png` is the first frame of one clip of the film, `last.png`, `last1.png` and\n"
        "`last2.png` are its last three from the last back. `clip_first_frame` and\n"
        "`clip_end_frame` say which frames they are; `clips` lists a clip of every shot that is\n"
        "long enough, with its caption. `no_watermark` is true only where one was looked for."
    ),
    extras=ENDINGS,
    columns=(
        pa.field("clip_first_frame", pa.int64(), nullable=False),
        pa.field("clip_end_frame", pa.int64(), nullable=False),
        pa.field("clip_start_ms", pa.int64(), nullable=False),
        pa.field("clip_end_ms", pa.int64(), nullable=False),
        pa.field("clip_caption", pa.string(), nullable=False),
    ),
    find_extra_faults=_find_faults,
)
