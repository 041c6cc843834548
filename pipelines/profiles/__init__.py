"""Profiles: what each kind of model needs of a delivery. A profile is a module here and a schema.

A module that is called `box_motion.py` and defines `PROFILE` is the profile `box-motion`; nothing
else lists it. `make schemas` writes its schema to schemas/profiles/box-motion.json.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from pipelines.profiles.base import Profile
from schemas.errors import InputError

# Modules of this package that help profiles and are none.
_HELPER_MODULES = frozenset({"base", "aspect", "captions"})


def profile_names() -> tuple[str, ...]:
    """Every profile, in order."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name.replace("_", "-") for name in found if name not in _HELPER_MODULES))


@lru_cache(maxsize=64)
def load_profile(name: str) -> Profile:
    """A profile by its name.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in profile_names():
        raise InputError("Unknown profile", repr(name), f"Use one of {', '.join(profile_names())}")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    profile: Profile = module.PROFILE
    if profile.name != name:
        raise AssertionError(f"{module.__name__} defines the profile {profile.name!r}")
    return profile


def profile_for(name: str, media_type: str) -> Profile | None:
    """The profile that samples of a kind of media carry in a deal of the named profile."""
    profile = load_profile(name)
    if media_type == profile.media_type:
        return profile
    return profile_for(profile.companion_profile, media_type) if profile.companion_profile else None
