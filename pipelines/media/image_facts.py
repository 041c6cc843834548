"""The properties of a picture file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageFacts:
    """The properties of a picture file; sizes are in pixels.

    Attributes:
        width: As displayed, after applying the EXIF orientation.
        height: As displayed, likewise.
        stored_width: As stored in the file.
        stored_height: As stored in the file.
        mode: Pillow's name of the stored pixel layout.
        bit_depth: Bits per channel as stored.
        orientation: EXIF orientation, 1 to 8; 1 if the file states none.
        has_icc: Whether a colour profile is embedded.
        icc_note: Why the profile was not applied; empty if it was, or if there is none.
        progressive: Whether a JPEG is progressive.
        frames: 1, or more for an animation or a TIFF of several pages, of which only the first is
            decoded.
        has_alpha: Whether pixels can be transparent, as stored.
        icc: The embedded profile's name (`colour_profiles.PROFILE_NAMES`); "" without one.
        plain_differences: Why Pillow's plain conversion to RGB shows another picture, as values of
            `schemas.file_facts.PlainDifference` separated by "; ".
    """

    width: int
    height: int
    stored_width: int
    stored_height: int
    mode: str
    bit_depth: int
    orientation: int
    has_icc: bool
    icc_note: str
    progressive: bool
    frames: int
    has_alpha: bool
    icc: str
    plain_differences: str
