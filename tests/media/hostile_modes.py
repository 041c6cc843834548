"""Pictures in every form that loaders of training code are known to show in different ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from pipelines.demo.scenes.icc import srgb_profile, wide_profile
from pipelines.media.formats import Format
from tests.media.media_samples import PILLOW_NAMES, encode, picture, png16

_SIZE = (192, 144)


def hostile_modes(seed: int = 0) -> Iterator[tuple[str, Format, bytes, bool]]:
    """Yields name, format and bytes of each picture, and whether plain decoding shows another."""
    base = picture(*_SIZE, seed=seed)
    clear, opaque = _with_alpha(base, 0), _with_alpha(base, 255)
    grey = np.asarray(base.convert("L"))
    palette = base.convert("P", palette=Image.Palette.ADAPTIVE)
    shallow = base.convert("RGB").quantize(64)
    yield "rgb", "png", encode(base, "PNG"), False
    yield "grey", "jpg", encode(base.convert("L"), "JPEG", quality=92), False
    yield "ycc", "jpg", encode(base, "JPEG", quality=92), False
    yield "bilevel", "png", encode(base.convert("1"), "PNG"), False
    yield "palette", "png", encode(palette, "PNG"), False
    yield "palette_clear", "png", encode(shallow, "PNG", transparency=5), True
    yield "palette_alpha", "png", encode(shallow, "PNG", transparency=bytes(range(64))), True
    yield "rgb_key", "png", encode(_keyed(base), "PNG", transparency=(10, 20, 30)), True
    formats: tuple[Format, ...] = ("png", "webp", "tif")
    for fmt in formats:
        options: dict[str, Any] = {"lossless": True, "exact": True} if fmt == "webp" else {}
        kind, is_tiff = PILLOW_NAMES[fmt], fmt == "tif"
        yield f"rgba_{fmt}", fmt, encode(clear, kind, **options), True
        yield f"rgba_opaque_{fmt}", fmt, encode(opaque, kind, **options), is_tiff
    yield "la", "png", encode(clear.convert("LA"), "PNG"), True
    yield "grey16", "png", png16(grey.astype(np.uint16) * 257), True
    yield "cmyk", "jpg", encode(base.convert("CMYK"), "JPEG", quality=92), True
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = encode(base, "JPEG", quality=92, exif=exif.tobytes())
        yield f"orientation_{orientation}", "jpg", turned, orientation != 1
    yield "srgb", "jpg", encode(base, "JPEG", quality=92, icc_profile=srgb_profile()), False
    yield "wide_jpg", "jpg", encode(base, "JPEG", icc_profile=wide_profile()), True
    yield "wide_png", "png", encode(base, "PNG", icc_profile=wide_profile()), True
    frames = [picture(*_SIZE, seed=seed + number) for number in range(3)]
    moving: dict[str, Any] = {
        "save_all": True,
        "append_images": frames[1:],
        "duration": 100,
        "lossless": True,
    }
    yield "animated", "webp", encode(frames[0], "WEBP", **moving), False
    layered = [_with_alpha(frame, 0) for frame in frames]
    moving["append_images"] = layered[1:]
    yield "animated_alpha", "webp", encode(layered[0], "WEBP", **moving), True
    yield "gif", "gif", encode(palette, "GIF"), True
    yield "avif", "avif", encode(base, "AVIF", quality=90), True


def _with_alpha(image: Image.Image, least: int) -> Image.Image:
    """Returns the picture with a ramp of transparency, of which the colours below stay."""
    width, height = image.size
    ramp = np.linspace(least, 255, width).round().astype(np.uint8)
    layered = image.convert("RGBA")
    layered.putalpha(Image.fromarray(np.tile(ramp, (height, 1))))
    return layered


def _keyed(image: Image.Image) -> Image.Image:
    """Returns the picture with a corner in one colour, for a PNG that calls it transparent."""
    keyed = image.copy()
    keyed.paste((10, 20, 30), (0, 0, 40, 40))
    return keyed
