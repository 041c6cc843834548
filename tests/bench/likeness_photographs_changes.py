"""Changes of works into copies, for the third library of `tests.bench.likeness`."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter


def _saved(image: Image.Image, quality: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(io.BytesIO(out.getvalue())).convert("RGB")


def _recompressed(image: Image.Image, dice: random.Random) -> Image.Image:
    return _saved(_saved(image, dice.randint(40, 90)), dice.randint(60, 90))


def _resized(image: Image.Image, dice: random.Random) -> Image.Image:
    """Smaller or larger, and by up to 3 % wider or higher than before."""
    share, stretch = dice.uniform(0.35, 1.8), dice.uniform(-0.03, 0.03)
    size = (round(image.width * share * (1 + stretch)), round(image.height * share))
    return _saved(image.resize(size, Image.Resampling.BICUBIC), dice.randint(70, 95))


def _cropped(image: Image.Image, dice: random.Random) -> Image.Image:
    """Without 3 to 9 % of its width and of its height."""
    box = []
    for length in image.size:
        cut = dice.uniform(0.03, 0.09) * length
        before = dice.random() * cut
        box.append((round(before), round(length - cut + before)))
    (left, right), (top, bottom) = box
    return _saved(image.crop((left, top, right, bottom)), dice.randint(70, 95))


def _gamma(image: Image.Image, dice: random.Random) -> Image.Image:
    power = dice.uniform(0.8, 1.25)
    table = [round(255 * (value / 255) ** power) for value in range(256)]
    return _saved(image.point(table * 3), dice.randint(70, 95))


def _filtered(image: Image.Image, dice: random.Random) -> Image.Image:
    """Sharpened or softened."""
    if dice.random() < 0.5:
        changed = image.filter(ImageFilter.UnsharpMask(1.5, dice.randint(60, 150)))
    else:
        changed = image.filter(ImageFilter.GaussianBlur(dice.uniform(0.6, 1.2)))
    return _saved(changed, dice.randint(70, 95))


def _few_colours(image: Image.Image, dice: random.Random) -> Image.Image:
    """With a palette, as in GIF."""
    return image.quantize(dice.choice([32, 64, 128])).convert("RGB")


def _grainy(image: Image.Image, dice: random.Random) -> Image.Image:
    grain = np.random.default_rng(dice.getrandbits(60))
    noise = grain.normal(0, dice.uniform(3, 7), (image.height, image.width, 3))
    pixels = (np.asarray(image, np.float64) + noise).clip(0, 255).astype(np.uint8)
    return _saved(Image.fromarray(pixels), dice.randint(70, 95))


def _tinted(image: Image.Image, dice: random.Random) -> Image.Image:
    """More or less colourful, or a little warmer or colder."""
    changed = ImageEnhance.Color(image).enhance(dice.uniform(0.7, 1.3))
    warmth = dice.uniform(-0.04, 0.04)
    gains = (1 + warmth, 1.0, 1 - warmth)
    tables = [min(255, round(value * gain)) for gain in gains for value in range(256)]
    return _saved(changed.point(tables), dice.randint(70, 95))


def _grey(image: Image.Image, dice: random.Random) -> Image.Image:
    return _saved(image.convert("L").convert("RGB"), dice.randint(70, 95))


def _with_logo(image: Image.Image, dice: random.Random) -> Image.Image:
    """With a small sign in a corner."""
    changed = image.copy()
    side = round(0.1 * min(image.size))
    left = round(0.03 * image.width) if dice.random() < 0.5 else round(0.95 * image.width) - side
    top = round(0.95 * image.height) - side
    draw = ImageDraw.Draw(changed)
    draw.ellipse((left, top, left + side, top + side), fill=(250, 250, 250), outline=(60, 60, 60))
    draw.line((left, top + side / 2, left + side, top + side / 2), fill=(60, 60, 60), width=2)
    return _saved(changed, dice.randint(70, 95))


PHOTOGRAPH_CHANGES: dict[str, Callable[[Image.Image, random.Random], Image.Image]] = {
    "recompressed": _recompressed,
    "resized": _resized,
    "cropped": _cropped,
    "gamma": _gamma,
    "filtered": _filtered,
    "few colours": _few_colours,
    "grainy": _grainy,
    "tinted": _tinted,
    "grey": _grey,
    "with logo": _with_logo,
}
