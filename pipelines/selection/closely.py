"""Tells whether anything differs between two pictures that lie exactly over one another.

Of two files of one work, what is left is noise, the same everywhere, and a little at edges, that
are softer or lie a part of a cell elsewhere. Where a place differs by more, it shows another thing,
or something was laid over one of the pictures. Only a pale mark over much of the picture, such as a
watermark, is taken for the latter: it draws all cells towards one shade. A sign in a corner may as
well be another word.

The limits were chosen with the libraries of `tests.bench.likeness`, but for its series
(docs/performance.md, "Near-duplicates").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.selection.aligned import Flags, Grey, aligned, slopes_of, smoothed
from pipelines.selection.residual import means_of_places

#: By how much a cell may differ: in levels of 255; by how often the usual difference; and by which
#: part of the slope next to it, as where an edge lies such a part of a cell elsewhere.
_LEVELS, _USUAL_TIMES, _SLOPE_PART = 1.0, 2.0, 0.2
#: In how many cells of a side pictures are compared: no more than the smaller one has pixels.
CLOSE_SIDES = (128, 96, 72, 48)
_PLACE_PARTS = 32  # a place is one in so many parts of a side; as much at the border is left out
#: Levels by which a place may differ by more, on average.
MOST_LEFT = 1.5
MOST_LEFT_UNDER_MARK = 1.0  # the same, but for what a pale mark explains
_MOST_OPAQUE = 0.5  # share of a mark's own shade in what shows
_MARKED = 0.75  # levels by which a place differs more than it may, where a mark may be
_LEAST_EXTENT = 30  # hundredths of a side, over which a mark goes
_SHADES = np.arange(0, 257, 32).clip(max=255)[:, None]  # of a mark


@dataclass(frozen=True, slots=True)
class Left:
    """What is left between two pictures.

    Attributes:
        most: Levels by which the place that differs most does so by more than it may.
        under_mark: The same, but for what a pale mark explains.
        extent: Share of a side, in hundredths, over which places differ.
    """

    most: float
    under_mark: float
    extent: int

    @property
    def nothing(self) -> bool:
        """Whether no place differs."""
        return self.most <= MOST_LEFT

    @property
    def mark_at_most(self) -> bool:
        """Whether no place differs but for a pale mark."""
        under_mark = self.under_mark <= MOST_LEFT_UNDER_MARK
        return self.nothing or (under_mark and self.extent >= _LEAST_EXTENT)


def left_between(first: Grey, second: Grey, cuts: npt.NDArray[np.int64]) -> Left:
    """Returns what is left between two pictures when the second is laid over the first.

    Args:
        first: In levels of 255, [side, side].
        second: The same.
        cuts: How the second was fitted so far (`pipelines.selection.fit.find_fit`), [2, 2].
    """
    one = smoothed(first)
    two, shown = aligned(one, smoothed(second), cuts)
    place = max(1, len(one) // _PLACE_PARTS)
    inner = np.zeros_like(shown)
    inner[place:-place, place:-place] = shown[place:-place, place:-place]
    if not inner.any():
        return Left(255, 255, 0)
    difference = np.where(inner, two - one, 0)
    usual = np.median(np.abs(difference[inner]))
    slopes = np.minimum(_largest_slopes(one), _largest_slopes(two))
    allowed = _LEVELS + _USUAL_TIMES * usual + _SLOPE_PART * slopes
    excess = np.clip(np.abs(difference) - allowed, 0, None)
    means = _means(excess, place)
    most = float(means.max())
    if most <= MOST_LEFT:
        return Left(most, most, 0)
    under_mark = min(
        _left_under_mark(one, difference, allowed, place),
        _left_under_mark(two, -difference, allowed, place),
    )
    return Left(most, under_mark, _extent(means > _MARKED, len(one)))


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
    means: Grey = means_of_places(excess[None], (place, place))[0].round(1)
    return means


def _extent(differs: Flags, side: int) -> int:
    """Returns over how much of a side places differ, in hundredths, the longer way."""
    spans = [np.ptp(np.flatnonzero(differs.any(axis=axis))) + 1 for axis in (0, 1)]
    return int(100 * max(spans)) // side
