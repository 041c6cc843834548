"""Outlines of the sixteen kinds of object, as polygons in the square from -1 to 1, y down.

The polygons of a body are drawn in order in the object's colour; one marked `False` cuts a hole.
Accents are drawn after the texture, in a darker tone of the same colour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin

Polygon = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Shape:
    """The outline of one kind of object."""

    body: tuple[tuple[bool, Polygon], ...]
    accents: tuple[Polygon, ...] = ()


def ellipse(
    x: float, y: float, rx: float, ry: float, turn: float = 0.0, steps: int = 40
) -> Polygon:
    """Returns a polygon that approximates an ellipse rotated by `turn` radians."""
    points = []
    for step in range(steps):
        angle = 2 * pi * step / steps
        u, v = rx * cos(angle), ry * sin(angle)
        points.append((x + u * cos(turn) - v * sin(turn), y + u * sin(turn) + v * cos(turn)))
    return tuple(points)


def _box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _solid(*polygons: Polygon) -> tuple[tuple[bool, Polygon], ...]:
    return tuple((True, polygon) for polygon in polygons)


def _star() -> Shape:
    points = []
    for step in range(10):
        radius = 1.0 if step % 2 == 0 else 0.42
        angle = pi * step / 5 - pi / 2
        points.append((radius * cos(angle), radius * sin(angle)))
    return Shape(_solid(tuple(points)))


def _heart() -> Shape:
    points = []
    for step in range(60):
        t = 2 * pi * step / 60
        x = 16 * sin(t) ** 3
        y = 13 * cos(t) - 5 * cos(2 * t) - 2 * cos(3 * t) - cos(4 * t)
        points.append((x / 17, -(y + 2.5) / 16))
    return Shape(_solid(tuple(points)))


def _flower() -> Shape:
    petals = [
        ellipse(0.58 * cos(a), 0.58 * sin(a), 0.4, 0.4)
        for a in (2 * pi * step / 6 for step in range(6))
    ]
    return Shape(_solid(*petals, ellipse(0, 0, 0.5, 0.5)), (ellipse(0, 0, 0.3, 0.3),))


def _fish() -> Shape:
    tail = ((0.35, 0.0), (1.0, -0.55), (0.85, 0.0), (1.0, 0.55))
    fin = ((-0.25, -0.4), (0.3, -0.75), (0.25, -0.3))
    return Shape(
        _solid(tail, fin, ellipse(-0.25, 0, 0.72, 0.48)), (ellipse(-0.6, -0.12, 0.11, 0.11),)
    )


def _boat() -> Shape:
    hull = ((-1.0, 0.3), (1.0, 0.3), (0.6, 0.85), (-0.6, 0.85))
    sail = ((0.05, -1.0), (0.05, 0.12), (0.85, 0.12))
    jib = ((-0.12, -0.7), (-0.12, 0.12), (-0.7, 0.12))
    return Shape(_solid(hull, sail, jib, _box(-0.1, -1.0, 0.04, 0.3)), ())


def _car() -> Shape:
    cabin = ((-0.55, -0.1), (-0.35, -0.6), (0.3, -0.6), (0.6, -0.1))
    body = ((-1.0, -0.1), (0.75, -0.12), (1.0, 0.08), (1.0, 0.45), (-1.0, 0.45))
    return Shape(
        _solid(cabin, body, ellipse(-0.52, 0.45, 0.27, 0.27), ellipse(0.52, 0.45, 0.27, 0.27)),
        (
            ellipse(-0.52, 0.45, 0.22, 0.22),
            ellipse(0.52, 0.45, 0.22, 0.22),
            ((-0.4, -0.14), (-0.27, -0.48), (-0.02, -0.48), (-0.02, -0.14)),
            ((0.1, -0.14), (0.1, -0.48), (0.25, -0.48), (0.44, -0.14)),
        ),
    )


def _house() -> Shape:
    roof = ((-1.0, -0.12), (0.0, -0.95), (1.0, -0.12))
    return Shape(
        _solid(_box(-0.72, -0.14, 0.72, 0.9), roof, _box(0.4, -0.85, 0.62, -0.3)),
        (_box(-0.17, 0.3, 0.2, 0.9), _box(-0.55, 0.08, -0.3, 0.35), _box(0.35, 0.08, 0.58, 0.35)),
    )


def _tree() -> Shape:
    crown = (
        ellipse(0, -0.5, 0.5, 0.48),
        ellipse(-0.4, -0.08, 0.45, 0.42),
        ellipse(0.4, -0.08, 0.45, 0.42),
        ellipse(0, -0.05, 0.45, 0.42),
    )
    trunk = ((-0.13, 0.25), (0.13, 0.25), (0.2, 1.0), (-0.2, 1.0))
    return Shape(_solid(trunk, *crown), (trunk,))


def _mushroom() -> Shape:
    arc = (pi + pi * step / 24 for step in range(25))
    cap = tuple((0.98 * cos(angle), 0.05 + 0.85 * sin(angle)) for angle in arc)
    stem = ((-0.26, 0.0), (0.26, 0.0), (0.36, 0.92), (-0.36, 0.92))
    return Shape(_solid(stem, cap), (((-0.26, 0.1), (0.26, 0.1), (0.29, 0.3), (-0.29, 0.3)),))


def _cup() -> Shape:
    body = ((-0.85, -0.65), (0.5, -0.65), (0.36, 0.8), (-0.7, 0.8))
    return Shape(
        (
            (True, ellipse(0.52, 0.0, 0.44, 0.44)),
            (False, ellipse(0.52, 0.0, 0.24, 0.24)),
            (True, body),
        ),
        (_box(-0.85, -0.72, 0.52, -0.52),),
    )


def _butterfly() -> Shape:
    wings = (
        ellipse(-0.5, -0.38, 0.52, 0.4, 0.6),
        ellipse(0.5, -0.38, 0.52, 0.4, -0.6),
        ellipse(-0.4, 0.45, 0.36, 0.33, -0.6),
        ellipse(0.4, 0.45, 0.36, 0.33, 0.6),
    )
    return Shape(_solid(*wings, ellipse(0, 0.02, 0.12, 0.8)), (ellipse(0, 0.02, 0.1, 0.75),))


def _arrow() -> Shape:
    return Shape(
        _solid(
            (
                (-0.95, -0.27),
                (0.1, -0.27),
                (0.1, -0.75),
                (1.0, 0.0),
                (0.1, 0.75),
                (0.1, 0.27),
                (-0.95, 0.27),
            )
        )
    )


def _ball() -> Shape:
    return Shape(_solid(ellipse(0, 0, 0.92, 0.92)))


def _ring() -> Shape:
    return Shape(((True, ellipse(0, 0, 0.97, 0.97)), (False, ellipse(0, 0, 0.52, 0.52))))


def _moon() -> Shape:
    outer = [(0.95 * cos(a), 0.95 * sin(a)) for a in (0.95 + 4.38 * s / 40 for s in range(41))]
    # The inner arc connects the same two tips in the other direction.
    inner = [(0.35 + 0.8 * cos(a), 0.8 * sin(a)) for a in (4.96 - 3.64 * s / 30 for s in range(31))]
    return Shape(_solid(tuple(outer + inner)))


def _cross() -> Shape:
    return Shape(_solid(_box(-0.33, -0.95, 0.33, 0.95), _box(-0.95, -0.33, 0.95, 0.33)))


_MAKERS: dict[str, Callable[[], Shape]] = {
    "ball": _ball,
    "star": _star,
    "heart": _heart,
    "ring": _ring,
    "moon": _moon,
    "cross": _cross,
    "arrow": _arrow,
    "house": _house,
    "tree": _tree,
    "flower": _flower,
    "fish": _fish,
    "boat": _boat,
    "car": _car,
    "mushroom": _mushroom,
    "cup": _cup,
    "butterfly": _butterfly,
}
SHAPES: dict[str, Shape] = {kind: make() for kind, make in _MAKERS.items()}
