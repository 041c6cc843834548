"""Draws a fourth library of works and copies, of layouts that leave little room for what differs.

It was drawn when the rules had been changed with figures of the third one, and looked at once.
Works come in sets with one layout: forms with other entries, months of a calendar, crosswords, bar
codes, plans of flats, seats of a hall and speech balloons. Others are parts of photographs. Copies
are changed as in the other libraries, by one of all their changes.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from PIL import Image, ImageDraw

from tests.bench.likeness_held_out_changes import HELD_OUT_CHANGES
from tests.bench.likeness_held_out_parts import hue, words, write
from tests.bench.likeness_photographs import photograph
from tests.bench.likeness_photographs_changes import PHOTOGRAPH_CHANGES
from tests.bench.likeness_pictures import CHANGES

_SET = 5  # works of one kind that share a style
_INK = (30, 30, 34)


def form(style: random.Random, dice: random.Random) -> Image.Image:
    """A form with labelled boxes that are filled in."""
    image = Image.new("RGB", (300, 360), style.choice([(255, 255, 255), (255, 250, 235)]))
    draw = ImageDraw.Draw(image)
    write(image, (20, 14), words(style, 3), 16, _INK)
    for row in range(style.randint(7, 10)):
        top = 44 + 30 * row
        write(image, (20, top), words(style, 2), 9, (90, 90, 90))
        draw.rectangle((120, top - 4, 280, top + 16), outline=(120, 120, 130))
        if dice.random() < 0.8:
            write(image, (125, top), words(dice, dice.randint(1, 2))[:20], 11, (20, 30, 120))
    return image


def calendar(style: random.Random, dice: random.Random) -> Image.Image:
    """A month with some days marked; those of a set begin on other days and have other marks."""
    image = Image.new("RGB", (320, 260), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 320, 36), fill=hue(style, 0.6, 0.7))
    write(image, (20, 10), words(dice, 1), 18, (255, 255, 255))
    mark, begin = hue(style, 0.4, 0.95), dice.randrange(7)
    for day in range(dice.choice([28, 30, 31])):
        row, column = divmod(day + begin, 7)
        box = (8 + 44 * column, 44 + 36 * row, 48 + 44 * column, 76 + 36 * row)
        draw.rectangle(box, outline=(190, 190, 195), fill=mark if dice.random() < 0.2 else None)
        write(image, (box[0] + 5, box[1] + 5), str(day + 1), 12, _INK)
    return image


def crossword(style: random.Random, dice: random.Random) -> Image.Image:
    """A grid of fields, of which some are black."""
    side, size = style.choice([9, 11, 13]), 22
    image = Image.new("RGB", (side * size + 1,) * 2, "white")
    draw = ImageDraw.Draw(image)
    for field in range(side**2):
        row, column = divmod(field, side)
        box = (column * size, row * size, (column + 1) * size, (row + 1) * size)
        draw.rectangle(box, outline="black", fill="black" if dice.random() < 0.2 else "white")
    return image


def bar_code(style: random.Random, dice: random.Random) -> Image.Image:
    """Bars of other widths, with digits below, on a label of one maker."""
    image = Image.new("RGB", (320, 200), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((6, 6, 313, 193), outline=hue(style, 0.8, 0.6), width=4)
    write(image, (20, 16), words(style, 2), 14, _INK)
    left = 24
    while left < 290:
        wide = dice.choice([2, 2, 4, 6])
        draw.rectangle((left, 44, left + wide - 1, 156), fill="black")
        left += wide + dice.choice([2, 2, 4, 6])
    write(image, (60, 164), str(dice.randrange(10**11, 10**12)), 14, _INK)
    return image


def plan(style: random.Random, dice: random.Random) -> Image.Image:
    """A flat's walls, doors and rooms; those of a set have one outer wall."""
    image = Image.new("RGB", (320, 240), style.choice([(255, 255, 255), (232, 240, 248)]))
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 20, 300, 220), outline=_INK, width=6)
    for _ in range(dice.randint(3, 5)):
        x, y = dice.randint(60, 260), dice.randint(50, 190)
        end = (dice.choice([20, 300]), y) if dice.random() < 0.5 else (x, dice.choice([20, 220]))
        draw.line((x, y, *end), fill=_INK, width=4)
        draw.arc((x - 18, y - 18, x + 18, y + 18), 0, 90, fill=(120, 120, 120))
    for _ in range(4):
        at = (dice.randint(35, 230), dice.randint(35, 195))
        write(image, at, words(dice, 1), 10, (80, 80, 90))
    return image


def seats(style: random.Random, dice: random.Random) -> Image.Image:
    """Rows of seats, free and taken; those of a set are shows in one hall."""
    image = Image.new("RGB", (320, 240), (245, 245, 248))
    draw = ImageDraw.Draw(image)
    columns, rows = style.randint(12, 18), style.randint(7, 10)
    free, taken = hue(style, 0.5, 0.8), (150, 150, 155)
    step = 300 / columns
    for row in range(rows):
        for column in range(columns):
            left, top = 10 + column * step, 30 + row * 20
            shade = taken if dice.random() < 0.4 else free
            draw.rounded_rectangle((left, top, left + step - 4, top + 14), 3, fill=shade)
    draw.rectangle((60, 8, 260, 18), fill=(90, 90, 100))
    return image


def balloon(style: random.Random, dice: random.Random) -> Image.Image:
    """A figure that says something else in each picture of a series."""
    image = Image.new("RGB", (320, 240), hue(style, 0.3, 0.95))
    draw = ImageDraw.Draw(image)
    coat, skin = hue(style, 0.8, 0.7), (238, 200, 170)
    draw.ellipse((40, 90, 110, 160), fill=skin, outline=_INK, width=3)
    draw.polygon(((75, 155), (20, 239), (130, 239)), fill=coat, outline=_INK)
    draw.arc((58, 120, 92, 148), *dice.choice([(20, 160), (200, 340)]), fill=_INK, width=3)
    draw.rounded_rectangle((120, 20, 305, 110), 16, fill="white", outline=_INK, width=3)
    for row in range(dice.randint(2, 4)):
        write(image, (132, 32 + 18 * row), words(dice, 3)[:22], 12, _INK)
    return image


_STYLED: dict[str, Callable[[random.Random, random.Random], Image.Image]] = {
    "form": form,
    "calendar": calendar,
    "crossword": crossword,
    "bar code": bar_code,
    "plan": plan,
    "seats": seats,
    "balloon": balloon,
}
_KINDS = ("photograph", "photograph", *_STYLED, "empty")


def layout_work(work: int, dice: random.Random) -> tuple[str, list[Image.Image]]:
    """Returns the kind and the frames of a work."""
    turn, place = divmod(work, len(_KINDS))
    kind = _KINDS[place]
    if kind == "photograph":  # other ones than in the third library, as far as there are others
        return kind, [photograph(1_200 - 2 * turn - place)]
    if kind == "empty":
        return kind, [Image.new("RGB", (320, 240), (dice.randint(0, 255),) * 3)]
    return kind, [_STYLED[kind](random.Random(f"layouts style {kind} {turn // _SET}"), dice)]


LAYOUT_CHANGES = {**CHANGES, **HELD_OUT_CHANGES, **PHOTOGRAPH_CHANGES}
