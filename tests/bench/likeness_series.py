"""Draws a fifth library of works and copies, which no rule was chosen with.

It was drawn before the rules were changed for the fourth time and is looked at when they are done.
Works come in series in which little differs: posters with one photograph and other words, faces
with other expressions, rooms with other furniture, streets with a pin elsewhere, hills at another
hour, playing cards, codes, knitting, price tags, graphs and fractals. Others are photographs.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.bench.likeness_held_out_parts import Rgb, between, hue, noise, words, write
from tests.bench.likeness_photographs import photograph

_SIZE = (400, 300)
_SET = 5  # works of one kind that share a style
_INK = (24, 24, 30)


def poster(style: random.Random, dice: random.Random) -> Image.Image:
    """One photograph with another title on a band."""
    image = photograph(style.randrange(1_200)).resize(_SIZE)
    top = style.choice([20, 200])
    ImageDraw.Draw(image).rectangle((0, top, 400, top + 70), fill=hue(style, 0.7, 0.4))
    write(image, (20, top + 14), words(dice, 2)[:16], 40, (250, 250, 250))
    return image


def face(style: random.Random, dice: random.Random) -> Image.Image:
    """A round face with its set's colours and another expression."""
    image = Image.new("RGB", (300, 300), style.choice([(255, 255, 255), (220, 235, 250)]))
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 20, 280, 280), fill=hue(style, 0.6, 0.95), outline=_INK, width=5)
    for x in (100, 200):
        high, look = dice.randint(8, 26), dice.randint(-10, 10)
        draw.ellipse((x - 18, 120 - high, x + 18, 120 + high), fill="white", outline=_INK, width=3)
        draw.ellipse((x + look - 7, 113, x + look + 7, 127), fill=_INK)
        tilt = dice.randint(-14, 14)
        draw.line((x - 24, 80 + tilt, x + 24, 80 - tilt), fill=_INK, width=6)
    mouth = dice.choice([(20, 160), (200, 340), (0, 180)])
    draw.arc((90, 150 + dice.randint(0, 30), 210, 240), *mouth, fill=_INK, width=7)
    return image


def room(style: random.Random, dice: random.Random) -> Image.Image:
    """A room of one series, with other furniture in its places and a lamp that is on or off."""
    image = Image.new("RGB", _SIZE, hue(style, 0.15, 0.9))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 210, 400, 300), fill=hue(style, 0.4, 0.55))
    draw.rectangle((40, 30, 150, 130), fill=(190, 220, 245), outline="white", width=6)
    for place in (50, 170, 290):
        wide, high = dice.randint(50, 95), dice.randint(30, 95)
        box = (place, 240 - high, place + wide, 245)
        shape = dice.choice([draw.rectangle, draw.ellipse])
        shape(box, fill=hue(dice, 0.5, dice.uniform(0.3, 0.9)), outline=_INK)
    lamp = (255, 250, 190) if dice.random() < 0.5 else (150, 150, 150)
    draw.polygon(((270, 50), (330, 50), (345, 95), (255, 95)), fill=lamp, outline=_INK)
    return image


def streets(style: random.Random, dice: random.Random) -> Image.Image:
    """One map of streets, with a pin elsewhere."""
    image = Image.new("RGB", _SIZE, (238, 236, 228))
    draw = ImageDraw.Draw(image)
    for _ in range(22):
        ends = [(style.randint(-40, 440), style.randint(-40, 340)) for _ in range(2)]
        draw.line(ends, fill=style.choice([(255, 255, 255), (250, 220, 150)]), width=9)
    for _ in range(5):
        x, y = style.randint(0, 400), style.randint(0, 300)
        draw.ellipse((x - 30, y - 20, x + 30, y + 20), fill=(200, 225, 190))
    x, y = dice.randint(40, 360), dice.randint(60, 280)
    draw.polygon(((x, y), (x - 14, y - 30), (x + 14, y - 30)), fill=(210, 40, 40))
    draw.ellipse((x - 15, y - 46, x + 15, y - 16), fill=(210, 40, 40))
    draw.ellipse((x - 6, y - 37, x + 6, y - 25), fill="white")
    return image


def hills(style: random.Random, dice: random.Random) -> Image.Image:
    """One line of hills at another hour: sun, sky and light differ."""
    hour = dice.random()
    warm: tuple[Rgb, Rgb] = ((235, 150 + round(60 * hour), 110), (70, 110, 160 + round(80 * hour)))
    image = between(warm, np.linspace(1, 0, 300)[:, None] * np.ones((1, 400)))
    draw = ImageDraw.Draw(image)
    x, y = 60 + round(280 * hour), 60 + round(300 * (hour - 0.5) ** 2)
    draw.ellipse((x - 18, y - 18, x + 18, y + 18), fill=(255, 245, 200))
    light = 0.6 + 0.4 * hour
    for layer in range(4):
        base, waves, shift = 150 + 40 * layer, style.randint(2, 7), style.random() * 6
        line = [
            (at, base + 18 * math.sin(waves * at / 60 + shift) + 9 * math.sin(at / 13 + shift))
            for at in range(0, 401, 4)
        ]
        red, green, blue = hue(style, 0.5, 0.75 - 0.12 * layer)
        shade = (round(red * light), round(green * light), round(blue * light))
        draw.polygon([(0, 300), *line, (400, 300)], fill=shade)
    grain = noise(style, (400, 300), _SIZE).convert("RGB")
    return Image.blend(image, grain, 0.08)


