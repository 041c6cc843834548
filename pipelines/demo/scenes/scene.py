"""Specifies what a drawn picture shows, from a seed.

A scene is a group of equal objects (the subject), sometimes one smaller object next to it, and a
background. Every word of its caption is visible in the picture at 64 pixels. All objects are in the
central square of the canvas, so that the caption stays true after a centre crop.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

KINDS: tuple[str, ...] = (
    "ball",
    "star",
    "heart",
    "ring",
    "moon",
    "cross",
    "arrow",
    "house",
    "tree",
    "flower",
    "fish",
    "boat",
    "car",
    "mushroom",
    "cup",
    "butterfly",
)
PLURALS: dict[str, str] = {
    **{kind: f"{kind}s" for kind in KINDS},
    "cross": "crosses",
    "fish": "fish",
    "butterfly": "butterflies",
}
COLOURS: tuple[str, ...] = (
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "white",
)
TEXTURES: tuple[str, ...] = ("plain", "striped", "spotted", "checked")
RELATIONS: tuple[str, ...] = ("above", "below", "beside")
NUMBERS: tuple[str, ...] = ("a", "two", "three", "four")
PATTERNS: tuple[str, ...] = ("plain", "shaded", "striped", "checked", "dotted")
PLACES: dict[str, str] = {
    "meadow": "in a meadow",
    "sea": "over the sea",
    "night": "at night",
    "desert": "in the desert",
}
BACKGROUND_COLOURS: tuple[str, ...] = ("white", "grey", "blue", "green", "yellow", "pink", "purple")
# Object colours that are hard to see on a place or background colour.
_INVISIBLE_ON: dict[str, tuple[str, ...]] = {
    "meadow": ("green", "blue"),
    "sea": ("blue", "white"),
    "night": ("black", "blue"),
    "desert": ("yellow", "orange", "brown"),
    "grey": ("white",),
    "pink": ("white",),
    "yellow": ("white",),
}


@dataclass(frozen=True)
class PlacedObject:
    """One drawn object.

    Lengths are in halves of the shorter side of the canvas; (0, 0) is its centre, y points down.
    """

    kind: str
    colour: str
    texture: str
    x: float
    y: float
    radius: float
    angle: float  # radians
    flipped: bool
    stretch: float  # width over height
    phase: float  # of the texture, 0 to 1


@dataclass(frozen=True)
class Background:
    """What is behind the objects: a pattern in a colour, or a place, whose colour is empty."""

    kind: str
    colour: str


@dataclass(frozen=True)
class Scene:
    """One picture: everything that `render` draws and `caption` says."""

    seed: int
    kind: str
    colour: str
    count: int
    size: str  # "small", "large", or "" for three or four objects
    texture: str
    second_kind: str  # "" if there is no second object, like the next two fields
    second_colour: str
    relation: str
    background: Background
    main: tuple[PlacedObject, ...]
    second: tuple[PlacedObject, ...]


class SeededDice:
    """Draws random values only by `random()`, whose sequence Python keeps across versions."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  (pictures, not secrets)

    def between(self, low: float, high: float) -> float:
        """Returns a number from `low` up to `high`."""
        return low + (high - low) * self._random.random()

    def chance(self, probability: float) -> bool:
        """Returns True with the given probability."""
        return self._random.random() < probability

    def pick(self, options: Sequence[str]) -> str:
        """Returns one of the options, all equally likely."""
        return options[self.below(len(options))]

    def below(self, limit: int) -> int:
        """Returns an integer from 0 up to but not including `limit`."""
        return int(self._random.random() * limit)


def draw_scene_spec(seed: int) -> Scene:
    """Returns the scene of a seed, the same on every machine."""
    dice = SeededDice(seed)
    kind, colour = dice.pick(KINDS), dice.pick(COLOURS)
    count = (1, 1, 1, 2, 2, 3, 4)[dice.below(7)]
    second_kind = second_colour = relation = ""
    if dice.chance(0.45):
        second_kind = dice.pick([other for other in KINDS if other != kind])
        second_colour = dice.pick([other for other in COLOURS if other != colour])
        relation = dice.pick(RELATIONS)
    size = _choose_size(dice, count, paired=bool(second_kind))
    # Texture is visible only on large objects.
    textured = size == "large" and dice.chance(0.6)
    texture = dice.pick(TEXTURES[1:]) if textured else "plain"
    background = _choose_background(dice, {colour, second_colour})
    side = -1 if dice.chance(0.5) else 1
    main = tuple(
        _place_object(dice, kind, colour, texture, circle)
        for circle in _main_circles(dice, count, size, relation, side)
    )
    second = tuple(
        _place_object(dice, second_kind, second_colour, "plain", circle)
        for circle in _second_circles(dice, relation, side)
    )
    return Scene(
        seed,
        kind,
        colour,
        count,
        size,
        texture,
        second_kind,
        second_colour,
        relation,
        background,
        main,
        second,
    )


