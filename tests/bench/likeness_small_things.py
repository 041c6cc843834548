"""Draws a sixth library of works and copies: series in which one small thing differs.

The rules that are there were not chosen with it; one that tells its works apart may be. Works come
as number plates and meters with another digit, a moon or a sign that stands a little elsewhere,
curves and waves of which the parameters differ a little, and photographs.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tests.bench.likeness_held_out_parts import between, hue, noise, words, write
from tests.bench.likeness_photographs import photograph

_SIZE = (420, 300)
_SET = 5  # works of one kind that share a style
_PHOTOGRAPHS = 1_200
_INK = (20, 20, 30)


def plate(style: random.Random, dice: random.Random) -> Image.Image:
    """A number plate with words below it; works of a set differ in one digit."""
    image = Image.new("RGB", (420, style.choice([160, 260])), hue(style, 0.15, 0.98))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(style.randint(26, 70))
    draw.rectangle((0, 0, 40, image.height), fill=hue(style, 0.9, 0.5))
    letters = "".join(style.choice("ABCDEFGHKLMNPRSTUVWX") for _ in range(3))
    digits = [style.randint(0, 9) for _ in range(4)]
    digits[style.randrange(4)] = dice.randint(0, 9)
    number = f"{letters} {''.join(map(str, digits))}"
    draw.text((60, style.randint(10, 60)), number, font=font, fill=_INK)
    write(image, (60, image.height - 40), words(style, 2)[:18], 18, (90, 90, 90))
    return image


def curve(style: random.Random, dice: random.Random) -> Image.Image:
    """A curve that one wheel draws in another; the wheels of a set differ a little."""
    image = Image.new("RGB", _SIZE, hue(style, 0.1, 1))
    wheel = style.uniform(0.2, 0.45) + dice.uniform(-0.004, 0.004)
    pen = wheel * (style.uniform(0.3, 0.9) + dice.uniform(-0.02, 0.02))
    turn = np.linspace(0, 60, 2_400)
    rolled = (1 - wheel) / wheel * turn
    across = 210 + 130 * ((1 - wheel) * np.cos(turn) + pen * np.cos(rolled))
    down = 150 + 130 * ((1 - wheel) * np.sin(turn) - pen * np.sin(rolled))
    points = list(zip(across.tolist(), down.tolist(), strict=True))
    ImageDraw.Draw(image).line(points, fill=hue(style, 0.9, 0.4), width=style.choice([1, 2, 4]))
    return image


def moon(style: random.Random, dice: random.Random) -> Image.Image:
    """One moon over hills, which moved by up to 8 pixels."""
    sky = noise(style, (9, 5), _SIZE).convert("RGB")
    image = Image.blend(sky, Image.new("RGB", _SIZE, hue(style, 0.8, 0.3)), 0.6)
    draw, radius = ImageDraw.Draw(image), style.randint(5, 20)
    x = style.randint(60, 360) + dice.randint(-8, 8)
    y = style.randint(40, 120) + dice.randint(-5, 5)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(250, 248, 230))
    line = [(at, 200 + 20 * math.sin(at / 31) + 10 * math.sin(at / 7)) for at in range(0, 421, 3)]
    draw.polygon([(0, 300), *line, (420, 300)], fill=hue(style, 0.5, 0.25))
    return Image.blend(image, noise(style, _SIZE, _SIZE).convert("RGB"), 0.05)


def waves(style: random.Random, dice: random.Random) -> Image.Image:
    """Waves across one another in a few shades; their lengths differ a little in a set."""
    across, down = np.meshgrid(np.linspace(-1, 1, 420), np.linspace(-0.7, 0.7, 300))
    height = np.zeros_like(across)
    for _ in range(3):
        right, below, start = style.uniform(-9, 9), style.uniform(-9, 9), style.uniform(0, 6.3)
        own = [dice.uniform(-0.12, 0.12) for _ in range(3)]
        height += np.sin((right + own[0]) * across + (below + own[1]) * down + start + own[2])
    shades = np.floor((height + 3) / 6 * style.randint(4, 9)) / 8
    return between((hue(style, 0.8, 0.2), hue(style, 0.5, 1)), shades)


def sign(style: random.Random, dice: random.Random) -> Image.Image:
    """One photograph with a small sign that stands elsewhere."""
    image = photograph(style.randrange(_PHOTOGRAPHS)).resize(_SIZE)
    radius, ink = style.randint(6, 22), hue(style, 0.8, 0.9)
    x = style.randint(60, 360) + dice.randint(-25, 25)
    y = style.randint(60, 240) + dice.randint(-25, 25)
    corners, turn = style.choice([3, 4, 5]), dice.randint(0, 60)
    ImageDraw.Draw(image).regular_polygon((x, y, radius), corners, turn, fill=ink, outline=_INK)
    return image


def meter(style: random.Random, dice: random.Random) -> Image.Image:
    """A meter before a pale photograph; works of a set differ in the last digit."""
    behind = photograph(style.randrange(_PHOTOGRAPHS)).resize(_SIZE)
    image = Image.blend(behind, Image.new("RGB", _SIZE, hue(style, 0.3, 0.9)), 0.5)
    draw = ImageDraw.Draw(image)
    draw.rectangle((120, 80, 300, 160), fill=(30, 30, 30))
    digits = [*(style.randint(0, 9) for _ in range(4)), dice.randint(0, 9)]
    font = ImageFont.load_default(style.randint(18, 44))
    draw.text((135, 95), "".join(map(str, digits)), font=font, fill=(240, 240, 230))
    return image


_STYLED: dict[str, Callable[[random.Random, random.Random], Image.Image]] = {
    "plate": plate,
    "curve": curve,
    "moon": moon,
    "waves": waves,
    "sign": sign,
    "meter": meter,
}
_KINDS = (*_STYLED, "photograph", "photograph", "empty")


def small_things_work(work: int, dice: random.Random) -> tuple[str, list[Image.Image]]:
    """Returns the kind and the frames of a work."""
    turn, place = divmod(work, len(_KINDS))
    kind = _KINDS[place]
    if kind == "photograph":
        return kind, [photograph(2 * turn + place).resize(_SIZE)]
    if kind == "empty":
        return kind, [Image.new("RGB", _SIZE, (dice.randint(0, 255),) * 3)]
    return kind, [_STYLED[kind](random.Random(f"small things {kind} {turn // _SET}"), dice)]
