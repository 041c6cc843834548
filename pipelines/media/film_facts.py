"""Reads from a film's container what a loader may get wrong, besides its frames."""

from __future__ import annotations

from fractions import Fraction

from av.container import InputContainer
from av.video.format import VideoFormat
from av.video.stream import VideoStream
from PIL import Image

# EXIF's codes; frames without a matrix are upright.
_ORIENTATIONS = {
    None: 1,
    Image.Transpose.FLIP_LEFT_RIGHT: 2,
    Image.Transpose.ROTATE_180: 3,
    Image.Transpose.FLIP_TOP_BOTTOM: 4,
    Image.Transpose.TRANSPOSE: 5,
    Image.Transpose.ROTATE_270: 6,
    Image.Transpose.TRANSVERSE: 7,
    Image.Transpose.ROTATE_90: 8,
}
_UNKNOWN_CODEC = "unknown"
_MAX_ASPECT_TERM = 2**31 - 1


def orientation_code(turn: Image.Transpose | None) -> int:
    """Returns EXIF's code for how frames are turned to be displayed."""
    return _ORIENTATIONS[turn]


def audio_codec(container: InputContainer, has_sound: bool) -> str:
    """Returns FFmpeg's name of the first audio track's codec; "" if there is no such track.

    Args:
        container: The film.
        has_sound: Whether a track may hold sound, whatever FFmpeg takes it for.
    """
    for stream in container.streams.audio:
        context = stream.codec_context
        return str(context.codec.canonical_name) if context is not None else _UNKNOWN_CODEC
    return _UNKNOWN_CODEC if has_sound else ""


def bitrate_bps(picture_bytes: int, duration_ms: int) -> int:
    """Returns bits a second, rounded; 0 for a film without duration."""
    return (picture_bytes * 8_000 + duration_ms // 2) // duration_ms if duration_ms > 0 else 0


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Returns the width of a stored pixel over its height; 1 if the file states none."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    largest = max(abs(aspect.numerator), aspect.denominator)
    return aspect if aspect > 0 and largest <= _MAX_ASPECT_TERM else Fraction(1)


def has_alpha(layout: VideoFormat | None) -> bool:
    """Whether a pixel format has a component for transparency."""
    return layout is not None and any(part.is_alpha for part in layout.components)
