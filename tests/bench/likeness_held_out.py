"""Draws a second library of works and copies, other than the one that thresholds were chosen with.

Shapes, type, textures and changes are others than in `tests.bench.likeness_pictures`. Works come in
sets that are as alike as such sets are: icons of one style, pages of one layout, one product
in several colours, frames of one template, charts with one pair of axes, codes of one size, maps in
one palette, films with one black frame. Works of a set differ in what they show; copies of a work
are the same work, cropped by 5 to 10 % of each side, saved again, resized, brightened, marked,
without colour, or in a border.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.bench.likeness_held_out_parts import Rgb, between, hue, noise, words, write

_SIZE = (360, 240)
_SET = 5  # works of one kind that share a style


def icon(style: random.Random, dice: random.Random) -> Image.Image:
    """A glyph of curves, stars, gears and arrows, in its set's ink, weight and size of canvas."""
    side = style.choice([48, 64, 96, 128, 256])
    ground = style.choice([(255, 255, 255), (250, 244, 230), (32, 36, 44)])
    ink = hue(style, 0.8, 0.95) if sum(ground) < 300 else hue(style, 0.9, 0.5)
    large = Image.new("RGB", (4 * side, 4 * side), ground)
    draw = ImageDraw.Draw(large)
    weight = round(side * style.uniform(0.15, 0.35))
    for _ in range(dice.randint(2, 4)):
        _glyph(draw, dice, 4 * side, weight, ink, ground)
    return large.resize((side, side), Image.Resampling.LANCZOS)


