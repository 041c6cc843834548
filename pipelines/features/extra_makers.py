"""What makes the extra members of each profile that has any."""

from __future__ import annotations

from pipelines.features.extras import Maker
from pipelines.features.first_last_frames import make_first_last_frames
from pipelines.features.tracks import make_box_motion, make_human_motion
from pipelines.profiles import profile_for

#: By name of the profile. One with `extras` has one, but `structure-video` and `structure-depth`,
#: which have members that a model makes (pipelines.steps.frame_vectors).
MAKERS: dict[str, Maker] = {
    "box-motion": make_box_motion,
    "human-motion": make_human_motion,
    "first-last-frame": make_first_last_frames,
}


def maker_of(profile_name: str, media_type: str) -> Maker | None:
    """Returns what makes the extra members of an asset in a deal with the named profile."""
    profile = profile_for(profile_name, media_type)
    return MAKERS.get(profile.name) if profile is not None else None
