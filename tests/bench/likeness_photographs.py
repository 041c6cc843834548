"""Draws a third library of works and copies, of real photographs, that no rule was chosen with.

Works are parts of the photographs that scikit-image and scikit-learn bring, turned or mirrored;
series of one shoot, in which what is in front has moved before what is behind; and layouts in sets
as alike as such sets are: pie charts, tables, boards with pieces, flags, patterns, scores and
windows. Works of a set differ in what they show; copies of a work are the same work in another
file.
"""

from __future__ import annotations

import importlib.util
import math
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from tests.bench.likeness_held_out_parts import Rgb, hue, words, write

_SIZE = (320, 240)
_SET = 5  # works of one kind that share a style
_PARTS = 3  # of a photograph's side; each is a work of its own
_TURNS = 8  # turned and mirrored
_PHOTOGRAPHS = (
    *(
        "coffee.png",
        "camera.png",
        "astronaut.png",
        "gravel.png",
        "brick.png",
        "motorcycle_left.png",
    ),
    *("hubble_deep_field.jpg", "moon.png", "grass.png", "retina.jpg", "ihc.png", "rocket.jpg"),
    *("chelsea.png", "coins.png", "cell.png", "flower.jpg", "china.jpg"),
)


@cache
def _photograph(name: str) -> Image.Image:
    for package, folder in (("skimage", "data"), ("sklearn", "datasets/images")):
        found = importlib.util.find_spec(package)
        if found is not None and found.submodule_search_locations:
            path = Path(found.submodule_search_locations[0]) / folder / name
            if path.exists():
                with Image.open(path) as image:
                    return image.convert("RGB")
    raise SystemExit(f"{name} is missing: install scikit-image and scikit-learn, which bring it")


def _part(name: str, row: int, column: int) -> Image.Image:
    image = _photograph(name)
    wide, high = image.width / _PARTS, image.height / _PARTS
    box = (column * wide, row * high, (column + 1) * wide, (row + 1) * high)
    return image.resize(_SIZE, Image.Resampling.LANCZOS, box)


