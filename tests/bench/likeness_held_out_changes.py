"""Changes of works into copies, for the second library of `tests.bench.likeness`."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps


def _saved(image: Image.Image, file_format: str, quality: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, file_format, quality=quality)
    return Image.open(io.BytesIO(out.getvalue())).convert("RGB")


def _recompressed(image: Image.Image, dice: random.Random) -> Image.Image:
    return _saved(image, dice.choice(["JPEG", "WEBP"]), dice.randint(45, 92))


def _resized(image: Image.Image, dice: random.Random) -> Image.Image:
    share = dice.uniform(0.4, 1.6)
    size = (max(16, round(image.width * share)), max(16, round(image.height * share)))
    method = dice.choice([Image.Resampling.LANCZOS, Image.Resampling.BILINEAR])
    return _saved(image.resize(size, method), "JPEG", dice.randint(70, 95))


def _cropped(image: Image.Image, dice: random.Random) -> Image.Image:
    """Without 5 to 10 % of its width and of its height, cut from the two sides of each."""
    box = []
    for length in image.size:
        cut = dice.uniform(0.05, 0.10) * length
        before = dice.random() * cut
        box.append((round(before), round(length - cut + before)))
    (left, right), (top, bottom) = box
    return _saved(image.crop((left, top, right, bottom)), "JPEG", dice.randint(70, 95))


def _brightened(image: Image.Image, dice: random.Random) -> Image.Image:
    brighter = ImageEnhance.Brightness(image).enhance(dice.uniform(0.9, 1.1))
    changed = ImageEnhance.Contrast(brighter).enhance(dice.uniform(0.92, 1.08))
    return _saved(changed, "JPEG", dice.randint(70, 95))


def _watermarked(image: Image.Image, dice: random.Random) -> Image.Image:
    """With a pale name, repeated along a diagonal."""
    overlay = Image.new("RGBA", image.size, (255, 255, 255, 0))
    draw, font = ImageDraw.Draw(overlay), ImageFont.load_default(max(8, image.width // 14))
    shade = dice.choice([(255, 255, 255), (90, 90, 90)])
    for step in range(3):
        at = (image.width * (0.05 + step * 0.28), image.height * (0.1 + step * 0.3))
        draw.text(at, "agency", fill=(*shade, dice.randint(40, 90)), font=font)
    marked = Image.alpha_composite(image.convert("RGBA"), overlay).convert("RGB")
    return _saved(marked, "JPEG", dice.randint(70, 95))


def _without_colour(image: Image.Image, dice: random.Random) -> Image.Image:
    return _saved(image.convert("L").convert("RGB"), "JPEG", dice.randint(70, 95))


def _bordered(image: Image.Image, dice: random.Random) -> Image.Image:
    """In a frame of one shade, 2 to 6 % of the picture wide."""
    wide = max(2, round(dice.uniform(0.02, 0.06) * max(image.size)))
    shade = dice.choice([(255, 255, 255), (0, 0, 0), (30, 60, 110)])
    return _saved(ImageOps.expand(image, wide, shade), "JPEG", dice.randint(70, 95))


HELD_OUT_CHANGES: dict[str, Callable[[Image.Image, random.Random], Image.Image]] = {
    "recompressed": _recompressed,
    "resized": _resized,
    "cropped": _cropped,
    "brightened": _brightened,
    "watermarked": _watermarked,
    "grey": _without_colour,
    "bordered": _bordered,
}
