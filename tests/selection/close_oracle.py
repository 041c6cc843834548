"""The close comparison as plainly as it was first written: slow, and what the tests go by.

Nothing of the code under test is used but how cells are resized, and the names of doubts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipelines.selection.closely import Doubt
from pipelines.selection.fit import STEP, resized

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
_UNTURNED, _ALL = [0, 1, 3, 5], [0, 1, 2, 3, 4, 5]
_DAMPING = 1e-4
_DIGITS = 5  # of a place; the last digits of sums differ between machines
_CONTRASTS = (0.3, 3.0)  # by which the second picture may be multiplied
_OUTSIDE = 0.25  # cells; what lies as near to a picture's border is not compared
_AROUND = 4  # cells around a picture, which repeat those at its border
_ROUNDS = 2  # in which cells that differ much come to count little, at last
_TINY = 1e-6


def smoothed(cells: Grey) -> Grey:
    """Returns cells with a quarter of each from both sides, so that resampling matters less."""
    padded = np.pad(cells, 1, mode="edge")
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    both: Grey = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16
    return both


def laid_over(
    first: Grey, second: Grey, cuts: npt.NDArray[np.int64]
) -> list[tuple[Grey, Grey, Flags]]:
    """Returns the second picture as it lies over the first, in each way that is compared.

    Args:
        first: Smoothed, [side, side].
        second: The same.
        cuts: How the second picture was fitted so far: across and down, at both ends, [2, 2].

    Returns:
        As it was fitted so far and, if it correlates as well, as it is laid more exactly: the cells
        at the first one's brightness and contrast, the cells as they are, and where both have one.
    """
    start = _of_cuts(cuts)
    found = start
    for parts, steps in _STEPS:
        side = len(first) // parts
        one, two = (resized(cells[None], side, side)[0] for cells in (first, second))
        found = _improved(one, two, found, steps, _UNTURNED if parts == _STEPS[0][0] else _ALL)
    found = found.round(_DIGITS)
    sides = [_moved(second, places) for places in (start, found)]
    ways = [(_matched(first, *side, _ROUNDS)[0], *side) for side in sides]
    as_fitted, exactly = (_correlation(first, way[0], way[2]) for way in ways)
    return ways if exactly >= as_fitted else ways[:1]


def slopes_of(cells: Grey) -> tuple[Grey, Grey]:
    """Returns by how much cells become lighter to the right, and downwards."""
    across, down = np.zeros_like(cells), np.zeros_like(cells)
    across[:, 1:-1] = (cells[:, 2:] - cells[:, :-2]) / 2
    down[1:-1] = (cells[2:] - cells[:-2]) / 2
    return across, down


def _of_cuts(cuts: npt.NDArray[np.int64]) -> _Map:
    places = np.zeros(6)
    for direction, (shift, stretch) in enumerate(((0, 1), (3, 5))):
        before, after = cuts[direction] / STEP
        places[shift], places[stretch] = before - after, 1 - before - after
    return places


def _improved(first: Grey, second: Grey, places: _Map, steps: int, free: list[int]) -> _Map:
    side = len(first)
    right, below = _grid(side)
    places = places.copy()
    for _ in range(steps):
        matched, left, weights = _matched(first, *_moved(second, places))
        across, down = (slope * (side / 2) for slope in slopes_of(matched))
        parts = (across, across * right, across * below, down, down * right, down * below)
        slopes = np.stack([parts[at].ravel() for at in free])
        weighted = slopes * weights.ravel()
        squares = weighted @ slopes.T
        damping = _DAMPING * np.trace(squares) / len(free) + _TINY
        step = np.linalg.solve(squares + damping * np.eye(len(free)), weighted @ left.ravel())
        most = 2 * _MOST_CELLS / side
        places[free] += np.clip(step, -most, most)
        places = np.clip(places, _LOW, _HIGH)
        if np.abs(step).max() < 2 * _LEAST_CELLS / side:
            break
    return places


@cache
def _grid(side: int) -> tuple[Grey, Grey]:
    """Returns the places of a row of cells and of a column, from -1 to 1."""
    middles = (np.arange(side) + 0.5) / side * 2 - 1
    return middles[None], middles[:, None]


def _moved(cells: Grey, places: _Map) -> tuple[Grey, Flags]:
    """Returns cells at other places, between the four nearest, and whether they are inside."""
    side = len(cells)
    right, below = _grid(side)
    rows = places.reshape(2, 3)
    inside = np.ones(cells.shape, np.bool_)
    for shift, to_right, downwards in rows:
        at = (shift + to_right * right) + downwards * below
        inside &= np.abs(at) <= 1 - 2 * _OUTSIDE / side
    shifts = side / 2 * (1 + rows @ np.array([1, -1, -1])) + _AROUND
    turned = (rows[0, 1], rows[0, 2], shifts[0], rows[1, 1], rows[1, 2], shifts[1])
    # Next to a border, a cell's slope is taken with what is outside.
    around = np.pad(cells.astype(np.float32), _AROUND, mode="edge")
    picture = Image.fromarray(around)
    moved = picture.transform(
        (side, side), Image.Transform.AFFINE, turned, Image.Resampling.BILINEAR
    )
    return np.asarray(moved, np.float64), inside


def _matched(first: Grey, second: Grey, shown: Flags, rounds: int = 1) -> tuple[Grey, Grey, Grey]:
    """Returns the second picture at the first one's brightness and contrast.

    Returns:
        The cells, by how much the first are lighter, and how much each cell counts.
    """
    weights = shown.astype(np.float64)
    count = weights.sum() + _TINY
    for _ in range(rounds):
        total = weights.sum() + _TINY
        means = [np.vdot(weights, side) / total for side in (first, second)]
        one, two = first - means[0], second - means[1]
        weighted = weights * two
        contrast = np.vdot(weighted, one) / (np.vdot(weighted, two) + _TINY)
        scaled = np.clip(contrast, *_CONTRASTS) * two
        left = one - scaled
        squares = left * left
        usual = 4 * np.vdot(weights, squares) / total
        spread = np.sqrt(np.vdot(shown, np.minimum(squares, usual)) / count)
        weights = shown / (1 + squares / (1.5 * spread + 1) ** 2)
    matched: Grey = scaled + means[0]
    return matched, left, weights


def _correlation(first: Grey, second: Grey, shown: Flags) -> float:
    one, two = (side[shown] for side in (first, second))
    if not len(one):
        return -1
    one, two = one - one.mean(), two - two.mean()
    return round(float(one @ two / np.sqrt((one @ one) * (two @ two) + _TINY)), _DIGITS)


#: By how much a cell may differ: in levels of 255; by how often the usual difference; and by which
#: part of the slope next to it, as where an edge lies such a part of a cell elsewhere.
_LEVELS, _USUAL_TIMES, _SLOPE_PART = 1.0, 2.0, 0.2
_PLACE_PARTS = 32  # a place is one in so many parts of a side; as much at the border is left out
_MOST_OPAQUE = 0.5  # share of a mark's own shade in what shows
_MARKED = 0.75  # levels by which a place differs more than it may, where a mark may be
_SHADES = np.arange(0, 257, 32).clip(max=255)[:, None]  # of a mark
_WHITE = 247


@dataclass(frozen=True, slots=True)
class Left:
    """What is left between two pictures.

    Attributes:
        most: Levels by which the place that differs most does so by more than it may.
        under_mark: The same, but for what a pale mark explains.
        extent: Share of a side, in hundredths, over which places differ.
        beside: How well edges agree beside what differs, in thousandths.
        usual: The usual difference, in levels.
        ranges: Levels from the darkest cell to the lightest, of both pictures as they are.
        side: Cells of a side.
    """

    most: float
    under_mark: float = 0
    extent: int = 0
    beside: int = 0
    usual: float = 0
    ranges: tuple[float, float] = (0, 0)
    side: int = 128

    def is_same(self, doubt: Doubt) -> bool:
        """Whether the two show the same, where this is said against it."""
        if doubt == Doubt.SHADES:
            hardly_differs = round(self.most + self.usual, 2) <= 0.85
            over_plain = self.extent >= 75 and self.beside >= 850 and self.under_mark <= 1
            is_wider = round(abs(self.ranges[0] - self.ranges[1]), 1) >= 4
            return hardly_differs or (round(self.ranges[0], 1) < 80 and is_wider and over_plain)
        few = self.side < 128 and doubt == Doubt.NOTHING
        if self.most <= (3 if few else 1.5):
            return True
        over_much = doubt == Doubt.NOTHING and self.extent >= 30 and self.under_mark <= 1
        over_all = self.extent >= 78 and self.beside >= 985 and self.under_mark <= 2.5
        return over_much or over_all


def is_same(first: Grey, second: Grey, cuts: npt.NDArray[np.int64], doubt: Doubt) -> bool:
    """Tells whether no place differs when the second picture is laid over the first.

    Args:
        first: In levels of 255, [side, side].
        second: The same.
        cuts: How the second was fitted so far (`pipelines.selection.fit.find_fit`), [2, 2].
        doubt: What was said against the pair.
    """
    one = smoothed(first)
    ranges = float(np.ptp(one)), float(np.ptp(smoothed(second)))
    ways = [_left_between(one, *way, ranges) for way in laid_over(one, smoothed(second), cuts)]
    if ways[0].most <= 0.25 and ways[0].is_same(doubt):
        return True
    return min(reversed(ways), key=lambda left: left.most).is_same(doubt)


def _left_between(
    one: Grey, two: Grey, as_it_is: Grey, shown: Flags, ranges: tuple[float, float]
) -> Left:
    place = max(1, len(one) // _PLACE_PARTS)
    inner = np.zeros_like(shown)
    inner[place:-place, place:-place] = shown[place:-place, place:-place]
    if not inner.any():
        return Left(255, 255)
    difference = np.where(inner, two - one, 0)
    usual = float(np.median(np.abs(difference[inner])))
    slopes = np.minimum(_largest_slopes(one), _largest_slopes(two))
    allowed = _LEVELS + _USUAL_TIMES * usual + _SLOPE_PART * slopes
    excess = np.clip(np.abs(difference) - allowed, 0, None)
    lost_in_white = (difference > 0) & (one >= _WHITE) | (difference < 0) & (as_it_is >= _WHITE)
    means = _means(excess, place)
    under_mark = min(
        _left_under_mark(one, difference, allowed, place),
        _left_under_mark(two, -difference, allowed, place),
    )
    return Left(
        most=float(_means(np.where(lost_in_white, 0, excess), place).max()),
        under_mark=under_mark,
        extent=_extent(means > _MARKED, len(one)),
        beside=_agreement_beside(one, two, inner & (np.abs(difference) <= allowed)),
        usual=usual,
        ranges=ranges,
        side=len(one),
    )


def _agreement_beside(one: Grey, two: Grey, agrees: Flags) -> int:
    """Returns how well edges agree in cells around which nothing differs, in thousandths."""
    place = max(1, len(one) // _PLACE_PARTS)
    inner = (slice(place, -place),) * 2
    around = np.pad(agrees[inner], 1, constant_values=True)
    side = len(around) - 2
    beside = np.ones((side, side), np.bool_)
    for row in range(3):
        for column in range(3):
            beside &= around[row : row + side, column : column + side]
    edges = []
    for cells in (one[inner], two[inner]):
        wide = np.pad(cells, 1, mode="edge")
        four = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
        edges.append((cells - four / 4)[beside])
    first, second = edges
    both = first @ second / np.sqrt((first @ first) * (second @ second) + _TINY)
    return round(1000 * float(both))


def _left_under_mark(under: Grey, difference: Grey, allowed: Grey, place: int) -> float:
    """Returns what is left where a mark of the shade that explains most was laid over a picture."""
    at = np.abs(difference) > allowed
    pulls = _MOST_OPAQUE * (_SHADES - under[at])
    changes = difference[at]
    beyond = np.maximum(changes - np.maximum(pulls, 0), np.minimum(pulls, 0) - changes)
    left = np.clip(beyond - allowed[at], 0, None)
    excess = np.zeros_like(under)
    excess[at] = left[left.sum(axis=1).round(1).argmin()]
    return float(_means(excess, place).max())


def _largest_slopes(cells: Grey) -> Grey:
    """Returns the largest slope in each 3 x 3 cells."""
    padded = np.pad(np.hypot(*slopes_of(cells)), 1, mode="edge")
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    largest: Grey = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return largest


def _means(excess: Grey, place: int) -> Grey:
    """Returns the mean of each place."""
    # Rounded, so that the last digits of sums, which differ between machines, decide nothing.
    means: Grey = means_of_places(excess, place).round(1)
    return means


def _extent(differs: Flags, side: int) -> int:
    """Returns over how much of a side places differ, in hundredths, the longer way."""
    if not differs.any():
        return 0
    spans = [np.ptp(np.flatnonzero(differs.any(axis=axis))) + 1 for axis in (0, 1)]
    return int(100 * max(spans)) // side


def means_of_places(values: Grey, place: int) -> Grey:
    """Returns the mean of each place."""
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    rows = sums[place:] - sums[:-place]
    means: Grey = (rows[:, place:] - rows[:, :-place]) / place**2
    return means
