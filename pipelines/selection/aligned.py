"""Lays one picture's cells exactly over another's: shifted, stretched and turned a little.

A fit to a ninetieth of a side (`pipelines.selection.fit`) leaves edges a cell apart, which would
hide whether a digit is another one. Here the place of each cell follows from six numbers that are
improved step by step (Gauss and Newton), so that the difference in brightness becomes least. Cells
that differ much count little: what was laid over a copy does not pull it aside.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipelines.selection.fit import STEP

Grey = npt.NDArray[np.float64]  # one picture's cells, [side, side]
Flags = npt.NDArray[np.bool_]
#: Across and down in turn: the shift, and by how much it grows to the right and downwards. Places
#: are counted from -1 to 1. [6]
_Map = npt.NDArray[np.float64]

#: The steps at a quarter of the cells, a half, and all; a picture is not turned in the first.
_STEPS = ((4, 5), (2, 4), (1, 1))
_MOST_CELLS = 2  # by which a step moves a place, so that it cannot run away
_LEAST_CELLS = 0.06  # with less, the next step would not matter
_LOW = np.array([-0.3, 0.75, -0.05, -0.3, -0.05, 0.75])
_HIGH = np.array([0.3, 1.3, 0.05, 0.3, 0.05, 1.3])
_AS_IT_IS = np.array([0, 1, 0, 0, 0, 1])
_UNTURNED, _ALL = [0, 1, 3, 5], [0, 1, 2, 3, 4, 5]
_DAMPING = 1e-4
_DIGITS = 5  # of a place; the last digits of sums differ between machines
_CONTRASTS = (0.3, 3.0)  # by which the second picture may be multiplied
_OUTSIDE = 0.25  # cells; what lies as near to a picture's border is not compared
_AROUND = 4  # cells around a picture, which repeat those at its border
_TINY = 1e-6
#: Where the sums of a map's six slopes lie among the sums of products (`_moments`).
_ROW, _COLUMN = np.array([0, 0, 1]), np.array([0, 1, 0])  # powers: 1, to the right, downwards


class Picture:
    """A picture's cells, smoothed, with what is needed each time that it is compared.

    Args:
        cells: In levels of 255, [side, side].
    """

    def __init__(self, cells: Grey) -> None:
        self.cells = smoothed(cells)
        self._layers: dict[int, _Layer] = {}

    def layer(self, parts: int) -> _Layer:
        """Returns the picture in so many times fewer cells of a side."""
        if parts not in self._layers:
            cells = self.cells if parts == 1 else _halved(self.layer(parts // 2).cells)
            self._layers[parts] = _Layer(cells)
        return self._layers[parts]

    @cached_property
    def steepness(self) -> Grey:
        """The largest square of a slope in each 3 x 3 cells (`steepness_of`)."""
        return steepness_of(self.cells)


class _Layer:
    def __init__(self, cells: Grey) -> None:
        self.cells = cells

    @cached_property
    def centred(self) -> tuple[Grey, float]:
        """The cells without their mean, and the mean."""
        mean = self.cells.sum() / self.cells.size
        return self.cells - mean, mean

    @cached_property
    def plain(self) -> Grey:
        """The cells as they are when nothing is moved."""
        return self.cells.astype(np.float32).astype(np.float64)

    @cached_property
    def around(self) -> Image.Image:
        """The cells with more around them: next to a border, a slope is taken with these."""
        return Image.fromarray(np.pad(self.cells.astype(np.float32), _AROUND, mode="edge"))


def smoothed(cells: Grey) -> Grey:
    """Returns cells with a quarter of each from both sides, so that resampling matters less."""
    rows = 2 * cells
    rows[1:] += cells[:-1]
    rows[:-1] += cells[1:]
    rows[[0, -1]] += cells[[0, -1]]
    both: Grey = 2 * rows
    both[:, 1:] += rows[:, :-1]
    both[:, :-1] += rows[:, 1:]
    both[:, [0, -1]] += rows[:, [0, -1]]
    both /= 16
    return both


def _halved(cells: Grey) -> Grey:
    """Returns a picture in half as many cells of a side."""
    rows = cells[::2] + cells[1::2]
    half: Grey = (rows[:, ::2] + rows[:, 1::2]) / 4
    return half


@dataclass(frozen=True, slots=True)
class Moved:
    """A picture's cells at other places.

    Attributes:
        places: The map.
        cells: [side, side].
        shown: Which cells are inside the picture; None if all are.
    """

    places: _Map
    cells: Grey
    shown: Flags | None


def fitted(second: Picture, cuts: npt.NDArray[np.int64]) -> Moved:
    """Returns a picture's cells as it was fitted so far.

    Args:
        second: The picture.
        cuts: What is cut off across and down, at both ends (`pipelines.selection.fit`), [2, 2].
    """
    return _moved(second.layer(1), _of_cuts(cuts))


def aligned(first: Picture, second: Picture, start: Moved) -> Moved:
    """Returns the second picture's cells as it lies over the first.

    Args:
        first: A picture.
        second: Another, of as many cells.
        start: The second as it was fitted so far.
    """
    places = start.places
    for parts, steps in _STEPS:
        free = _UNTURNED if parts == _STEPS[0][0] else _ALL
        places = _improved(first.layer(parts), second.layer(parts), places, steps, free)
    found = _moved(second.layer(1), places.round(_DIGITS))
    goal = first.layer(1)
    return found if _correlation(goal, found) >= _correlation(goal, start) else start


def matched(first: Picture, second: Moved) -> Grey:
    """Returns the second picture's cells at the first one's brightness and contrast."""
    goal = first.layer(1)
    _, left, _ = _scaled(goal, second, None)
    scaled, _, mean = _scaled(goal, second, _weights(left, second.shown))
    scaled += mean
    return scaled


def slopes_of(cells: Grey) -> tuple[Grey, Grey]:
    """Returns by how much cells become lighter to the right, and downwards."""
    across, down = np.zeros_like(cells), np.zeros_like(cells)
    np.subtract(cells[:, 2:], cells[:, :-2], out=across[:, 1:-1])
    np.subtract(cells[2:], cells[:-2], out=down[1:-1])
    across *= 0.5
    down *= 0.5
    return across, down


def steepness_of(cells: Grey) -> Grey:
    """Returns the largest square of a slope in each 3 x 3 cells."""
    across, down = slopes_of(cells)
    across *= across
    down *= down
    across += down
    for axis in (0, 1):
        turned = across if axis else across.T
        sides = np.maximum(turned[:, :-1], turned[:, 1:])
        np.maximum(turned[:, :-1], sides, out=turned[:, :-1])
        np.maximum(turned[:, 1:], sides, out=turned[:, 1:])
    return across


def _of_cuts(cuts: npt.NDArray[np.int64]) -> _Map:
    places = np.zeros(6)
    for direction, (shift, stretch) in enumerate(((0, 1), (3, 5))):
        before, after = cuts[direction] / STEP
        places[shift], places[stretch] = before - after, 1 - before - after
    return places


def _improved(first: _Layer, second: _Layer, places: _Map, steps: int, free: list[int]) -> _Map:
    side = len(first.cells)
    places = places.copy()
    most, least = (2 * cells / side for cells in (_MOST_CELLS, _LEAST_CELLS))
    chosen = np.ix_(free, free)
    for _ in range(steps):
        moved = _moved(second, places)
        scaled, left, _ = _scaled(first, moved, None)
        squares, goals = _normal_sums(scaled, left, _weights(left, moved.shown))
        squares, goals = squares[chosen], goals[free]
        damping = _DAMPING * np.trace(squares) / len(free) + _TINY
        step = np.linalg.solve(squares + damping * np.eye(len(free)), goals)
        places[free] += step.clip(-most, most)
        places = places.clip(_LOW, _HIGH)
        if np.abs(step).max() < least:
            break
    return places


def _normal_sums(matched: Grey, left: Grey, weights: Grey) -> tuple[Grey, _Map]:
    """Returns the weighted sums of products of a map's six slopes, and of each with what is left.

    A slope is one of the picture's, across or down, times a place's power: 1, to the right, or
    downwards. So all follow from five products of cells, summed with the powers of their places.
    """
    side = len(matched)
    across, down = slopes_of(matched)
    across *= side / 2
    down *= side / 2
    parts = np.empty((5, side, side))
    np.multiply(across, weights, out=parts[1])
    np.multiply(down, weights, out=parts[2])
    np.multiply(parts[1], left, out=parts[3])
    np.multiply(parts[2], left, out=parts[4])
    np.multiply(parts[1], across, out=parts[0])
    parts[1] *= down
    parts[2] *= down
    powers = _powers(side)
    moments = powers.T @ (parts.reshape(-1, side) @ powers).reshape(5, side, 3)
    rows, columns = _ROW[:, None] + _ROW, _COLUMN[:, None] + _COLUMN
    both = moments[:3, rows, columns]
    squares = np.empty((6, 6))
    squares[:3, :3], squares[3:, 3:] = both[0], both[2]
    squares[:3, 3:] = squares[3:, :3] = both[1]
    return squares, moments[3:, _ROW, _COLUMN].ravel()


@cache
def _powers(side: int) -> Grey:
    """Returns powers of the places of a row of cells, from -1 to 1: 0, 1 and 2, [side, 3]."""
    middles = (np.arange(side) + 0.5) / side * 2 - 1
    return middles[:, None] ** np.arange(3)


def _moved(layer: _Layer, places: _Map) -> Moved:
    """Returns cells at other places, between the four nearest."""
    side = len(layer.cells)
    if np.array_equal(places, _AS_IT_IS):
        return Moved(places, layer.plain, None)
    rows = places.reshape(2, 3)
    shifts = side / 2 * (1 + rows @ np.array([1, -1, -1])) + _AROUND
    turned = (rows[0, 1], rows[0, 2], shifts[0], rows[1, 1], rows[1, 2], shifts[1])
    moved = layer.around.transform(
        (side, side), Image.Transform.AFFINE, turned, Image.Resampling.BILINEAR
    )
    return Moved(places, np.asarray(moved, np.float64), _inside(side, places))


def _inside(side: int, places: _Map) -> Flags | None:
    """Returns which cells are inside a picture; None if all are."""
    at = _powers(side)[:, 1]
    most = 1 - 2 * _OUTSIDE / side
    inside = None
    for shift, to_right, downwards in places.reshape(2, 3).tolist():
        farthest = abs(shift) + (abs(to_right) + abs(downwards)) * at[-1]
        if farthest > most - _TINY:
            flags = np.abs((shift + to_right * at)[None] + (downwards * at)[:, None]) <= most
            inside = flags if inside is None else inside & flags
    return inside


def _scaled(first: _Layer, second: Moved, weights: Grey | None) -> tuple[Grey, Grey, float]:
    """Returns a second picture at the first one's contrast, around 0.

    Args:
        first: The first picture.
        second: The second one.
        weights: How much each cell counts; None if all that are inside count as much.

    Returns:
        The cells, by how much the first are lighter, and the first one's mean.
    """
    if weights is None and second.shown is not None:
        weights = second.shown.astype(np.float64)
    if weights is None:
        one, mean = first.centred
        two = second.cells - second.cells.sum() / second.cells.size
        weighted = two
    else:
        total = weights.sum() + _TINY
        mean = np.vdot(weights, first.cells) / total
        one = first.cells - mean
        two = second.cells - np.vdot(weights, second.cells) / total
        weighted = weights * two
    contrast = np.vdot(weighted, one) / (np.vdot(weighted, two) + _TINY)
    two *= min(max(contrast, _CONTRASTS[0]), _CONTRASTS[1])
    return two, one - two, mean


def _weights(left: Grey, shown: Flags | None) -> Grey:
    """Returns how much each cell counts: those that differ much, little."""
    squares = left * left
    if shown is None:
        usual, count = 4 * squares.sum() / squares.size, squares.size
        spread = np.sqrt(np.minimum(squares, usual).sum() / count)
    else:
        weights = shown.astype(np.float64)
        count = weights.sum() + _TINY
        usual = 4 * np.vdot(weights, squares) / count
        spread = np.sqrt(np.vdot(weights, np.minimum(squares, usual)) / count)
    squares *= 1 / (1.5 * spread + 1) ** 2
    squares += 1
    counts: Grey = np.divide(1 if shown is None else shown, squares, out=squares)
    return counts


def _correlation(first: _Layer, second: Moved) -> float:
    if second.shown is None:
        one, two = first.centred[0], second.cells - second.cells.sum() / second.cells.size
    else:
        one, two = first.cells[second.shown], second.cells[second.shown]
        if not len(one):
            return -1
        one, two = one - one.mean(), two - two.mean()
    both = np.vdot(one, two) / np.sqrt(np.vdot(one, one) * np.vdot(two, two) + _TINY)
    return round(float(both), _DIGITS)
