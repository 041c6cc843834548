"""Finds dissolves: changes of shot in which one picture turns into another within 48 frames.

In a dissolve, every cell of the picture goes straight from one value to another, all at the same
pace. So the frames between two moments are mixes of the two, and the changes from frame to frame
add up to the whole change. A moving camera or subject makes cells go up and down; light changes the
picture without making another of it.

Windows of several lengths are tried around every frame. Cells are those of `shots`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.media.grid_likeness import is_moved
from pipelines.media.shot_rules import CELLS, LEVEL

Cells = npt.NDArray[np.int16]
_Totals = npt.NDArray[np.int64]

#: Half the lengths of the windows, in frames.
_HALVES = (3, 6, 12, 24)
#: How many earlier frames are needed to judge a new one.
REACH = 2 * _HALVES[-1]
_MIN_CHANGE = 10  # levels of luma by which a sample changes, on average
_MIN_STRAIGHT = 50  # hundredths of the frames' changes that the whole change must be
_MAX_STEP = 45  # hundredths of the whole change that one frame may change
_MAX_ERROR = 27  # hundredths of the whole change: how far frames between may be from a mix
_MAX_LIKENESS = 80  # hundredths: correlation of the pictures before and after
_MIN_CELL_CHANGE = 4 * LEVEL // CELLS
_MIN_CHANGED = 45  # hundredths of the cells that change by so much
_MIN_SPREAD = 24  # levels between the darkest and brightest cell of a picture, not a blank frame


@dataclass(frozen=True)
class Dissolve:
    """One window in which a dissolve was seen.

    Attributes:
        middle: The frame at its middle.
        half: Frames from there to either end of the window.
        change: By how much all cells differ between the ends.
        error: By how much the frames between differ from a mix of the ends, and the middle from an
            even one.
    """

    middle: int
    half: int
    change: int
    error: int


class DissolveFinder:
    """Takes the cells of a film's frames in batches and then returns its dissolves.

    Keeps the cells of the last `REACH` frames.

    Attributes:
        seen: Windows in which a dissolve was seen so far.
    """

    def __init__(self) -> None:
        self._cells = np.zeros((0, CELLS), np.int16)
        self._end = 0  # number of frames seen
        self.seen: list[Dissolve] = []

    def add(self, cells: Cells) -> None:
        """Adds the next frames: [n, 576]."""
        before = len(self._cells)
        known = np.concatenate([self._cells, cells])
        self.seen += _dissolves_in(known, before, self._end - before)
        self._cells = known[-REACH:]
        self._end += len(cells)

    def finish(self, cuts: Sequence[int]) -> list[int]:
        """Returns the middles of the dissolves, except where there is a cut.

        Args:
            cuts: The first frames of shots that were found otherwise, in order.
        """
        middles: list[int] = []
        taken = np.asarray(cuts, np.int64)
        for group in _overlapping(sorted(self.seen, key=lambda one: one.middle - one.half)):
            largest = max(one.change for one in group)
            whole = [one for one in group if 10 * one.change >= 9 * largest]
            best = min(whole, key=lambda one: (one.error / one.change, one.half, one.middle))
            first, last = best.middle - best.half, best.middle + best.half
            if not ((taken > first) & (taken <= last)).any():
                middles.append(best.middle)
        return middles


def _dissolves_in(cells: Cells, before: int, offset: int) -> Iterator[Dissolve]:
    """Yields the windows with a dissolve that end in a frame from `before` on.

    Args:
        cells: Of consecutive frames.
        before: How many of these were there earlier.
        offset: The number of the first of them.
    """
    steps = np.zeros(len(cells), np.int64)
    steps[1:] = np.abs(np.diff(cells, axis=0)).sum(axis=1, dtype=np.int64)
    total = np.cumsum(steps)
    for half in _HALVES:
        first_end = max(before, 2 * half)
        if first_end >= len(cells):
            continue
        ends = np.arange(first_end, len(cells))
        starts = ends - 2 * half
        change = np.abs(cells[ends] - cells[starts]).sum(axis=1, dtype=np.int64)
        straight = 100 * change >= _MIN_STRAIGHT * (total[ends] - total[starts])
        for at in np.flatnonzero(straight & (change >= _MIN_CHANGE * LEVEL)).tolist():
            start, end = int(starts[at]), int(ends[at])
            whole = int(change[at])
            if 100 * int(steps[start + 1 : end + 1].max()) > _MAX_STEP * whole:
                continue
            error = _mix_error(cells[start : end + 1], half, whole)
            if error is not None:
                yield Dissolve(offset + start + half, half, whole, error)


def _mix_error(window: Cells, half: int, change: int) -> int | None:
    """Returns how far the frames of a window are from mixes of its ends; None if too far."""
    first, last = window[0].astype(np.int64), window[-1].astype(np.int64)
    if min(_spread(first), _spread(last)) < _MIN_SPREAD * LEVEL // CELLS:
        return None
    # A title or a subject changes a part of the picture only.
    if 100 * int((np.abs(last - first) >= _MIN_CELL_CHANGE).sum()) < _MIN_CHANGED * CELLS:
        return None
    parts = []
    worst = 0
    for at in (half // 2, half, 2 * half - half // 2):
        mid = window[at].astype(np.int64)
        # The weight of the last frame that fits best, in 256ths.
        along = int(((mid - first) * (last - first)).sum())
        part = min(256, max(0, 256 * along // max(1, int(((last - first) ** 2).sum()))))
        error = int(np.abs(256 * mid - (256 - part) * first - part * last).sum()) // 256
        if 100 * error > _MAX_ERROR * change:
            return None
        worst = max(worst, error)
        parts.append(part)
    if not (parts[0] < parts[1] < parts[2] and 64 <= parts[1] <= 192):
        return None
    if is_moved(window[0], window[-1], _MAX_LIKENESS):
        return None
    return worst + change * abs(parts[1] - 128) // 256


def _spread(cells: _Totals) -> int:
    return int(cells.max() - cells.min())


def _overlapping(found: Sequence[Dissolve]) -> list[list[Dissolve]]:
    """Groups windows, in the order of their starts, whose middles lie in one another."""
    groups: list[list[Dissolve]] = []
    for one in found:
        near = next(
            (
                group
                for group in reversed(groups[-4:])
                if any(
                    abs(one.middle - other.middle) <= max(one.half, other.half) for other in group
                )
            ),
            None,
        )
        if near is None:
            groups.append([one])
        else:
            near.append(one)
    return groups
