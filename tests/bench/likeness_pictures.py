"""Draws pictures and films whose copies are known, for measuring the search for near-duplicates.

Every work of a kind is different from every other one, however alike they look: icons on white,
pages of text, plain textures, transparent drawings, scenes like photographs, and films that have a
black frame in the middle. A copy is one work in another file: saved again, resized, cropped a
little, brightened or marked with an overlay. Which file shows which work is the key; it is made
here and never by the code that is measured.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipelines.demo.scenes.render import draw_scene_spec, render

_SIZE = (320, 240)
_WORDS = "the of and to in is it for as was on are by with that at from not have this".split()
_LETTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_INKS = [(20, 20, 20), (190, 40, 40), (30, 80, 170), (20, 120, 60), (140, 60, 150), (210, 120, 0)]


@cache
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def scene(dice: random.Random) -> Image.Image:
    """A drawn scene, in place of a photograph."""
    return render(draw_scene_spec(dice.getrandbits(40)), *_SIZE)


def icon(dice: random.Random) -> Image.Image:
    """A few shapes in one ink on white, as large as icons are."""
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    radius, ink = dice.choice([20, 30, 50, 80, 110]), dice.choice(_INKS)
    for _ in range(dice.randint(2, 5)):
        _shape(draw, dice, radius, ink)
    return image


def _shape(
    draw: ImageDraw.ImageDraw, dice: random.Random, radius: int, ink: tuple[int, int, int]
) -> None:
    x, y = _SIZE[0] // 2, _SIZE[1] // 2
    points = [
        (x + dice.randint(-radius, radius), y + dice.randint(-radius, radius)) for _ in range(5)
    ]
    (left, top), (right, bottom) = points[0], points[1]
    box = (min(left, right), min(top, bottom), max(left, right) + 3, max(top, bottom) + 3)
    wide = max(2, radius // 6)
    kind = dice.randrange(5)
    if kind == 0:
        draw.ellipse(box, outline=ink, width=wide)
    elif kind == 1:
        draw.ellipse(box, fill=ink)
    elif kind == 2:
        draw.rectangle(box, outline=ink, width=wide)
    elif kind == 3:
        draw.line(points[:4], fill=ink, width=wide)
    else:
        draw.polygon(points[:3], fill=ink)


@cache
def _word(text: str) -> Image.Image:
    image = Image.new("L", (round(_font(10).getlength(text)) + 4, 12))
    ImageDraw.Draw(image).text((0, 0), text, fill=230, font=_font(10))
    return image


def badge(dice: random.Random) -> Image.Image:
    """A disc with two digits or letters, one of a series that differs in nothing else."""
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    radius, ink = 90, dice.choice(_INKS)
    x, y = _SIZE[0] // 2, _SIZE[1] // 2
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
    text = "".join(dice.choice(_LETTERS) for _ in range(2))
    draw.text((x, y), text, fill="white", font=_font(90), anchor="mm")
    return image


def page(dice: random.Random) -> Image.Image:
    """A page of text: the same type, margins and lines on each, but other words."""
    image = Image.new("RGB", (240, 320), "white")
    for top in range(20, 300, 12):
        left = 20
        while left < 190:
            word = _word(dice.choice(_WORDS) + dice.choice(["", "", "ing", "ly", "er"]))
            image.paste((0, 0, 0), (left, top), word)
            left += word.width
    return image


def texture(dice: random.Random) -> Image.Image:
    """A plain surface such as paper, plaster or concrete: grain around one shade."""
    grain = np.random.default_rng(dice.getrandbits(60))
    shade = dice.choice([240, 225, 200, 150, 90])
    fine = grain.standard_normal((_SIZE[1], _SIZE[0]), np.float32) * dice.choice([5, 8, 12])
    coarse = grain.normal(0, dice.choice([2, 4]), (_SIZE[1] // 8, _SIZE[0] // 8))
    pixels = shade + fine + np.kron(coarse, np.ones((8, 8)))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert("RGB")


def transparent(dice: random.Random) -> Image.Image:
    """A white drawing on transparency: on white, as it is shown, there is nothing to see."""
    image = Image.new("RGBA", _SIZE, (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    for _ in range(3):
        left, top = dice.randint(0, 200), dice.randint(0, 140)
        draw.ellipse((left, top, left + dice.randint(20, 100), top + 60), fill="white")
    return image


KINDS: dict[str, Callable[[random.Random], Image.Image]] = {
    "scene": scene,
    "icon": icon,
    "badge": badge,
    "page": page,
    "texture": texture,
}


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    """The picture after it was saved as JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(io.BytesIO(out.getvalue())).convert("RGB")


def _saved_again(image: Image.Image, dice: random.Random) -> Image.Image:
    return jpeg(image, dice.randint(60, 95))


def _resized(image: Image.Image, dice: random.Random) -> Image.Image:
    factor = dice.uniform(0.5, 1.5)
    size = (round(image.width * factor), round(image.height * factor))
    return jpeg(image.resize(size, Image.Resampling.BICUBIC), dice.randint(75, 92))


def _cropped(image: Image.Image, dice: random.Random) -> Image.Image:
    left, top, right, bottom = (dice.uniform(0, 0.02) for _ in range(4))
    box = (
        round(left * image.width),
        round(top * image.height),
        round((1 - right) * image.width),
        round((1 - bottom) * image.height),
    )
    return jpeg(image.crop(box), dice.randint(75, 92))


def _brightened(image: Image.Image, dice: random.Random) -> Image.Image:
    gain, lift = dice.uniform(0.93, 1.05), dice.randint(-8, 8)
    return jpeg(image.point(lambda value: value * gain + lift), dice.randint(75, 92))


def _marked(image: Image.Image, dice: random.Random) -> Image.Image:
    """The picture with a grey text across it, as agencies mark previews."""
    overlay = Image.new("RGBA", image.size, (0, 0, 0, 0))
    font = _font(max(12, image.width // 9))
    grey = (128, 128, 128, dice.randint(40, 80))
    at = (image.width // 12, image.height * 2 // 5)
    ImageDraw.Draw(overlay).text(at, "SAMPLE STOCK", fill=grey, font=font)
    return jpeg(Image.alpha_composite(image.convert("RGBA"), overlay).convert("RGB"), 85)


CHANGES: dict[str, Callable[[Image.Image, random.Random], Image.Image]] = {
    "saved again": _saved_again,
    "resized": _resized,
    "cropped": _cropped,
    "brightened": _brightened,
    "marked": _marked,
}


def film_frames(dice: random.Random) -> list[Image.Image]:
    """The first, middle and last sampled frame of a film whose middle is black."""
    black = Image.new("RGB", _SIZE, (dice.randint(0, 2),) * 3)
    return [scene(dice), black, scene(dice)]
