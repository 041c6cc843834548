"""The deal's section `[clips]`: which clips the profile `first-last-frame` takes of films."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from schemas.deal_terms import DealSection

_MOST = 1_000_000
# The first frame and the last three must be different frames.
LEAST_FRAMES = 4


class ClipTerms(DealSection):
    """How long clips are, in frames."""

    min_frames: int = Field(default=16, ge=LEAST_FRAMES, le=_MOST)
    # Of a longer shot, the middle is taken; 0 for no limit.
    max_frames: int = Field(default=0, ge=0, le=_MOST)

    @field_validator("max_frames")
    @classmethod
    def _check_order(cls, value: int, info: ValidationInfo) -> int:
        least = info.data.get("min_frames", LEAST_FRAMES)
        if 0 < value < least:
            raise ValueError(f"must be 0, for no limit, or at least min_frames ({least})")
        return value