def photograph(number: int) -> Image.Image:
    """Returns a part of a photograph, another one for each number: some 1,200 in all."""
    number, name = divmod(number, len(_PHOTOGRAPHS))
    number, place = divmod(number, _PARTS**2)
    turn = number % _TURNS
    image = _part(_PHOTOGRAPHS[name], *divmod(place, _PARTS))
    if turn % 2:
        image = ImageOps.mirror(image)
    return image.rotate(90 * (turn // 2), expand=True)


def shoot(style: random.Random, dice: random.Random) -> Image.Image:
    """One place and one thing before it, which stands elsewhere in each work, in other light."""
    behind, before = (
        _part(style.choice(_PHOTOGRAPHS), style.randrange(_PARTS), style.randrange(_PARTS))
        for _ in range(2)
    )
    moved = [dice.uniform(-0.03, 0.03) * side for side in _SIZE]
    image = behind.transform(
        _SIZE,
        Image.Transform.AFFINE,
        (0.94, 0, 0.03 * _SIZE[0] + moved[0], 0, 0.94, 0.03 * _SIZE[1] + moved[1]),
        Image.Resampling.BICUBIC,
    )
    width, height = style.randint(70, 150), style.randint(90, 170)
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).ellipse((2, 2, width - 3, height - 3), fill=255)
    thing = before.resize((width, height), Image.Resampling.LANCZOS)
    at = (dice.randint(0, _SIZE[0] - width), dice.randint(0, _SIZE[1] - height))
    image.paste(thing, at, mask.filter(ImageFilter.GaussianBlur(1)))
    gain = dice.uniform(0.95, 1.05)
    return image.point(lambda value: value * gain)


def pie(style: random.Random, dice: random.Random) -> Image.Image:
    """A pie chart with a legend; the works of a set differ in their shares."""
    image = Image.new("RGB", _SIZE, style.choice([(255, 255, 255), (240, 244, 250)]))
    draw = ImageDraw.Draw(image)
    inks = [hue(style, 0.6, 0.8) for _ in range(style.randint(3, 6))]
    shares = [dice.uniform(0.3, 2) for _ in inks]
    start = -90.0
    for at, (ink, share) in enumerate(zip(inks, shares, strict=True)):
        end = start + 360 * share / sum(shares)
        draw.pieslice((20, 30, 200, 210), start, end, fill=ink, outline="white")
        draw.rectangle((225, 60 + 22 * at, 237, 72 + 22 * at), fill=ink)
        write(image, (243, 60 + 22 * at), f"{round(100 * share / sum(shares))} %", 12, (40, 40, 40))
        start = end
    return image


def table(style: random.Random, dice: random.Random) -> Image.Image:
    """A table with a ruled grid; the works of a set have one head and other numbers."""
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    columns, rows = style.randint(3, 5), style.randint(6, 10)
    wide, high = 300 // columns, 220 // rows
    draw.rectangle((10, 10, 10 + wide * columns, 10 + high), fill=hue(style, 0.4, 0.8))
    for row in range(rows):
        for column in range(columns):
            text = words(style, 1) if not row else str(dice.randint(10, 9_999))
            left, top = 10 + column * wide, 10 + row * high
            draw.rectangle((left, top, left + wide, top + high), outline=(150, 150, 150))
            write(image, (left + 4, top + 4), text, 11, (20, 20, 20))
    return image


def board(style: random.Random, dice: random.Random) -> Image.Image:
    """A board of 8 x 8 fields with pieces; the works of a set are positions of one game."""
    light, dark = hue(style, 0.15, 0.95), hue(style, 0.5, 0.6)
    image = Image.new("RGB", (240, 240), light)
    draw = ImageDraw.Draw(image)
    for field in range(64):
        row, column = divmod(field, 8)
        box = (30 * column, 30 * row, 30 * column + 29, 30 * row + 29)
        if (row + column) % 2:
            draw.rectangle(box, fill=dark)
    taken = dice.sample(range(64), 12)
    for at, field in enumerate(taken):
        row, column = divmod(field, 8)
        x, y = 30 * column + 15, 30 * row + 15
        ink: Rgb = (245, 245, 245) if at % 2 else (25, 25, 25)
        if at % 3:
            draw.ellipse((x - 9, y - 9, x + 9, y + 9), fill=ink, outline=(120, 120, 120))
        else:
            draw.polygon(((x, y - 11), (x - 10, y + 10), (x + 10, y + 10)), fill=ink)
    return image


def flag(style: random.Random, dice: random.Random) -> Image.Image:
    """Stripes and a mark; the works of a set have one layout in other colours."""
    image = Image.new("RGB", _SIZE)
    draw = ImageDraw.Draw(image)
    stripes, down = style.randint(2, 5), style.random() < 0.5
    length = _SIZE[down] / stripes
    for at in range(stripes):
        span = (round(at * length), round((at + 1) * length))
        box = (0, span[0], _SIZE[0], span[1]) if down else (span[0], 0, span[1], _SIZE[1])
        draw.rectangle(box, fill=hue(dice, dice.uniform(0.4, 1), dice.uniform(0.4, 1)))
    x, y, radius = style.randint(60, 260), style.randint(60, 180), style.randint(20, 50)
    draw.regular_polygon((x, y, radius), style.randint(3, 8), fill=hue(dice, 0.8, 0.9))
    return image


def pattern(style: random.Random, dice: random.Random) -> Image.Image:
    """One motif repeated over a cloth; the works of a set differ in step, size and slant."""
    ground, ink = hue(style, 0.3, 0.9), hue(style, 0.7, 0.6)
    image = Image.new("RGB", _SIZE, ground)
    draw = ImageDraw.Draw(image)
    step, size, slant = dice.randint(22, 56), dice.uniform(0.2, 0.42), dice.uniform(-0.5, 0.5)
    sides = style.choice([0, 3, 4, 6])
    for row in range(-2, _SIZE[1] // step + 3):
        for column in range(-12, _SIZE[0] // step + 13):
            x, y = (column + row * slant) * step, row * step
            if sides:
                draw.regular_polygon((x, y, size * step), sides, fill=ink)
            else:
                reach = size * step
                draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=ink)
    return image


def score(style: random.Random, dice: random.Random) -> Image.Image:
    """Staves with notes, on a page of one layout."""
    image = Image.new("RGB", (260, 340), style.choice([(255, 255, 255), (250, 246, 232)]))
    draw = ImageDraw.Draw(image)
    step, ink = style.choice([4, 5]), (15, 15, 15)
    for top in range(30, 300, style.choice([50, 58])):
        for line in range(5):
            draw.line((15, top + line * step, 245, top + line * step), fill=ink)
        at = 28
        while at < 236:
            y = top + dice.randint(-1, 9) * step / 2
            draw.ellipse((at - 3, y - 2, at + 3, y + 2), fill=ink if dice.random() < 0.7 else None)
            draw.line((at + 3, y, at + 3, y - 4 * step), fill=ink)
            at += dice.choice([9, 14, 22])
    return image


def window(style: random.Random, dice: random.Random) -> Image.Image:
    """A window of a program with menus, buttons and a list; works differ in what is listed."""
    image = Image.new("RGB", _SIZE, (236, 236, 240))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 320, 18), fill=hue(style, 0.6, 0.5))
    write(image, (8, 4), words(style, 3), 11, (255, 255, 255))
    draw.rectangle((8, 30, 90, 232), fill=(222, 224, 230))
    for at in range(style.randint(4, 9)):
        write(image, (14, 38 + 20 * at), words(style, 1), 10, (60, 60, 70))
    for at in range(9):
        top = 32 + 22 * at
        draw.rectangle((98, top, 312, top + 19), fill="white", outline=(200, 200, 205))
        image.paste(hue(dice, 0.5, 0.8), (102, top + 4, 114, top + 16))
        write(image, (120, top + 5), words(dice, 3)[:24], 10, (30, 30, 30))
    return image


