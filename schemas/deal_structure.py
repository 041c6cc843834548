"""The deal's section `[structure]`: what the profile `structure-video` has of a film's frames."""

from __future__ import annotations

from pydantic import Field

from schemas.deal_terms import DealSection


class StructureTerms(DealSection):
    """Which frames are embedded."""

    # Every frame, or every second one …, from the first.
    every: int = Field(default=1, ge=1, le=10_000)
