"""`caption-only`: a picture and every caption there is of it, each with its source.

For captioners and re-captioners, which learn from what people wrote and must know it from what
another model did.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pipelines.profiles.base import Profile, Row
from pipelines.profiles.captions import (
    model_caption,
    need_caption,
    own_captions,
    recommended,
    score_bp,
)
from schemas.profiles.common import Fields, PictureSample, ScoreBp, Text


class Caption(Fields):
    """One caption."""

    source: Literal["title", "description", "model"]
    """Whose: the first two are the contributor's."""
    text: Text
    score_bp: ScoreBp
    """Its cosine with the picture; 0 where none was computed."""


class CaptionOnly(PictureSample):
    """A picture with all its captions."""

    profile: Literal["caption-only"]
    captions: Annotated[list[Caption], Field(min_length=1)]
    """The contributor's first; `caption_model` names the model of a model's."""


def _fields(row: Row) -> dict[str, Any]:
    captions = [
        Caption(source=kind, text=text, score_bp=score) for kind, text, score in own_captions(row)
    ]
    written = model_caption(row)
    if written:
        captions.append(Caption(source="model", text=written, score_bp=score_bp(row["clip_score"])))
    return {**recommended(row), "captions": captions}


PROFILE = Profile(
    name="caption-only",
    sample=CaptionOnly,
    need=need_caption,
    fields=_fields,
    card=(
        "`captions` has every caption with its source. One that a model wrote teaches a captioner\n"
        "to write like that model."
    ),
)
