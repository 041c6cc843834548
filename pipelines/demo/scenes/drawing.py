"""Draws scenes with Pillow, without fonts or files: the same input gives the same pixels.

Objects are drawn as masks at two or three times their size, reduced, and pasted on a background.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import cos, sin

from PIL import Image, ImageChops, ImageDraw

from pipelines.demo.scenes.backgrounds import RgbColour, draw_background, jitter, mix
from pipelines.demo.scenes.scene import PlacedObject, Scene, SeededDice
from pipelines.demo.scenes.shapes import SHAPES, Polygon, ellipse

_OBJECT_COLOURS: dict[str, RgbColour] = {
    "red": (214, 38, 40),
    "orange": (246, 128, 28),
    "yellow": (250, 216, 44),
    "green": (40, 150, 62),
    "blue": (34, 92, 212),
    "purple": (128, 56, 172),
    "pink": (246, 132, 184),
    "brown": (122, 76, 40),
    "black": (30, 30, 34),
    "white": (250, 250, 248),
}
_LIGHT_COLOURS = ("yellow", "pink", "white", "orange")


def render(scene: Scene, width: int, height: int) -> Image.Image:
    """Returns the RGB picture of a scene, at any size of at least 16 pixels on each side."""
    return draw_objects(draw_background(scene, width, height), scene, scene.main + scene.second)


def draw_objects(image: Image.Image, scene: Scene, objects: Sequence[PlacedObject]) -> Image.Image:
    """Draws objects, which may have moved from their places in the scene, onto `image`."""
    for number, placed in enumerate(objects):
        _draw_object(SeededDice(scene.seed * 31 + number), image, placed)
    return image


def _draw_object(dice: SeededDice, image: Image.Image, placed: PlacedObject) -> None:
    half = min(image.size) / 2
    radius = placed.radius * half
    scale = 3 if radius < 120 else 2
    # The sprite is placed at a whole pixel; its polygons keep the fraction.
    centre_x = image.width / 2 + placed.x * half
    centre_y = image.height / 2 + placed.y * half
    side = int(2.9 * radius) + 4
    left, top = int(centre_x - side / 2), int(centre_y - side / 2)
    origin = ((centre_x - left) * scale, (centre_y - top) * scale)

    def outline(polygon: Polygon) -> list[tuple[float, float]]:
        return _to_sprite(polygon, placed, origin, radius * scale)

    colour = jitter(dice, _OBJECT_COLOURS[placed.colour], 9)
    masks = _draw_masks(placed, outline, side * scale, radius * scale)
    edge, body, pattern, accents = (mask.reduce(scale) for mask in masks)
    image.paste(_edge_tone(placed.colour, colour), (left, top), edge)
    image.paste(colour, (left, top), body)
    if placed.texture != "plain":
        tone = _texture_tone(placed.colour, colour)
        image.paste(tone, (left, top), ImageChops.multiply(body, pattern))
    image.paste(_edge_tone(placed.colour, colour), (left, top), accents)


def _edge_tone(name: str, colour: RgbColour) -> RgbColour:
    return (96, 96, 104) if name == "black" else mix(colour, (20, 20, 30), 0.42)


def _texture_tone(name: str, colour: RgbColour) -> RgbColour:
    if name in _LIGHT_COLOURS:
        return mix(colour, (60, 40, 40), 0.5)
    return mix(colour, (255, 255, 255), 0.72)


def _to_sprite(
    polygon: Polygon, placed: PlacedObject, origin: tuple[float, float], size: float
) -> list[tuple[float, float]]:
    cosine, sine = cos(placed.angle), sin(placed.angle)
    mirror = -placed.stretch if placed.flipped else placed.stretch
    return [
        (
            origin[0] + size * (x * mirror * cosine - y * sine),
            origin[1] + size * (x * mirror * sine + y * cosine),
        )
        for x, y in polygon
    ]


def _draw_masks(
    placed: PlacedObject,
    outline: Callable[[Polygon], list[tuple[float, float]]],
    side: int,
    radius: float,
) -> tuple[Image.Image, Image.Image, Image.Image, Image.Image]:
    shape = SHAPES[placed.kind]
    edge, body, pattern, accents = (Image.new("L", (side, side)) for _ in range(4))
    pens = [ImageDraw.Draw(mask) for mask in (edge, body, pattern, accents)]
    for filled, polygon in shape.body:
        points = outline(polygon)
        pens[0].line([*points, points[0], points[1]], 255, max(2, round(radius * 0.12)))
        pens[1].polygon(points, fill=255 if filled else 0)
    for polygon in shape.accents:
        pens[3].polygon(outline(polygon), fill=255)
    for polygon in _texture_polygons(placed):
        pens[2].polygon(outline(polygon), fill=255)
    return edge, body, pattern, accents


def _texture_polygons(placed: PlacedObject) -> list[Polygon]:
    """Returns the polygons of a texture, over the whole square of the object."""
    phase = placed.phase
    if placed.texture == "striped":
        starts = [-1.4 + 0.46 * (step + phase) for step in range(-1, 7)]
        return [((s, -1.3), (s + 0.23, -1.3), (s + 0.23, 1.3), (s, 1.3)) for s in starts]
    if placed.texture == "checked":
        cell = 0.34
        start = -1.36 + cell * (phase - 0.5)
        return [
            ((x, y), (x + cell, y), (x + cell, y + cell), (x, y + cell))
            for row in range(8)
            for column in range(row % 2, 8, 2)
            for x, y in [(start + cell * column, start + cell * row)]
        ]
    if placed.texture == "spotted":
        start = -1.2 + 0.44 * phase
        return [
            ellipse(
                start + 0.44 * (column + 0.5 * (row % 2)), -1.2 + 0.4 * row, 0.13, 0.13, steps=14
            )
            for row in range(7)
            for column in range(-1, 7)
        ]
    return []
