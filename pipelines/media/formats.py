"""Names the formats of media, and the media types that they belong to."""

from __future__ import annotations

from typing import Literal

Format = Literal["jpg", "png", "webp", "tif", "gif", "avif", "mp4", "mov"]
IMAGE_FORMATS: tuple[Format, ...] = ("jpg", "png", "webp", "tif", "gif", "avif")
FILM_FORMATS: tuple[Format, ...] = ("mp4", "mov")
FORMATS: tuple[Format, ...] = (*IMAGE_FORMATS, *FILM_FORMATS)


def media_type_of(fmt: Format) -> str:
    """Returns the media type of a format: `image` or `video`."""
    return "image" if fmt in IMAGE_FORMATS else "video"


def is_film(fmt: Format) -> bool:
    """Whether a format is that of films."""
    return fmt in FILM_FORMATS


def parse_format(text: str) -> Format:
    """Returns the format that a text names.

    Raises:
        ValueError: The text is not the name of a supported format.
    """
    if text not in FORMATS:
        raise ValueError(f"not a media format: {text!r}")
    return text
