"""Draws the backgrounds of scenes: patterns in a colour, and places.

They are drawn at twice the size and reduced. Soft uneven light that depends on the seed is added,
so that pictures of different seeds have different perceptual hashes even if they show little.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, hypot, pi, sin

from PIL import Image, ImageChops, ImageDraw

from pipelines.demo.scenes.scene import Scene, SeededDice

RgbColour = tuple[int, int, int]
_BACKGROUND_COLOURS: dict[str, RgbColour] = {
    "white": (244, 244, 240),
    "grey": (150, 151, 154),
    "blue": (142, 192, 238),
    "green": (152, 208, 146),
    "yellow": (248, 230, 138),
    "pink": (250, 194, 210),
    "purple": (190, 164, 222),
}
_LIGHT_RANGE = 7  # largest change by the uneven light, up or down, in grey levels


def draw_background(scene: Scene, width: int, height: int) -> Image.Image:
    """Returns a scene's background, with its uneven light."""
    dice = SeededDice(scene.seed ^ 0x5EED)
    size = (2 * width, 2 * height)
    kind = scene.background.kind
    if kind in _PLACES:
        image = _PLACES[kind](dice, size)
    else:
        image = _pattern(dice, size, kind, _BACKGROUND_COLOURS[scene.background.colour])
    return _add_uneven_light(dice, image.reduce(2))


def _add_uneven_light(dice: SeededDice, image: Image.Image) -> Image.Image:
    grid = Image.new("L", (7, 6))
    grid.putdata([128 + round(dice.between(-_LIGHT_RANGE, _LIGHT_RANGE)) for _ in range(42)])
    field = grid.resize(image.size, Image.Resampling.BICUBIC)
    return ImageChops.add(image, Image.merge("RGB", (field, field, field)), 1, -128)