def card(style: random.Random, dice: random.Random) -> Image.Image:
    """A playing card: one suit and type face in a set, other numbers."""
    image = Image.new("RGB", (220, 320), "white")
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((3, 3, 216, 316), 16, outline=(120, 120, 120), width=2)
    ink = style.choice([(190, 20, 30), (20, 20, 20)])
    sides, number = style.choice([3, 4, 6]), dice.randint(1, 24)
    write(image, (12, 12), str(number), 30, ink)
    write(image, (180, 276), str(number), 30, ink)
    for at in range(number):
        column, row = at % 4, at // 4
        draw.regular_polygon((50 + 40 * column, 70 + 36 * row, 14), sides, fill=ink)
    return image


def code(style: random.Random, dice: random.Random) -> Image.Image:
    """A square code of dots with three corner marks; works of a set differ in their dots."""
    side = style.choice([21, 25, 29])
    dots = np.random.default_rng(dice.getrandbits(60)).random((side, side)) < 0.5
    for top, left in ((0, 0), (0, side - 7), (side - 7, 0)):
        dots[top : top + 7, left : left + 7] = True
        dots[top + 1 : top + 6, left + 1 : left + 6] = False
        dots[top + 2 : top + 5, left + 2 : left + 5] = True
    large = Image.fromarray(np.where(dots, 0, 255).astype(np.uint8)).resize((10 * side,) * 2, 0)
    image = Image.new("RGB", (10 * side + 60,) * 2, "white")
    image.paste(large, (30, 30))
    return image


def knitting(style: random.Random, dice: random.Random) -> Image.Image:
    """A knitted pattern in its set's two wools; works differ in some rows of it."""
    rows = np.random.default_rng(style.getrandbits(60)).random((30, 10)) < 0.5
    other = np.random.default_rng(dice.getrandbits(60)).random((30, 10)) < 0.5
    first = dice.randrange(20)
    rows[first : first + 10] = other[first : first + 10]
    mesh = np.kron(np.tile(np.hstack([rows, rows[:, ::-1]]), (1, 2)), np.ones((10, 10)))
    slant = (np.arange(300)[:, None] + np.abs(np.arange(400) % 10 - 5)) % 10 / 10
    shades = (hue(style, 0.7, 0.5), hue(style, 0.4, 0.9))
    return between(shades, 0.8 * mesh + 0.15 * slant).filter(ImageFilter.GaussianBlur(0.7))


def price(style: random.Random, dice: random.Random) -> Image.Image:
    """A tag of one series, with another price and the same words."""
    image = Image.new("RGB", (360, 240), hue(style, 0.2, 1))
    draw = ImageDraw.Draw(image)
    ink, middle = hue(style, 0.9, 0.7), (180, 120, style.randint(90, 115))
    draw.regular_polygon(middle, style.choice([8, 12, 16]), fill=ink)
    write(image, (120, 60), words(style, 1)[:8], 22, (255, 255, 255))
    write(image, (122, 100), f"-{dice.randint(10, 90)}%", 48, (255, 255, 255))
    return image


def graph(style: random.Random, dice: random.Random) -> Image.Image:
    """Points of one series, joined otherwise in each work."""
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    points = [(style.randint(30, 370), style.randint(30, 270)) for _ in range(14)]
    for _ in range(16):
        draw.line(dice.sample(points, 2), fill=(110, 110, 120), width=3)
    for x, y in points:
        draw.ellipse((x - 13, y - 13, x + 13, y + 13), fill=hue(style, 0.6, 0.9), outline=_INK)
    return image


def fractal(style: random.Random, dice: random.Random) -> Image.Image:
    """A Julia set near that of its series."""
    turn = style.random() * 6.28
    place = 0.7885 * complex(math.cos(turn), math.sin(turn))
    place += complex(dice.uniform(-0.03, 0.03), dice.uniform(-0.03, 0.03))
    across, down = np.meshgrid(np.linspace(-1.5, 1.5, 240), np.linspace(-1.1, 1.1, 180))
    at = across + 1j * down
    steps = np.zeros(at.shape)
    for _ in range(40):
        inside = np.abs(at) < 4
        at = np.where(inside, at * at + place, at)
        steps += inside
    return between((hue(style, 0.8, 0.2), hue(style, 0.4, 1)), (steps / 40) ** 0.6).resize(_SIZE)


_STYLED: dict[str, Callable[[random.Random, random.Random], Image.Image]] = {
    "poster": poster,
    "face": face,
    "room": room,
    "streets": streets,
    "hills": hills,
    "card": card,
    "code": code,
    "knitting": knitting,
    "price": price,
    "graph": graph,
    "fractal": fractal,
}
_KINDS = ("photograph", "photograph", "photograph", *_STYLED, "empty")


def series_work(work: int, dice: random.Random) -> tuple[str, list[Image.Image]]:
    """Returns the kind and the frames of a work."""
    turn, place = divmod(work, len(_KINDS))
    kind = _KINDS[place]
    if kind == "photograph":
        return kind, [photograph(3 * turn + place).resize(_SIZE)]
    if kind == "empty":
        return kind, [Image.new("RGB", _SIZE, (dice.randint(0, 255),) * 3)]
    return kind, [_STYLED[kind](random.Random(f"series style {kind} {turn // _SET}"), dice)]
