"""Facts about a file by which loaders differ: how a picture is stored, how a film is encoded."""

from __future__ import annotations

from enum import StrEnum
from typing import TypedDict

import pyarrow as pa


class PlainDifference(StrEnum):
    """Why `Image.open(…).convert("RGB")` shows another picture than the one that is displayed."""

    FORMAT = "format"  # stock loaders of training code leave out such files
    ORIENTATION = "orientation"  # it stays turned or mirrored
    PROFILE = "profile"  # its colours are not converted to sRGB
    ALPHA = "alpha"  # what is transparent shows the colours below
    DEPTH = "depth"  # values of more than eight bits are cut, not scaled
    CMYK = "cmyk"  # each loader converts inks in its own way


class FileFacts(TypedDict):
    """The values of FILE_FACTS_FIELDS."""

    has_alpha: bool
    icc: str
    animated: bool
    plain_differences: str
    codec: str
    bitrate_bps: int
    audio_codec: str
    pixel_aspect_num: int
    pixel_aspect_den: int


FILE_FACTS_FIELDS: tuple[pa.Field[pa.DataType], ...] = (
    pa.field("has_alpha", pa.bool_(), nullable=False),
    # A well-known profile's name, or "other"; "" without one, and for films.
    pa.field("icc", pa.string(), nullable=False),
    pa.field("animated", pa.bool_(), nullable=False),
    # Values of PlainDifference, separated by "; ".
    pa.field("plain_differences", pa.string(), nullable=False),
    pa.field("codec", pa.string(), nullable=False),  # FFmpeg's name; "" for pictures
    pa.field("bitrate_bps", pa.int64(), nullable=False),  # of the film's picture track
    pa.field("audio_codec", pa.string(), nullable=False),  # "" without sound
    pa.field("pixel_aspect_num", pa.int32(), nullable=False),  # width of a pixel over its height
    pa.field("pixel_aspect_den", pa.int32(), nullable=False),
)