def _choose_size(dice: SeededDice, count: int, *, paired: bool) -> str:
    if count > 2:
        return ""
    # Next to a second object, a single subject must be larger, so that it is clearly the subject.
    if paired and count == 1:
        return "large"
    return "large" if dice.chance(0.6) else "small"


def _choose_background(dice: SeededDice, used_colours: set[str]) -> Background:
    def visible(name: str) -> bool:
        return name not in used_colours and not used_colours.intersection(
            _INVISIBLE_ON.get(name, ())
        )

    if dice.chance(0.3):
        places = [place for place in PLACES if visible(place)]
        if places:
            return Background(dice.pick(places), "")
    colours = [colour for colour in BACKGROUND_COLOURS if visible(colour)]
    return Background(dice.pick(PATTERNS), dice.pick(colours))


Circle = tuple[float, float, float]


def _main_circles(
    dice: SeededDice, count: int, size: str, relation: str, side: int
) -> list[Circle]:
    """Returns the centre and radius of each object of the subject."""
    low, high = _radius_range(count, size, paired=bool(relation))
    radius = dice.between(low, high)
    step = 1.05 * radius + dice.between(0.02, 0.06)
    offsets = _offsets(dice, count, relation, step)
    reach_x = max(abs(x) for x, _ in offsets) + 1.08 * radius
    reach_y = max(abs(y) for _, y in offsets) + 1.08 * radius
    left, top, right, bottom = _allowed_box(relation, side)
    centre_x = _centre_within(dice, left, right, reach_x)
    centre_y = _centre_within(dice, top, bottom, reach_y)
    return [(centre_x + x, centre_y + y, radius) for x, y in offsets]


def _radius_range(count: int, size: str, *, paired: bool) -> tuple[float, float]:
    if count == 1:
        if size == "small":
            return (0.27, 0.33)
        return (0.46, 0.54) if paired else (0.52, 0.68)
    if count == 2:
        return (0.38, 0.43) if size == "large" else (0.23, 0.26)
    return (0.25, 0.29)


def _offsets(dice: SeededDice, count: int, relation: str, step: float) -> list[tuple[float, float]]:
    upright = relation == "beside" or (not relation and dice.chance(0.3))
    if count == 1:
        return [(0.0, 0.0)]
    if count == 4:
        return [(-step, -step), (step, -step), (-step, step), (step, step)]
    if count == 3 and dice.chance(0.5):
        point = -step if dice.chance(0.5) else step
        return [(-step, point), (step, point), (0.0, -point)]
    line = [(2 * index - count + 1) * step for index in range(count)]
    tilt = dice.between(-0.06, 0.06)
    if upright:
        return [(tilt * index, value) for index, value in enumerate(line)]
    return [(value, tilt * index) for index, value in enumerate(line)]


def _allowed_box(relation: str, side: int) -> tuple[float, float, float, float]:
    if relation == "above":
        return (-0.97, -0.97, 0.97, 0.3)
    if relation == "below":
        return (-0.97, -0.3, 0.97, 0.97)
    if relation == "beside":
        return (-0.97, -0.97, 0.3, 0.97) if side < 0 else (-0.3, -0.97, 0.97, 0.97)
    return (-0.97, -0.97, 0.97, 0.97)


def _centre_within(dice: SeededDice, low: float, high: float, reach: float) -> float:
    slack = max(0.0, (high - low) / 2 - reach)
    return (low + high) / 2 + dice.between(-slack, slack)


def _second_circles(dice: SeededDice, relation: str, side: int) -> list[Circle]:
    if not relation:
        return []
    radius = dice.between(0.27, 0.31)
    near = dice.between(0.63, 0.66)
    if relation == "beside":
        return [(-side * near, dice.between(-0.5, 0.5), radius)]
    sign = 1 if relation == "above" else -1
    return [(dice.between(-0.6, 0.6), sign * near, radius)]


def _place_object(
    dice: SeededDice, kind: str, colour: str, texture: str, circle: Circle
) -> PlacedObject:
    x, y, radius = circle
    return PlacedObject(
        kind,
        colour,
        texture,
        x,
        y,
        radius,
        angle=dice.between(-0.22, 0.22),
        flipped=dice.chance(0.5),
        stretch=dice.between(0.92, 1.08),
        phase=dice.between(0.0, 1.0),
    )
