"""The deal's `[quality]`: what pictures and films must be like, by their measures."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from schemas.deal_terms import DealSection
from schemas.deal_values import ExactShare, refuse_repeats
from schemas.profiles.common import AspectBucket

_NONE, _ALL = Decimal(0), Decimal(1)


class QualityTerms(DealSection):
    """What pictures must be like; by default, anything passes."""

    min_sharpness: ExactShare = _NONE
    min_brightness: ExactShare = _NONE
    max_brightness: ExactShare = _ALL
    # Of all pixels, how many are black or white without detail.
    max_clipped: ExactShare = _ALL
    # By a zero-shot comparison with prompts; see docs/media.md.
    max_nsfw: ExactShare = _ALL
    min_aesthetics: ExactShare = _NONE
    # Of the picture, how much text may cover; and whether a watermark is accepted.
    max_text_area: ExactShare = _ALL
    watermark: Literal["accept", "refuse"] = "accept"
    # The nearest standard ratios that are taken; with none listed, every ratio is.
    aspects: list[AspectBucket] = Field(default=[])

    @field_validator("max_brightness")
    @classmethod
    def _check_brightness(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        least = info.data.get("min_brightness", _NONE)
        if value < least:
            raise ValueError(f"must not be below min_brightness ({least})")
        return value

    @field_validator("aspects")
    @classmethod
    def _check_repeats(cls, values: list[AspectBucket]) -> list[AspectBucket]:
        return refuse_repeats(values)

    @property
    def needs_prompts(self) -> bool:
        """Whether pictures are compared with prompts, by the deal's CLIP model."""
        return self.max_nsfw != _ALL or self.min_aesthetics != _NONE

    @property
    def needs_texts(self) -> bool:
        """Whether text is looked for in pictures."""
        return self.max_text_area != _ALL or self.watermark == "refuse"