def _glyph(
    draw: ImageDraw.ImageDraw, dice: random.Random, side: int, weight: int, ink: Rgb, ground: Rgb
) -> None:
    x, y = (dice.uniform(0.3, 0.7) * side for _ in range(2))
    radius = dice.uniform(0.1, 0.22) * side
    box = (x - radius, y - radius, x + radius, y + radius)
    kind = dice.randrange(6)
    if kind == 0:  # a star or a gear
        spikes, inner = dice.randint(4, 11), dice.uniform(0.4, 0.8)
        turns = [math.pi * step / spikes for step in range(2 * spikes)]
        radii = [radius * (inner if step % 2 else 1) for step in range(2 * spikes)]
        draw.polygon(
            [(x + r * math.sin(t), y - r * math.cos(t)) for r, t in zip(radii, turns, strict=True)],
            fill=ink,
        )
    elif kind == 1:
        start = dice.randrange(360)
        draw.arc(box, start, start + dice.randint(90, 300), fill=ink, width=weight // 2)
    elif kind == 2:
        draw.rounded_rectangle(box, radius / 3, outline=ink, width=weight // 3)
    elif kind == 3:
        start = dice.randrange(360)
        draw.pieslice(box, start, start + dice.randint(60, 270), fill=ink)
    elif kind == 4:
        draw.ellipse(box, fill=ink)
        hole = radius * dice.uniform(0.3, 0.7)
        draw.ellipse((x - hole, y - hole, x + hole, y + hole), fill=ground)
    else:
        turn = dice.random() * 2 * math.pi
        tip = (x + 1.6 * radius * math.cos(turn), y + 1.6 * radius * math.sin(turn))
        draw.line((2 * x - tip[0], 2 * y - tip[1], *tip), fill=ink, width=weight // 3)
        draw.regular_polygon((*tip, weight / 2), 3, round(-math.degrees(turn)) - 90, fill=ink)


def page(style: random.Random, dice: random.Random) -> Image.Image:
    """A page in two columns with a heading; layout, type and paper are its set's."""
    paper = style.choice([(255, 255, 255), (252, 250, 240), (238, 238, 238)])
    image = Image.new("RGB", (280, 380), paper)
    height, step = style.choice([(7, 11), (9, 13), (11, 16)])
    ink = (style.randint(0, 60),) * 3
    write(image, (20, 16), words(dice, 2), 18, ink)
    for left in (20, 146):
        for top in range(48, 380 - 30, step):
            at = left
            while at < left + 84:
                at += 5 + write(image, (at, top), words(dice, 1)[:7], height, ink)
    return image


def texture(style: random.Random, dice: random.Random) -> Image.Image:
    """Wood, marble, brushed metal or cloth, between its set's two shades."""
    kind, shades = style.randrange(4), (hue(style, 0.3, 0.5), hue(style, 0.2, 0.9))
    width, height = _SIZE
    fine = np.asarray(noise(dice, (width, height), _SIZE), np.float64)
    slow = np.asarray(noise(dice, (9, 6), _SIZE), np.float64)
    down, across = np.mgrid[0:height, 0:width]
    if kind == 0:
        long = np.asarray(noise(dice, (4, 12), _SIZE), np.float64)
        share = 0.5 + 0.4 * np.sin(down / 6 + long / 20) + fine / 1_500
    elif kind == 1:
        share = np.abs(np.sin(slow / 30 + across / 70)) + fine / 2_000
    elif kind == 2:
        share = 0.5 + np.asarray(noise(dice, (3, height), _SIZE)) / 700 + fine / 3_000
    else:
        share = 0.5 + 0.2 * np.sin(across * 0.9) * np.sin(down * 0.9) + fine / 900 + slow / 900
    return between(shades, share)


def product(style: random.Random, dice: random.Random) -> Image.Image:
    """A vessel on a studio background; the works of a set are one vessel in different colours."""
    image = between(
        ((200, 200, 204), (244, 244, 246)),
        np.linspace(1, style.uniform(0, 0.5), _SIZE[1])[:, None] * np.ones((1, _SIZE[0])),
    )
    draw = ImageDraw.Draw(image)
    middle, bottom = 180 + style.randint(-40, 40), 205
    draw.ellipse((middle - 80, bottom - 12, middle + 80, bottom + 14), fill=(185, 185, 190))
    colour = hue(dice, dice.uniform(0.6, 1), dice.uniform(0.3, 0.95))
    half = [style.uniform(18, 62) for _ in range(5)]
    outline = [(half[at], bottom - at * 38) for at in range(5)]
    left = [(middle - wide, y) for wide, y in outline]
    draw.polygon([*left, *((middle + wide, y) for wide, y in reversed(outline))], fill=colour)
    shine = tuple(min(255, channel + 60) for channel in colour)
    draw.line([(x + 8, y) for x, y in left], fill=shine, width=5)
    if style.random() < 0.5:
        draw.arc((middle + 10, 90, middle + 100, 170), 250, 110, fill=colour, width=10)
    return image.filter(ImageFilter.GaussianBlur(0.7))


def landscape(style: random.Random, dice: random.Random) -> Image.Image:
    """Hills in haze under clouds: in place of a photograph."""
    sky, ground = hue(style, 0.4, 0.9), hue(style, 0.6, 0.4)
    clouds = np.asarray(noise(dice, (7, 9), _SIZE), np.float64) / 255
    image = between((sky, (250, 250, 250)), clouds * 1.4 - 0.5)
    grain = np.asarray(noise(dice, (90, 60), _SIZE), np.float64) / 255
    for depth in range(4):
        waves = [(dice.uniform(0.5, 7), dice.uniform(0, 6.3)) for _ in range(4)]
        across = np.arange(_SIZE[0]) / _SIZE[0]
        bends = [22 / (1 + rate) * np.sin(6.3 * rate * across + phase) for rate, phase in waves]
        ridge = 110 + 30 * depth + np.sum(bends, axis=0)
        mask = np.arange(_SIZE[1])[:, None] > ridge[None, :]
        far = tuple(
            round(a + (b - a) * (0.4 + depth / 5)) for a, b in zip(sky, ground, strict=True)
        )
        dark = tuple(round(channel * 0.7) for channel in far)
        hills = between((dark[:3], far[:3]), grain)  # type: ignore[arg-type]
        image.paste(hills, (0, 0), Image.fromarray(mask))
    return image


def template(style: random.Random, dice: random.Random) -> Image.Image:
    """A frame with a band, a picture and a line of text; works differ in picture and text."""
    image = Image.new("RGB", _SIZE, hue(style, 0.5, 0.7))
    at, band = (style.randint(15, 60), style.randint(15, 40)), style.randint(180, 195)
    image.paste(landscape(dice, dice).resize((270, 140)), at)
    ImageDraw.Draw(image).rectangle((0, band, 360, band + 34), fill=hue(style, 0.8, 0.4))
    write(image, (24, band + 8), words(dice, 3), 18, (255, 255, 255))
    return image


def chart(style: random.Random, dice: random.Random) -> Image.Image:
    """Bars or a line between axes; the works of a set differ in their values."""
    image = Image.new("RGB", _SIZE, style.choice([(255, 255, 255), (246, 248, 250)]))
    draw = ImageDraw.Draw(image)
    bars, ink, count = style.random() < 0.5, hue(style, 0.8, 0.7), style.randint(6, 14)
    for top in range(30, 211, 30):
        draw.line((40, top, 340, top), fill=(215, 215, 215))
        write(image, (14, top - 5), str(210 - top), 10, (70, 70, 70))
    values = [dice.randint(32, 205) for _ in range(count)]
    step = 300 / count
    if bars:
        for at, value in enumerate(values):
            draw.rectangle((44 + at * step, value, 36 + (at + 1) * step, 210), fill=ink)
    else:
        draw.line([(40 + at * step, value) for at, value in enumerate(values)], fill=ink, width=3)
    draw.line((40, 20, 40, 210, 340, 210), fill=(40, 40, 40), width=2)
    return image


def code(style: random.Random, dice: random.Random) -> Image.Image:
    """A square code of 25 modules a side with the three finder marks."""
    modules = np.array([dice.getrandbits(1) for _ in range(625)], np.uint8).reshape(25, 25)
    ring = np.pad(np.zeros((3, 3), np.uint8), 1, constant_values=1)
    for top, left in ((0, 0), (0, 18), (18, 0)):
        modules[top : top + 7, left : left + 7] = np.pad(ring, 1)
    size = style.choice([4, 6, 8])
    image = Image.new("RGB", ((25 + 8) * size,) * 2, "white")
    pixels = Image.fromarray(255 * modules).resize((25 * size,) * 2, Image.Resampling.NEAREST)
    image.paste(pixels, (4 * size, 4 * size))
    return image


def street_map(style: random.Random, dice: random.Random) -> Image.Image:
    """Streets, blocks and a river in pale colours."""
    image = Image.new("RGB", _SIZE, (240, 236, 226))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = dice.randint(0, 330), dice.randint(0, 220)
        draw.rectangle(
            (x, y, x + dice.randint(20, 90), y + dice.randint(15, 60)), fill=(206, 230, 196)
        )
    bend = [(at, dice.randint(20, 220)) for at in range(-20, 420, 60)]
    draw.line(bend, fill=(160, 200, 235), width=style.randint(8, 20), joint="curve")
    for width, count, shade in ((2, 26, (255, 255, 255)), (6, 5, (250, 214, 130))):
        for _ in range(count):
            turn, far = dice.random() * math.pi, 500
            x, y = dice.randint(0, 360), dice.randint(0, 240)
            away = (far * math.cos(turn), far * math.sin(turn))
            draw.line((x - away[0], y - away[1], x + away[0], y + away[1]), fill=shade, width=width)
    for _ in range(5):
        write(image, (dice.randint(0, 300), dice.randint(0, 225)), words(dice, 1), 9, (90, 90, 90))
    return image


def drawing(dice: random.Random, ink: str) -> Image.Image:
    """Curves in one ink on transparency; white ones cannot be seen on white."""
    image = Image.new("RGBA", _SIZE, (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    for _ in range(dice.randint(4, 7)):
        points = [(dice.randint(10, 350), dice.randint(10, 230)) for _ in range(4)]
        draw.line(points, fill=ink, width=dice.randint(2, 7), joint="curve")
    return image


_STYLED: dict[str, Callable[[random.Random, random.Random], Image.Image]] = {
    "icon": icon,
    "page": page,
    "texture": texture,
    "product": product,
    "landscape": landscape,
    "template": template,
    "chart": chart,
    "code": code,
    "map": street_map,
}
KINDS = (*_STYLED, "film", "line drawing", "white drawing")


def held_out_work(work: int, dice: random.Random) -> tuple[str, list[Image.Image]]:
    """Returns the kind and the frames of a work."""
    kind = KINDS[work % len(KINDS)]
    style = random.Random(f"held-out style {kind} {work // len(KINDS) // _SET}")
    if kind == "film":
        black = Image.new("RGB", _SIZE, (dice.randint(0, 3),) * 3)
        return kind, [landscape(style, dice), black, landscape(style, dice)]
    if kind in _STYLED:
        return kind, [_STYLED[kind](style, dice)]
    return kind, [drawing(dice, "black" if kind == "line drawing" else "white")]
