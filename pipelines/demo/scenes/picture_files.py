"""Saves drawn pictures in the formats, colour spaces and orientations that agencies have."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from pipelines.demo.scenes.icc import srgb_profile, wide_profile
from pipelines.demo.scenes.png import sixteen_bit_png
from pipelines.demo.scenes.scene import SeededDice

# ASCII only, because EXIF guarantees nothing else.
_COPYRIGHT = "(c) Demo Agency"
_ANOTHER_OWNER = "(c) Somebody Else Pictures"
# How to transpose the upright picture so that the EXIF orientation restores it.
_STORED_TRANSPOSE = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


def save_picture(
    image: Image.Image, file_style: str, seed: int, description: str, xmp: bytes
) -> bytes:
    """Encodes a picture.

    Args:
        image: RGB, upright.
        file_style: A key of `_SAVERS`: `jpeg_plain`, `png16`, `webp_lossless` and so on.
        seed: Selects quality and subsampling where `file_style` does not fix them.
        description: What the picture shows; written to EXIF.
        xmp: The XMP packet for styles with `_xmp` in their name.

    Returns:
        The file's bytes; the same for the same input.
    """
    return _SAVERS[file_style](image, SeededDice(seed ^ 0xF11E), description, xmp)


def make_lookalike(image: Image.Image, change: str) -> Image.Image:
    """Returns a `resized` or `cropped` look-alike; other changes affect only the file."""
    width, height = image.size
    if change == "resized":
        size = (round(width * 0.8), round(height * 0.8))
        return image.resize(size, Image.Resampling.LANCZOS)
    if change == "cropped":
        # Removes 1 % of the width or height on each of the four sides.
        return image.crop(
            (width // 100, height // 100, width - width // 100, height - height // 100)
        )
    return image


def _exif(description: str, orientation: int = 1, owner: str = _COPYRIGHT) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = description
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Artist] = "Demo Agency"
    exif[ExifTags.Base.Copyright] = owner
    return exif


def _jpeg(
    image: Image.Image,
    description: str,
    orientation: int = 1,
    owner: str = _COPYRIGHT,
    **options: Any,
) -> bytes:
    out = BytesIO()
    image.save(out, "JPEG", exif=_exif(description, orientation, owner), **options)
    return out.getvalue()


def _png(image: Image.Image, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, "PNG", compress_level=4, **options)
    return out.getvalue()


def _webp(image: Image.Image, description: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, "WEBP", exif=_exif(description).tobytes(), method=2, **options)
    return out.getvalue()


def _plain(image: Image.Image, dice: SeededDice, description: str, xmp: bytes) -> bytes:
    quality, subsampling = 78 + dice.below(18), (2, 2, 1, 0)[dice.below(4)]
    return _jpeg(image, description, quality=quality, subsampling=subsampling)


def _appended(image: Image.Image, dice: SeededDice, description: str, xmp: bytes) -> bytes:
    """A second picture follows the end of the first, as if two files had been joined."""
    return _jpeg(image, description, quality=88) + _jpeg(
        image.resize((160, 120)), description, quality=70
    )


def _squeezed(image: Image.Image, dice: SeededDice, description: str, xmp: bytes) -> bytes:
    return _jpeg(image, description, quality=45, subsampling=2)


def _progressive(image: Image.Image, dice: SeededDice, description: str, xmp: bytes) -> bytes:
    return _jpeg(image, description, quality=75 + dice.below(20), progressive=True)


def _wide(image: Image.Image, dice: SeededDice, description: str, xmp: bytes) -> bytes:
    narrow = ImageCms.getOpenProfile(BytesIO(srgb_profile()))
    wide = ImageCms.getOpenProfile(BytesIO(wide_profile()))
    converted = ImageCms.profileToProfile(image, narrow, wide)
    if converted is None:
        raise AssertionError("profileToProfile returns an image unless it works in place")
    return _jpeg(converted, description, quality=92, icc_profile=wide_profile())


def _turned_saver(orientation: int) -> _Saver:
    def save(image: Image.Image, dice: SeededDice, description: str, xmp: bytes) -> bytes:
        return _jpeg(
            image.transpose(_STORED_TRANSPOSE[orientation]), description, orientation, quality=88
        )

    return save


def _alpha(image: Image.Image, dice: SeededDice, description: str, xmp: bytes) -> bytes:
    with_alpha = image.convert("RGBA")
    # A vignette, opaque in the middle, so that the caption stays true.
    vignette = Image.radial_gradient("L").resize(image.size)
    with_alpha.putalpha(
        vignette.point([255 if level < 200 else 255 - (level - 200) for level in range(256)])
    )
    return _png(with_alpha)


def _png_xmp(image: Image.Image, dice: SeededDice, description: str, xmp: bytes) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp.decode())
    info.add_itxt("Copyright", _COPYRIGHT)
    return _png(image, pnginfo=info, exif=_exif(description))


_Saver = Callable[[Image.Image, SeededDice, str, bytes], bytes]
_SAVERS: dict[str, _Saver] = {
    "jpeg_plain": _plain,
    "jpeg_squeezed": _squeezed,
    "jpeg_appended": _appended,
    "jpeg_progressive": _progressive,
    "jpeg_444": lambda i, d, t, x: _jpeg(i, t, quality=90 + d.below(8), subsampling=0),
    "jpeg_grey": lambda i, d, t, x: _jpeg(i.convert("L"), t, quality=88),
    "jpeg_cmyk": lambda i, d, t, x: _jpeg(i.convert("CMYK"), t, quality=90),
    "jpeg_turned_3": _turned_saver(3),
    "jpeg_turned_6": _turned_saver(6),
    "jpeg_turned_8": _turned_saver(8),
    "jpeg_icc_srgb": lambda i, d, t, x: _jpeg(i, t, quality=90, icc_profile=srgb_profile()),
    "jpeg_icc_wide": _wide,
    "jpeg_xmp": lambda i, d, t, x: _jpeg(i, t, quality=85 + d.below(10), xmp=x),
    "jpeg_xmp_entity": lambda i, d, t, x: _jpeg(i, t, quality=88, xmp=x),
    "jpeg_xmp_owner": lambda i, d, t, x: _jpeg(i, t, owner=_ANOTHER_OWNER, quality=88, xmp=x),
    "png": lambda i, d, t, x: _png(i, exif=_exif(t)),
    "png_alpha": _alpha,
    "png_palette": lambda i, d, t, x: _png(i.quantize(256, dither=Image.Dither.NONE)),
    "png16": lambda i, d, t, x: sixteen_bit_png(np.asarray(i)),
    "png16_grey": lambda i, d, t, x: sixteen_bit_png(np.asarray(i.convert("L"))),
    "png_xmp": _png_xmp,
    "webp": lambda i, d, t, x: _webp(i, t, quality=80 + d.below(15)),
    "webp_lossless": lambda i, d, t, x: _webp(i, t, lossless=True, quality=20),
    "webp_xmp": lambda i, d, t, x: _webp(i, t, quality=88, xmp=x),
}