def emblem(style: random.Random, dice: random.Random) -> Image.Image:
    """A round sign of one size in its set's colours, with another figure in each work."""
    ink, ground = hue(style, 0.9, 0.6), hue(style, 0.15, 1)
    image = Image.new("RGB", (200, 200), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((10, 10, 190, 190), fill=ground, outline=ink, width=style.randint(6, 14))
    points, radius = dice.randint(3, 9), dice.uniform(35, 60)
    inner, turn = dice.uniform(0.35, 0.9), dice.random()
    corners = [
        (radius * (inner if at % 2 else 1), math.pi * (at / points + turn))
        for at in range(2 * points)
    ]
    draw.polygon([(100 + r * math.cos(t), 100 + r * math.sin(t)) for r, t in corners], fill=ink)
    return image


_STYLED: dict[str, Callable[[random.Random, random.Random], Image.Image]] = {
    "shoot": shoot,
    "pie": pie,
    "table": table,
    "board": board,
    "flag": flag,
    "pattern": pattern,
    "score": score,
    "window": window,
    "emblem": emblem,
}
KINDS = ("photograph", "photograph", *_STYLED, "empty")


def photograph_work(work: int, dice: random.Random) -> tuple[str, list[Image.Image]]:
    """Returns the kind and the frames of a work."""
    turn, place = divmod(work, len(KINDS))
    kind = KINDS[place]
    if kind == "photograph":
        return kind, [photograph(2 * turn + place)]
    if kind == "empty":
        return kind, [Image.new("RGB", _SIZE, (dice.randint(0, 255),) * 3)]
    style = random.Random(f"photographs style {kind} {turn // _SET}")
    return kind, [_STYLED[kind](style, dice)]
