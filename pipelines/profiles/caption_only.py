"""`caption-only`: a picture with all of its captions, each with its source.

For training captioners and re-captioners, which learn from captions written by people and must be
able to tell them from those written by a model.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipelines.profiles.base import Profile, Row
from pipelines.profiles.captions import (
    contributor_captions,
    find_missing_caption,
    model_caption,
    recommended_caption,
    score_bp,
)
from schemas.profiles.common import NonEmptyText, PictureSample, SampleFields, ScoreBp


class Caption(SampleFields):
    """One caption."""

    source: Literal["title", "description", "model"]
    """Who wrote it; `title` and `description` are the contributor's."""
    text: NonEmptyText
    score_bp: ScoreBp
    """The cosine of caption and picture; 0 where it was not computed."""


class CaptionOnly(PictureSample):
    """A picture with all its captions."""

    profile: Literal["caption-only"]
    captions: Annotated[list[Caption], Field(min_length=1)]
    """The contributor's come first; `caption_model` names the model that wrote a model's."""


def _fields(row: Row) -> dict[str, object]:
    captions = [
        Caption(source=kind, text=text, score_bp=score)
        for kind, text, score in contributor_captions(row)
    ]
    model_text = model_caption(row)
    if model_text:
        captions.append(
            Caption(source="model", text=model_text, score_bp=score_bp(row["clip_score"]))
        )
    return {**recommended_caption(row), "captions": captions}


PROFILE = Profile(
    name="caption-only",
    sample=CaptionOnly,
    find_unmet=find_missing_caption,
    fields=_fields,
    card=(
        "`captions` has every caption with its source. One that a model wrote teaches a captioner\n"
        "to write like that model."
    ),
)
