"""The deal's section `[structure]`: what `structure-video` and `structure-depth` have of frames."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from schemas.deal_terms import DealSection

#: The profiles whose samples have embeddings of frames.
EMBEDDED_PROFILES: Final = ("structure-video", "structure-depth")


def rows_of_film(frames: int, every: int) -> int:
    """Returns how many frames of a film are embedded: the first, and every n-th after it."""
    return -(-frames // every)


class StructureTerms(DealSection):
    """Which frames are embedded, and have a depth map in the profile that has them."""

    # Every frame, or every second one …, from the first.
    every: int = Field(default=1, ge=1, le=10_000)
