"""Tells whether anything differs between two pictures that lie exactly over one another.

Of two files of one work, what is left is noise, the same everywhere, and a little at edges, that
are softer or lie a part of a cell elsewhere. Where a place differs by more, it shows another thing,
or something was laid over one of the pictures. Only a pale mark over much of the picture, such as a
watermark, is taken for the latter: it draws all cells towards one shade. A sign in a corner may as
well be another word.

The limits were chosen with the libraries of `tests.bench.likeness` (docs/performance.md,
"Near-duplicates").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.selection.aligned import (
    Flags,
    Grey,
    Moved,
    Picture,
    aligned,
    fitted,
    matched,
    steepness_of,
)

#: By how much a cell may differ: in levels of 255; by how often the usual difference; and by which
#: part of the slope next to it, as where an edge lies such a part of a cell elsewhere.
_LEVELS, _USUAL_TIMES, _SLOPE_PART = 1.0, 2.0, 0.2
#: In how many cells of a side pictures are compared: no more than the smaller one has pixels.
CLOSE_SIDES = (128, 96, 72, 48)
_PLACE_PARTS = 32  # a place is one in so many parts of a side; as much at the border is left out
#: Levels by which a place may differ by more, on average.
MOST_LEFT = 1.5
#: The same where edges agree and there are fewer cells: a place is one to three cells wide, and how
#: a file is resized shows in single cells.
MOST_LEFT_SMALL = 3.0
#: The same of pictures that lie as they were fitted so far: they need not be laid more exactly.
_HARDLY_ANY_LEFT = 0.25
_MOST_OPAQUE = 0.5  # share of a mark's own shade in what shows
_MARKED = 0.75  # levels by which a place differs more than it may, where a mark may be
#: What a mark may leave: it goes over so many hundredths of a side at least, edges agree in so many
#: thousandths at least, and places differ by so many levels at most, but for the mark.
MARKS = ((30, 0, 1.0), (78, 985, 2.0))
_SHADES = np.arange(0, 257, 32).clip(max=255)[:, None]  # of a mark


def is_same(
    first: Picture, second: Picture, cuts: npt.NDArray[np.int64], agreement: int | None
) -> bool:
    """Tells whether no place differs when the second picture is laid over the first.

    Args:
        first: A picture.
        second: Another, of as many cells.
        cuts: How the second was fitted so far (`pipelines.selection.fit.find_fit`), [2, 2].
        agreement: Of edges, in thousandths, if these say that the two show the same: then a place
            may differ by what a pale mark over one of the pictures explains. Else None.
    """
    start = fitted(second, cuts)
    left = _left_between(first, start)
    most = left.most
    if most <= _HARDLY_ANY_LEFT:
        return True
    moved = aligned(first, second, start)
    if moved is not start:
        left = _left_between(first, moved)
        most = left.most
    if most <= MOST_LEFT:
        return True
    if agreement is None:
        return False
    is_small = len(first.cells) < CLOSE_SIDES[0]
    return (is_small and most <= MOST_LEFT_SMALL) or _is_marked(first, left, agreement)


@dataclass(frozen=True, slots=True)
class _Left:
    """What is left between two pictures, but for their borders.

    Attributes:
        cells: The second picture's.
        difference: By how much they are lighter than the first one's.
        allowed: By how much each may differ.
        excess: By how much more each does.
        place: Cells of a place's side.
    """

    cells: Grey
    difference: Grey
    allowed: Grey
    excess: Grey
    place: int

    @property
    def most(self) -> float:
        """Levels by which the place that differs most does so by more than it may."""
        return _most(self.excess, self.place)


def _left_between(first: Picture, second: Moved) -> _Left:
    cells = matched(first, second)
    place = max(1, len(cells) // _PLACE_PARTS)
    inner = (slice(place, -place),) * 2
    difference = cells[inner] - first.cells[inner]
    outside = None
    if second.shown is not None and not second.shown[inner].all():
        outside = ~second.shown[inner]
        difference[outside] = 0
    size = np.abs(difference)
    counted = size if outside is None else size[~outside]
    usual = np.median(counted) if counted.size else 0
    allowed = np.minimum(first.steepness[inner], steepness_of(cells)[inner])
    np.sqrt(allowed, out=allowed)
    allowed *= _SLOPE_PART
    allowed += _LEVELS + _USUAL_TIMES * usual
    size -= allowed
    excess = np.maximum(size, 0, out=size)
    return _Left(cells[inner], difference, allowed, excess, place)


def _is_marked(first: Picture, left: _Left, agreement: int) -> bool:
    """Tells whether what is left is a pale mark that was laid over one of the pictures."""
    place = left.place
    # Also of places that are half outside.
    means = (_sums(np.pad(left.excess, place), place) / place**2).round(1)
    extent = _extent(means > _MARKED, len(first.cells))
    limits = [most for least, agree, most in MARKS if extent >= least and agreement >= agree]
    if not limits:
        return False
    inner = (slice(place, -place),) * 2
    sides = (first.cells[inner], left.difference), (left.cells, -left.difference)
    return any(_left_under_mark(*side, left) <= max(limits) for side in sides)


def _left_under_mark(under: Grey, difference: Grey, left: _Left) -> float:
    """Returns what is left where a mark of the shade that explains most was laid over a picture."""
    at = np.abs(difference) > left.allowed
    pulls = _MOST_OPAQUE * (_SHADES - under[at])
    changes = difference[at]
    beyond = np.maximum(changes - np.maximum(pulls, 0), np.minimum(pulls, 0) - changes)
    unexplained = np.clip(beyond - left.allowed[at], 0, None)
    excess = np.zeros_like(difference)
    excess[at] = unexplained[unexplained.sum(axis=1).round(1).argmin()]
    return _most(excess, left.place)


def _most(excess: Grey, place: int) -> float:
    """Returns the mean of the place in which it is largest."""
    # Rounded, so that the last digits of sums, which differ between machines, decide nothing.
    return float((_sums(excess, place).max() / place**2).round(1))


def _sums(excess: Grey, place: int) -> Grey:
    """Returns the sum of each place."""
    rows = excess[: 1 - place or None].copy()
    for at in range(1, place):
        rows += excess[at : len(rows) + at]
    across = rows.shape[1] - place + 1
    sums = rows[:, :across].copy()
    for at in range(1, place):
        sums += rows[:, at : across + at]
    return sums


def _extent(differs: Flags, side: int) -> int:
    """Returns over how much of a side places differ, in hundredths, the longer way."""
    spans = [np.ptp(np.flatnonzero(differs.any(axis=axis))) + 1 for axis in (0, 1)]
    return int(100 * max(spans)) // side
