"""The depth maps that samples carry as a member, and what samples say about them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from schemas.profiles.common import Pixels, SampleFields
from schemas.profiles.tracks import TrackSource

#: The ending of the member.
DEPTH = "depth.npy"
#: The largest member with depth maps.
MAX_DEPTH_BYTES = 256 << 20

DepthUnit = Literal["metre", "relative", "relative-inverse"]


class DepthFacts(SampleFields):
    """What a sample says about its depth maps."""

    depth_height: Pixels
    """Of every map, which covers the whole picture as displayed; as is `depth_width`."""
    depth_width: Pixels
    depth_unit: DepthUnit
    """metre: the distance from the camera. relative: grows with it, and has no scale.
    relative-inverse: shrinks with it. 0 is not known, in every unit."""
    depth_source: TrackSource
    """Who made the maps: the agency, with an instrument, or a program."""
    depth_tracker: str
    """The program's name; "" otherwise, as its version."""
    depth_tracker_version: str

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        named = bool(self.depth_tracker), bool(self.depth_tracker_version)
        if named != (self.depth_source == "tracker",) * 2:
            raise ValueError("a tracker, and only a tracker, has a name and a version")
        return self
