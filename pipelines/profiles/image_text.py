"""`image-text`: pictures with the contributor's caption and a model's, for CLIP and similar models.

The two captions are in separate fields, with the recommended share of synthetic captions when
sampling: 0.95 was the best that the authors of DALL·E 3 tried (65, 80, 90 and 95 %).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipelines.profiles.aspect import aspect_bucket
from pipelines.profiles.base import Profile, Row
from pipelines.profiles.captions import (
    BASIS_POINTS,
    contributor_caption,
    find_missing_caption,
    model_caption,
    recommended_caption,
)
from schemas.profiles.common import AspectBucket, PictureSample, ScoreBp

P_SYNTHETIC_BP = 9_500


class ImageText(PictureSample):
    """A picture at its native size, with captions by source."""

    profile: Literal["image-text"]
    aspect_bucket: AspectBucket
    """The standard ratio nearest to width / height."""
    contributor_caption: str
    """The title, or else the description."""
    contributor_caption_score_bp: ScoreBp
    """The cosine of caption and picture; 0 where it was not computed."""
    short_caption: str
    """The captioner's, like the next three fields; "" where the rights forbid captioning."""
    short_caption_score_bp: ScoreBp
    dense_caption: str
    """"" where the captioner writes no dense captions."""
    dense_caption_score_bp: ScoreBp
    p_synthetic_bp: Annotated[int, Field(ge=0, le=10_000)]
    """How often the synthetic caption is recommended, of 10000; 0 or 10000 if one is missing."""


def _fields(row: Row) -> dict[str, object]:
    own, own_score = contributor_caption(row)
    short, short_score = model_caption(row)
    return {
        **recommended_caption(row),
        "aspect_bucket": aspect_bucket(row["width"], row["height"]),
        "contributor_caption": own,
        "contributor_caption_score_bp": own_score,
        "short_caption": short,
        "short_caption_score_bp": short_score,
        # Captioners of open_clip write captions of one length only.
        "dense_caption": "",
        "dense_caption_score_bp": 0,
        "p_synthetic_bp": (P_SYNTHETIC_BP if own else BASIS_POINTS) if short else 0,
    }


PROFILE = Profile(
    name="image-text",
    sample=ImageText,
    find_unmet=find_missing_caption,
    fields=_fields,
    card=(
        "Contributors' and synthetic captions are apart in the JSON. `<key>.txt` is one of them,\n"
        "drawn once for each sample: the synthetic one with the probability `p_synthetic_bp` /\n"
        "10000. Whoever mixes them in each epoch draws with the same probability."
    ),
)
