"""Type, colours and noise for the second library of `tests.bench.likeness`."""

from __future__ import annotations

import colorsys
import math
import random
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

_SYLLABLES = "ba ren to lum ix qua fer no sti del mo ra gu pen val or chi zet".split()
Rgb = tuple[int, int, int]


def hue(dice: random.Random, saturation: float, value: float) -> Rgb:
    red, green, blue = colorsys.hsv_to_rgb(dice.random(), saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


@cache
def text(words: str, height: int) -> Image.Image:
    """Words in the old bitmap type, scaled to a height, as a mask."""
    font = ImageFont.load_default_imagefont()
    left, top, right, bottom = font.getbbox(words)
    mask = Image.new("L", (max(1, math.ceil(right - left)), max(1, math.ceil(bottom - top))))
    ImageDraw.Draw(mask).text((0, 0), words, fill=255, font=font)
    width = max(1, round(mask.width * height / mask.height))
    return mask.resize((width, height), Image.Resampling.BICUBIC)


def write(image: Image.Image, at: tuple[int, int], words: str, height: int, ink: Rgb) -> int:
    mask = text(words, height)
    image.paste(ink, at, mask)
    return mask.width


def words(dice: random.Random, count: int) -> str:
    return " ".join(
        "".join(dice.choice(_SYLLABLES) for _ in range(dice.randint(1, 3))) for _ in range(count)
    )


def noise(dice: random.Random, cells: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """Smooth noise from so many cells across and down, as large as `size`, from 0 to 255."""
    grain = np.random.default_rng(dice.getrandbits(60))
    values = grain.integers(0, 256, (cells[1], cells[0]), np.uint8)
    return Image.fromarray(values).resize(size, Image.Resampling.BICUBIC)


def between(shades: tuple[Rgb, Rgb], share: npt.NDArray[np.float64]) -> Image.Image:
    low, high = (np.array(shade, np.float64) for shade in shades)
    pixels = low + np.clip(share, 0, 1)[:, :, None] * (high - low)
    return Image.fromarray(pixels.astype(np.uint8))
