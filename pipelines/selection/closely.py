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
from enum import IntEnum

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
from pipelines.selection.fit import edges_of
from pipelines.selection.residual import PLAIN_RANGE, WHITE

#: By how much a cell may differ: in levels of 255; by how often the usual difference; and by which
#: part of the slope next to it, as where an edge lies such a part of a cell elsewhere.
_LEVELS, _USUAL_TIMES, _SLOPE_PART = 1.0, 2.0, 0.2
#: In how many cells of a side pictures are compared: no more than the smaller one has pixels.
CLOSE_SIDES = (128, 96, 72, 48)
_TINY = 1e-6
_PLACE_PARTS = 32  # a place is one in so many parts of a side; as much at the border is left out
#: Levels by which a place may differ by more, on average.
MOST_LEFT = 1.5
#: The same where edges agree and there are fewer cells: a place is one to three cells wide, and how
#: a file is resized shows in single cells.
MOST_LEFT_SMALL = 3.0
_HARDLY_ANY_LEFT = 0.25  # levels; with less, pictures need not be laid more exactly
#: The same together with the usual difference, where a part may have another shade: when contrast
#: is made equal, that shows in one of the two.
_MOST_LEFT_AND_USUAL = 0.85
_MOST_OPAQUE = 0.5  # share of a mark's own shade in what shows
_MARKED = 0.75  # levels by which a place differs more than it may, where a mark may be
_LEAST_WIDER = 4  # levels by which a mark that shows on a plain surface makes the range wider


class Doubt(IntEnum):
    """What coarser cells say against a pair that is alike (`pipelines.selection.certain`)."""

    NOTHING = 0
    EDGES = 1  # in a part, they are other ones
    SHADES = 2  # a part has another shade


@dataclass(frozen=True, slots=True)
class _MarkLimits:
    """What a mark may leave.

    Attributes:
        extent: It goes over so much of a side at least, in hundredths.
        agreement: Edges beside it agree so well at least, in thousandths.
        most: Levels by which places may differ, but for the mark.
    """

    extent: int
    agreement: int
    most: float


_MARKS = {
    Doubt.NOTHING: (_MarkLimits(30, -1000, 1.0), _MarkLimits(78, 985, 2.5)),
    Doubt.EDGES: (_MarkLimits(78, 985, 2.5),),
    Doubt.SHADES: (_MarkLimits(75, 850, 1.0),),
}
_SHADES = np.arange(0, 257, 32).clip(max=255)[:, None]  # of a mark


def is_same(first: Picture, second: Picture, cuts: npt.NDArray[np.int64], doubt: Doubt) -> bool:
    """Tells whether no place differs when the second picture is laid over the first.

    Args:
        first: A picture.
        second: Another, of as many cells.
        cuts: How the second was fitted so far (`pipelines.selection.fit.find_fit`), [2, 2].
        doubt: What was said against the pair. The more it is, the less may a place differ, and the
            surer it must be that what differs is a pale mark over one of the pictures.
    """
    start = fitted(second, cuts)
    left = _left_between(first, start)
    side = len(first.cells)
    if left.most <= _HARDLY_ANY_LEFT and _differs_little(left, doubt, side):
        return True
    moved = aligned(first, second, start)
    if moved is not start:
        left = min(_left_between(first, moved), left, key=lambda left: left.most)
    if _differs_little(left, doubt, side):
        return True
    if doubt == Doubt.SHADES and not _is_wider_plain(first, second):
        return False
    return _is_marked(first, left, doubt)


def _is_wider_plain(first: Picture, second: Picture) -> bool:
    """Tells whether the first picture is of a plain surface and one of both has a wider range."""
    ranges = [round(float(np.ptp(side.cells)), 1) for side in (first, second)]
    return ranges[0] < PLAIN_RANGE and abs(ranges[0] - ranges[1]) >= _LEAST_WIDER


def _differs_little(left: _Left, doubt: Doubt, side: int) -> bool:
    """Tells whether no place differs by more than files of one work do."""
    if doubt == Doubt.SHADES:
        return round(left.most + left.usual, 2) <= _MOST_LEFT_AND_USUAL
    if doubt == Doubt.NOTHING and side < CLOSE_SIDES[0]:
        return left.most <= MOST_LEFT_SMALL
    return left.most <= MOST_LEFT


@dataclass(frozen=True, slots=True)
class _Left:
    """What is left between two pictures, but for their borders.

    Attributes:
        cells: The second picture's.
        difference: By how much they are lighter than the first one's.
        allowed: By how much each may differ.
        excess: By how much more each does.
        usual: The usual difference, in levels.
        most: Levels by which the place that differs most does so by more than it may, where neither
            picture has lost anything in white.
        outside: Where the second picture has no cells; None if it has all.
        place: Cells of a place's side.
    """

    cells: Grey
    difference: Grey
    allowed: Grey
    excess: Grey
    usual: float
    most: float
    outside: Flags | None
    place: int


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
    usual = float(np.median(counted)) if counted.size else 0.0
    allowed = np.minimum(first.steepness[inner], steepness_of(cells)[inner])
    np.sqrt(allowed, out=allowed)
    allowed *= _SLOPE_PART
    allowed += _LEVELS + _USUAL_TIMES * usual
    size -= allowed
    excess = np.maximum(size, 0, out=size)
    clipped = _is_clipped(difference, first.cells[inner], second.cells[inner])
    most = _most(np.where(clipped, 0, excess), place)
    return _Left(cells[inner], difference, allowed, excess, usual, most, outside, place)


def _is_clipped(difference: Grey, first: Grey, second: Grey) -> Flags:
    """Tells where one picture may have lost in white what the other shows.

    Args:
        difference: By how much the second picture is lighter, in the first one's contrast.
        first: The first one's cells.
        second: The second one's, as they are.
    """
    clipped: Flags = (difference > 0) & (first >= WHITE)
    clipped |= (difference < 0) & (second >= WHITE)
    return clipped


def _is_marked(first: Picture, left: _Left, doubt: Doubt) -> bool:
    """Tells whether what is left is a pale mark that was laid over one of the pictures."""
    place = left.place
    # Also of places that are half outside.
    means = (_sums(np.pad(left.excess, place), place) / place**2).round(1)
    marked = means > _MARKED
    if not marked.any():
        return False
    extent = _extent(marked, len(first.cells))
    limits = [limit for limit in _MARKS[doubt] if extent >= limit.extent]
    if not limits:
        return False
    inner = first.cells[place:-place, place:-place]
    agreement = _agreement_beside(inner, left)
    limits = [limit for limit in limits if agreement >= limit.agreement]
    if not limits:
        return False
    sides = (inner, left.difference), (left.cells, -left.difference)
    most = max(limit.most for limit in limits)
    return any(_left_under_mark(*side, left) <= most for side in sides)


def _agreement_beside(first: Grey, left: _Left) -> int:
    """Returns how well edges agree beside what differs, in thousandths."""
    differs = np.abs(left.difference) > left.allowed
    if left.outside is not None:
        differs |= left.outside
    padded = np.pad(differs, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    beside = ~(rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:])
    one, two = (edges_of(cells[None])[0][beside] for cells in (first, left.cells))
    both = np.vdot(one, two) / np.sqrt(np.vdot(one, one) * np.vdot(two, two) + _TINY)
    return round(1000 * float(both))


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
