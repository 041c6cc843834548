"""Changes of works into copies, for the fifth library of `tests.bench.likeness`."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps


def _saved(image: Image.Image, kind: str, quality: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, kind, quality=quality)
    return Image.open(io.BytesIO(out.getvalue())).convert("RGB")


def _jpeg(image: Image.Image, dice: random.Random) -> Image.Image:
    return _saved(image, "JPEG", dice.randint(65, 95))


def _preview(image: Image.Image, dice: random.Random) -> Image.Image:
    """As a small preview."""
    share = dice.uniform(0.25, 0.45)
    size = (round(image.width * share), round(image.height * share))
    return _jpeg(image.resize(size, Image.Resampling.BOX), dice)


def _webp(image: Image.Image, dice: random.Random) -> Image.Image:
    return _saved(image, "WEBP", dice.randint(20, 60))


def _letterboxed(image: Image.Image, dice: random.Random) -> Image.Image:
    """With black bars at two sides, so that it has another shape."""
    wide, shade = round(dice.uniform(0.03, 0.12) * image.height), dice.choice(["black", "white"])
    border = (0, wide) if dice.random() < 0.5 else (wide, 0)
    return _jpeg(ImageOps.expand(image, border, shade), dice)


def _framed(image: Image.Image, dice: random.Random) -> Image.Image:
    """With a thin dark line and a broad pale frame."""
    wide = round(dice.uniform(0.02, 0.06) * min(image.size))
    inner = ImageOps.expand(image, max(1, wide // 4), (40, 30, 20))
    return _jpeg(
        ImageOps.expand(inner, wide, dice.choice([(255, 255, 255), (225, 215, 195)])), dice
    )


def _cut_at_one_side(image: Image.Image, dice: random.Random) -> Image.Image:
    cut, box = dice.uniform(0.03, 0.08), [0, 0, *image.size]
    side = dice.randrange(4)
    length = round(cut * image.size[side % 2])
    box[side] += length if side < 2 else -length
    return _jpeg(image.crop((box[0], box[1], box[2], box[3])), dice)


def _signed(image: Image.Image, dice: random.Random) -> Image.Image:
    """With a name on a plate in a corner."""
    changed = image.copy()
    draw, font = ImageDraw.Draw(changed), ImageFont.load_default(max(8, image.width // 24))
    name = dice.choice(["Harbour Pictures", "(c) Lindner", "stock/99"])
    left, _, right, bottom = draw.textbbox((0, 0), name, font=font)
    wide, high = right - left + 6, bottom + 4
    x = 0 if dice.random() < 0.5 else image.width - wide
    y = 0 if dice.random() < 0.3 else image.height - high
    draw.rectangle((x, y, x + wide, y + high), fill=dice.choice(["black", "white"]))
    draw.text((x + 3, y), name, fill=(128, 128, 128), font=font)
    return _jpeg(changed, dice)


def _faded(image: Image.Image, dice: random.Random) -> Image.Image:
    """With less colour and blacks that are grey."""
    pale = ImageEnhance.Color(image).enhance(dice.uniform(0.6, 0.85))
    low = dice.uniform(8, 30)
    return _jpeg(pale.point(lambda value: round(low + value * (245 - low) / 255)), dice)


def _turned(image: Image.Image, dice: random.Random) -> Image.Image:
    """Straightened by about a degree, without the corners that this leaves."""
    angle = dice.choice([-1, 1]) * dice.uniform(0.4, 1.2)
    changed = image.rotate(angle, Image.Resampling.BICUBIC)
    left, top = (round(0.022 * side) for side in image.size)
    return _jpeg(changed.crop((left, top, image.width - left, image.height - top)), dice)


def _vignette(image: Image.Image, dice: random.Random) -> Image.Image:
    across, down = np.meshgrid(np.linspace(-1, 1, image.width), np.linspace(-1, 1, image.height))
    share = 1 - dice.uniform(0.1, 0.3) * (across**2 + down**2) / 2
    pixels = (np.asarray(image) * share[:, :, None]).astype(np.uint8)
    return _jpeg(Image.fromarray(pixels), dice)


def _denoised(image: Image.Image, dice: random.Random) -> Image.Image:
    return _jpeg(image.filter(ImageFilter.MedianFilter(3)), dice)


def _brightened(image: Image.Image, dice: random.Random) -> Image.Image:
    gain, offset = dice.uniform(0.88, 1.12), dice.uniform(-12, 12)
    return _jpeg(image.point(lambda value: round(value * gain + offset)), dice)


SERIES_CHANGES: dict[str, Callable[[Image.Image, random.Random], Image.Image]] = {
    "preview": _preview,
    "webp": _webp,
    "letterboxed": _letterboxed,
    "framed": _framed,
    "cut at one side": _cut_at_one_side,
    "signed": _signed,
    "faded": _faded,
    "turned": _turned,
    "vignette": _vignette,
    "denoised": _denoised,
    "brightened": _brightened,
}
