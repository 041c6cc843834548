"""Renders a picture: the file that is delivered in the place of one that loaders show otherwise.

A rendition is what is displayed: upright, in sRGB, of eight bits, on a background. It holds no
colour profile, since sRGB is what loaders take pictures without one for.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import simplejpeg
from PIL import Image

from pipelines.media.flatten import Colour
from pipelines.media.formats import Format
from pipelines.media.images import decode_for_rendition
from schemas.deal_render import RenderTerms

UNLIMITED_SIDE = 1 << 31
_PNG_LEVEL = 6
_WEBP_METHOD = 4
_FULL_COLOUR = "4:4:4"
_SUBSAMPLINGS = {"420": "4:2:0", "422": "4:2:2"}


@dataclass(frozen=True)
class RenderSettings:
    """How pictures are rendered.

    Attributes:
        format: jpg, webp or png.
        quality: Of JPEG and WebP, 1 to 100.
        longest_side: Larger pictures are reduced to it, in pixels; 0 keeps every size.
        background: What transparent areas show.
    """

    format: Format
    quality: int
    longest_side: int
    background: Colour

    @classmethod
    def of(cls, terms: RenderTerms) -> RenderSettings:
        """Returns the settings of a deal."""
        return cls(terms.format, terms.quality, terms.longest_side, terms.background_colour)

    @property
    def side(self) -> int:
        """The longest side that a rendition may have, in pixels."""
        return self.longest_side or UNLIMITED_SIDE


def render_picture(data: bytes, fmt: Format, max_pixels: int, settings: RenderSettings) -> bytes:
    """Returns the rendition of a picture, without metadata.

    Args:
        data: The file.
        fmt: Its format.
        max_pixels: The most pixels that it may have.
        settings: How it is rendered.

    Raises:
        BadRecord: `media.too_large` or `media.undecodable`.
    """
    decoded = decode_for_rendition(data, fmt, max_pixels, settings.side, settings.background)
    return _encode(decoded.image, settings, _subsampling(data, fmt))


def _subsampling(data: bytes, fmt: Format) -> str:
    """Returns the resolution of colours that a JPEG of a picture has.

    It is that of the picture if it is a JPEG itself. Others have all of it: many are drawings.
    """
    if fmt != "jpg":
        return _FULL_COLOUR
    try:
        stored = simplejpeg.decode_jpeg_header(data, strict=False)[3]
    except ValueError:
        return _FULL_COLOUR
    return _SUBSAMPLINGS.get(str(stored), _FULL_COLOUR)


def _encode(image: Image.Image, settings: RenderSettings, subsampling: str) -> bytes:
    out = io.BytesIO()
    if settings.format == "jpg":
        image.save(out, "JPEG", quality=settings.quality, subsampling=subsampling)
    elif settings.format == "webp":
        image.save(out, "WEBP", quality=settings.quality, method=_WEBP_METHOD)
    elif settings.format == "png":
        image.save(out, "PNG", compress_level=_PNG_LEVEL)
    else:
        raise AssertionError(f"no renditions are made as {settings.format}")
    return out.getvalue()
