"""Converts pictures to eight bits without transparency, and finds where loaders differ from it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageCms

from pipelines.media.colour_profiles import SAME_WITHIN
from pipelines.media.formats import Format
from pipelines.media.tiff import TiffPicture
from schemas.file_facts import PlainDifference

Colour = tuple[int, int, int]  # red, green, blue, of 255
WHITE: Colour = (255, 255, 255)
# What loaders of training code decode: open_clip's takes these endings, and skips other samples.
PLAIN_FORMATS: frozenset[Format] = frozenset({"jpg", "png", "webp"})
_STRIP_PIXELS = 1 << 22


def plain_differences(
    fmt: Format,
    orientation: int,
    *,
    changes_colours: bool,
    is_cmyk: bool,
    has_alpha: bool,
    conversion: int,
) -> str:
    """Returns why Pillow's plain conversion to RGB shows another picture than the displayed one.

    Args:
        fmt: The file's format.
        orientation: Its EXIF orientation.
        changes_colours: Whether its colour profile changes colours noticeably.
        is_cmyk: Whether it is stored in inks.
        has_alpha: Whether pixels can be transparent.
        conversion: By how much, of 255, the two conversions to eight bits differ at most.

    Returns:
        Values of `PlainDifference`, separated by "; "; "" if both show the same.
    """
    differs = conversion > SAME_WITHIN
    found = {
        PlainDifference.FORMAT: fmt not in PLAIN_FORMATS,
        PlainDifference.ORIENTATION: orientation != 1,
        PlainDifference.PROFILE: changes_colours and not is_cmyk,
        PlainDifference.ALPHA: differs and has_alpha,
        PlainDifference.DEPTH: differs and not has_alpha,
        PlainDifference.CMYK: is_cmyk,
    }
    return "; ".join(reason.value for reason, applies in found.items() if applies)


def flatten(
    image: Image.Image, page: TiffPicture | None, background: Colour = WHITE
) -> tuple[Image.Image, int]:
    """Converts to eight-bit RGB, L or CMYK; transparent areas show the background.

    Large pictures are converted in strips, since the steps between need several times their memory.

    Args:
        image: The picture.
        page: How it is stored, if it is a page of a TIFF.
        background: What transparent areas show.

    Returns:
        The picture, and by how much, of 255, it differs at most from Pillow's plain conversion.
    """
    if image.mode in ("RGB", "L", "CMYK") and "transparency" not in image.info:
        return image, 0
    rows = max(1, _STRIP_PIXELS // image.width)
    if rows >= image.height:
        return _flatten_strip(image, page, background)
    flat: Image.Image | None = None
    most = 0
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        strip, difference = _flatten_strip(image.crop(box), page, background)
        most = max(most, difference)
        if flat is None:
            flat = Image.new(strip.mode, image.size)
        flat.paste(strip, (0, top))
    if flat is None:
        raise AssertionError("a picture has rows")
    return flat, most


def _flatten_strip(
    image: Image.Image, page: TiffPicture | None, background: Colour
) -> tuple[Image.Image, int]:
    if image.mode.startswith("I"):
        # Pillow keeps a TIFF's values as they are stored: of 12 bits, say, or with 0 for white.
        most = (1 << page.bits) - 1 if page else 65535
        wide = np.asarray(image).astype(np.int64).clip(0, most)
        grey = ((wide * 255 + most // 2) // most).astype(np.uint8)
        flat = Image.fromarray(255 - grey if page and page.is_inverted else grey)
        key = image.info.get("transparency")
        if isinstance(key, int):
            flat = flat.convert("RGB")
            flat.paste(background, mask=Image.fromarray(wide == key))
        # Pillow cuts values above 255, so that nearly everything is white.
        return flat, 255
    if image.mode == "LAB":
        lab, srgb = (ImageCms.createProfile(name) for name in ("LAB", "sRGB"))
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        return converted or image, 255
    if image.mode in ("1", "YCbCr", "HSV") and "transparency" not in image.info:
        return image.convert("RGB"), 0
    layered = image.convert("RGBA")
    below = Image.new("RGBA", layered.size, (*background, 255))
    flat = Image.alpha_composite(below, layered).convert("RGB")
    plain = layered.convert("RGB")

    channels = ImageChops.difference(flat, plain).split()
    return flat, max(int(np.asarray(channel).max()) for channel in channels)