def mix(colour: RgbColour, other: RgbColour, share: float) -> RgbColour:
    """Mixes a share, from 0 to 1, of another colour into a colour."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return (red, green, blue)


def jitter(dice: SeededDice, colour: RgbColour, reach: float) -> RgbColour:
    """Returns a random colour near the given one, each channel within `reach`."""
    red, green, blue = (min(255, max(0, round(c + dice.between(-reach, reach)))) for c in colour)
    return (red, green, blue)


def _gradient(
    size: tuple[int, int], top: RgbColour, bottom: RgbColour, quarter_turns: int = 0
) -> Image.Image:
    mask = Image.linear_gradient("L")
    for _ in range(quarter_turns):
        mask = mask.transpose(Image.Transpose.ROTATE_90)
    mask = mask.resize(size, Image.Resampling.BILINEAR)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask)


def _pattern(dice: SeededDice, size: tuple[int, int], kind: str, colour: RgbColour) -> Image.Image:
    base = jitter(dice, colour, 4)
    white = sum(base) > 680
    other = mix(base, (70, 70, 76), 0.22) if white else mix(base, (255, 255, 255), 0.6)
    if kind == "shaded":
        dark = mix(base, (60, 60, 66), 0.28)
        return _gradient(size, base if white else other, dark, dice.below(4))
    image = Image.new("RGB", size, base)
    draw = ImageDraw.Draw(image)
    unit = min(size)
    if kind == "striped":
        _stripes(dice, draw, size, other, unit)
    elif kind == "checked":
        _checks(dice, draw, size, other, unit)
    elif kind == "dotted":
        _dots(dice, draw, size, other, unit)
    return image


def _stripes(
    dice: SeededDice, draw: ImageDraw.ImageDraw, size: tuple[int, int], colour: RgbColour, unit: int
) -> None:
    angle = dice.below(4) * pi / 4 + dice.between(-0.15, 0.15)
    period = unit * dice.between(0.16, 0.24)
    along, across = (cos(angle), sin(angle)), (-sin(angle), cos(angle))
    reach = hypot(*size)
    start = -reach / 2 - dice.between(0, period)
    for index in range(int(reach / period) + 2):
        near, far = start + index * period, start + (index + 0.5) * period
        corners = [(near, -reach), (far, -reach), (far, reach), (near, reach)]
        draw.polygon(
            [
                (
                    size[0] / 2 + u * across[0] + v * along[0],
                    size[1] / 2 + u * across[1] + v * along[1],
                )
                for u, v in corners
            ],
            fill=colour,
        )


def _checks(
    dice: SeededDice, draw: ImageDraw.ImageDraw, size: tuple[int, int], colour: RgbColour, unit: int
) -> None:
    cell = unit * dice.between(0.12, 0.17)
    left, top = -dice.between(0, 2 * cell), -dice.between(0, 2 * cell)
    for row in range(int(size[1] / cell) + 4):
        for column in range(row % 2, int(size[0] / cell) + 4, 2):
            x, y = left + column * cell, top + row * cell
            draw.rectangle((x, y, x + cell, y + cell), fill=colour)


def _dots(
    dice: SeededDice, draw: ImageDraw.ImageDraw, size: tuple[int, int], colour: RgbColour, unit: int
) -> None:
    step = unit * dice.between(0.15, 0.2)
    radius = step * dice.between(0.26, 0.32)
    left, top = -dice.between(0, step), -dice.between(0, step)
    for row in range(int(size[1] / step) + 3):
        for column in range(int(size[0] / step) + 3):
            x = left + (column + 0.5 * (row % 2)) * step
            y = top + row * step
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _hills(
    dice: SeededDice,
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    level: float,
    colour: RgbColour,
) -> None:
    """Fills the area below a soft line at about `level` of the height (0 is the top)."""
    width, height = size
    waves = [(dice.between(0.6, 2.2), dice.between(0, 2 * pi), dice.between(0.01, 0.03))]
    waves += [(dice.between(2.5, 4.5), dice.between(0, 2 * pi), dice.between(0.004, 0.012))]
    line = []
    for step in range(41):
        u = step / 40
        rise = sum(
            height_share * sin(2 * pi * frequency * u + start)
            for frequency, start, height_share in waves
        )
        line.append((u * width, (level + rise) * height))
    draw.polygon([*line, (width, height), (0, height)], fill=colour)


def _meadow(dice: SeededDice, size: tuple[int, int]) -> Image.Image:
    image = _gradient(size, jitter(dice, (110, 180, 240), 8), jitter(dice, (206, 232, 250), 5))
    draw = ImageDraw.Draw(image)
    unit = min(size)
    for _ in range(2 + dice.below(2)):
        x, y = dice.between(0, size[0]), dice.between(0.05, 0.3) * size[1]
        for lobe in (-1, 0, 1):
            r = unit * dice.between(0.04, 0.07)
            at = x + lobe * r
            draw.ellipse((at - r, y - r * 0.7, at + r, y + r * 0.7), fill="white")
    level = dice.between(0.55, 0.66)
    _hills(dice, draw, size, level, jitter(dice, (116, 190, 92), 8))
    _hills(dice, draw, size, level + dice.between(0.14, 0.2), jitter(dice, (86, 166, 74), 8))
    for _ in range(40):
        x, y = dice.between(0, size[0]), dice.between(level + 0.1, 1.0) * size[1]
        draw.line((x, y, x + dice.between(-0.01, 0.01) * unit, y - 0.03 * unit), (60, 136, 56), 3)
    return image


def _sea(dice: SeededDice, size: tuple[int, int]) -> Image.Image:
    image = _gradient(size, jitter(dice, (250, 226, 190), 6), jitter(dice, (252, 244, 226), 4))
    draw = ImageDraw.Draw(image)
    unit = min(size)
    level = dice.between(0.42, 0.55)
    draw.rectangle((0, level * size[1], *size), fill=jitter(dice, (44, 142, 178), 8))
    foam = (150, 208, 222)
    for row in range(6):
        y = (level + 0.05 + row * 0.09) * size[1]
        x = -dice.between(0, 0.2) * unit
        while x < size[0]:
            long = dice.between(0.08, 0.2) * unit
            draw.line((x, y, x + long, y), foam, max(2, round(unit * 0.016)))
            x += long + dice.between(0.08, 0.2) * unit
    return image


def _night(dice: SeededDice, size: tuple[int, int]) -> Image.Image:
    image = _gradient(size, jitter(dice, (14, 20, 56), 5), jitter(dice, (52, 54, 104), 6))
    draw = ImageDraw.Draw(image)
    unit = min(size)
    for _ in range(round(45 * size[0] * size[1] / unit**2)):
        x, y = dice.between(0, size[0]), dice.between(0, 0.8) * size[1]
        r = unit * dice.between(0.004, 0.009)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(244, 240, 214))
    _hills(dice, draw, size, dice.between(0.78, 0.86), jitter(dice, (58, 64, 72), 5))
    return image


def _desert(dice: SeededDice, size: tuple[int, int]) -> Image.Image:
    image = _gradient(size, jitter(dice, (120, 200, 214), 7), jitter(dice, (236, 226, 196), 5))
    draw = ImageDraw.Draw(image)
    level = dice.between(0.5, 0.6)
    for step, tone in enumerate(((230, 196, 140), (220, 178, 116), (206, 160, 98))):
        _hills(dice, draw, size, level + step * dice.between(0.13, 0.17), jitter(dice, tone, 6))
    return image


_PLACES: dict[str, Callable[[SeededDice, tuple[int, int]], Image.Image]] = {
    "meadow": _meadow,
    "sea": _sea,
    "night": _night,
    "desert": _desert,
}
