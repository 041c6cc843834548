"""Profiles: what training each kind of model needs from a delivery.

A profile is a module of this package together with a JSON Schema. A module named `box_motion.py`
that defines `PROFILE` is the profile `box-motion`; there is no other list of profiles. `make
schemas` writes its schema to schemas/profiles/box-motion.json.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from pipelines.profiles.base import Profile
from schemas.errors import InputError

# Modules of this package that are not profiles.
_HELPER_MODULES = frozenset(
    {"base", "aspect", "captions", "clip_bounds", "films", "tables", "track_members"}
)


def profile_names() -> tuple[str, ...]:
    """Returns the names of all profiles, sorted."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name.replace("_", "-") for name in found if name not in _HELPER_MODULES))


@lru_cache(maxsize=64)
def load_profile(name: str) -> Profile:
    """Returns the profile of a name.

    Raises:
        InputError: There is no profile of that name.
    """
    if name not in profile_names():
        raise InputError("Unknown profile", repr(name), f"Use one of {', '.join(profile_names())}")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    profile: Profile = module.PROFILE
    if profile.name != name:
        raise AssertionError(f"{module.__name__} defines the profile {profile.name!r}")
    return profile


def profile_for(name: str, media_type: str) -> Profile | None:
    """Returns the profile for media of a type in a deal with the named profile, or None.

    It is the named profile itself, or its companion profile where that takes the media type.
    """
    profile = load_profile(name)
    if media_type == profile.media_type:
        return profile
    return profile_for(profile.companion_profile, media_type) if profile.companion_profile else None
