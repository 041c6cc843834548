"""Judges ICC profiles, by name and by what they change in a picture, and applies them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

# Two decodes of one picture that differ by no more than this, of 255, count as the same.
SAME_WITHIN = 2
SRGB, OTHER = "sRGB", "other"
# How descriptions begin. Any other may name its maker's monitor, or its maker.
_NAMES = {
    "display p3": "Display P3",
    "adobe rgb (1998)": "Adobe RGB (1998)",
    "prophoto rgb": "ProPhoto RGB",
    "rommrgb": "ProPhoto RGB",
    "apple rgb": "Apple RGB",
    "colormatch rgb": "ColorMatch RGB",
    "rec. 2020": "Rec. 2020",
    "rec2020": "Rec. 2020",
    "dot gain 20%": "Dot Gain 20%",
    "gray gamma 2.2": "Gray Gamma 2.2",
    "u.s. web coated (swop) v2": "U.S. Web Coated (SWOP) v2",
    "coated fogra39": "Coated FOGRA39",
    "coated fogra27": "Coated FOGRA27",
}
PROFILE_NAMES = frozenset({"", SRGB, OTHER, *_NAMES.values()})
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_GRID_STEP = 15  # of 255, so that both ends are on the grid


@dataclass(frozen=True)
class ColourProfile:
    """What a profile does.

    Attributes:
        name: One of PROFILE_NAMES; `sRGB` if it changes no colour.
        mode: Pillow's mode of the pixels that it is for; "" if it cannot be read.
        changes: Whether it changes a colour by more than SAME_WITHIN.
    """

    name: str
    mode: str
    changes: bool


@lru_cache(maxsize=16)
def judge_profile(profile: bytes) -> ColourProfile:
    """Judges a profile by what it does to colours in all of its space, whatever a picture shows."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _PROFILE_MODES.get(str(source.profile.xcolor_space).strip(), "")
        described = str(source.profile.profile_description or "").strip().lower()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return ColourProfile(OTHER, "", changes=False)
    changes = mode == "CMYK" or (mode != "" and _changes_colours(source, mode))
    named = next((name for start, name in _NAMES.items() if described.startswith(start)), OTHER)
    is_srgb = mode != "" and not changes
    return ColourProfile(SRGB if is_srgb else named, mode, changes)


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """Converts to sRGB by the embedded profile, if it is readable and fits the pixels.

    Returns:
        The image in RGB, and why the profile was not applied, or "".
    """
    if profile is None:
        return image.convert("RGB"), ""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        profile_mode = judge_profile(profile).mode
        if profile_mode == "RGB" and image.mode == "L":
            image = image.convert("RGB")
        if profile_mode != image.mode:
            return image.convert("RGB"), "the profile is for another colour space"
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        return image.convert("RGB"), f"the profile cannot be applied: {error}"[:120]
    return (converted or image).convert("RGB"), ""


def _changes_colours(source: ImageCms.ImageCmsProfile, mode: str) -> bool:
    steps = np.arange(0, 256, 1 if mode == "L" else _GRID_STEP, dtype=np.uint8)
    if mode == "L":
        grid = Image.fromarray(steps[None])
    else:
        colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1)
        grid = Image.fromarray(colours.reshape(len(steps), -1, 3))
    try:
        target = ImageCms.createProfile("sRGB")
        shown = ImageCms.profileToProfile(grid, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False  # then it is not applied either
    plain = np.asarray(grid.convert("RGB")).astype(np.int16)
    return int(np.abs(np.asarray(shown) - plain).max()) > SAME_WITHIN
