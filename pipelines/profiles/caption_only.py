"""`caption-only`: a picture with all of its captions, each with its source.

For training captioners and re-captioners, which learn from captions written by people and must be
able to tell them from those written by a model.
"""

from __future__ import annotations

from typing import Literal

from pipelines.profiles.base import Profile, Row
from pipelines.profiles.captions import find_missing_caption, recommended_caption
from schemas.profiles.common import PictureSample


class CaptionOnly(PictureSample):
    """A picture with all its captions, which are in `captions`, and no other fields."""

    profile: Literal["caption-only"]


def _fields(row: Row) -> dict[str, object]:
    return {**recommended_caption(row)}


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
