"""Rules of shots: from a row of numbers a frame to the frames that a shot begins with. Pure.

A frame begins a shot in these cases, found in this order:

1. A hard cut: the grid differs from the frame before, and far more so than its neighbours differ
   from theirs, since a pan or a shaking camera raises those too. Its histogram must differ as well,
   which motion changes little; where that stands out by itself, it is enough.
2. Not light: the same picture lighter or darker is a flash, a lamp or a fade. Nor a black or white
   frame or some, after which the picture comes back. Another picture between is an insert, and
   counts.
3. A frame mixed of two shots makes one cut, not two.
4. A fade through black or white: halfway between the shots, where no cut is.

Cross-fades and wipes are not found: their two shots count as one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

# Raised when the same frames would give other shots or another score.
SHOTS_MODEL = "shots-v1"

GRID_COLUMNS, GRID_ROWS = 32, 18  # the grid
TAPS = 4  # samples of a cell, across and down
CELLS = GRID_COLUMNS * GRID_ROWS
LEVEL = CELLS * TAPS * TAPS  # one luma level of every sample
LAGS = 6  # frames back that each frame is compared with; also the longest flash

# tests/media/test_shots.py says what these find and miss.
MIN_CUT = 5  # levels of luma that a sample changes by at a cut, on average
_MIN_MOVED = 40  # cells of 576 that change their place in the histogram
_STRONGLY_MOVED = 115
_NEIGHBOUR_TENTHS = 30  # tenths of the neighbours' mean
_NEIGHBOURS = 5  # frames to either side; the two that differ most do not count
_RETURN_TENTHS = 4  # tenths of a cut's difference: a flash leaves less behind
_FLAT, _DARK, _BRIGHT = 16, 40, 224  # levels in the middle of a fade: its spread and its mean

# Columns of the series, after the differences from the 1st to 6th frame before: sum and spread of
# the cells, how many cells moved in the histogram, whether the frame is the one before it in other
# light, and whether the one before it is a mix of its neighbours.
MEAN, SPREAD, MOVED, LIGHT_CHANGE, IS_MIX, SERIES_WIDTH = range(LAGS, LAGS + 6)

IntArray = npt.NDArray[np.int64]


def candidate_cuts(series: IntArray) -> list[int]:
    """Frames that differ enough from the one before, and more than their neighbours do."""
    step, moved = series[:, 0], series[:, MOVED]
    candidates = []
    blank = _blank_frames(series)
    changed = (step >= MIN_CUT * LEVEL) & (moved >= _MIN_MOVED)
    for at in np.flatnonzero(changed & (series[:, LIGHT_CHANGE] == 0)).tolist():
        # Next to black every histogram moves: there the step alone counts.
        by_histogram = moved[at] >= _STRONGLY_MOVED and not blank[at - 1 : at + 1].any()
        if _exceeds_neighbours(step, at) or (by_histogram and _exceeds_neighbours(moved, at)):
            candidates.append(at)
    return candidates


def _exceeds_neighbours(values: IntArray, at: int) -> bool:
    """Whether a value is far above those around it."""
    left, right = values[max(1, at - _NEIGHBOURS) : at], values[at + 1 : at + 1 + _NEIGHBOURS]
    neighbours = np.sort(np.concatenate([left, right]))
    # Other cuts may be near. At the ends of a film there are fewer neighbours to leave out.
    neighbours = (
        neighbours[:-2] if len(neighbours) > 4 else neighbours[: (len(neighbours) + 1) // 2]
    )
    return bool(10 * int(values[at]) * len(neighbours) >= _NEIGHBOUR_TENTHS * int(neighbours.sum()))


def hard_cuts(series: IntArray, candidates: Sequence[int]) -> list[int]:
    """Hard cuts: what was found but for black or white frames and second cuts at a mixed frame."""
    blank = _blank_frames(series)
    cuts: list[int] = []
    for at in candidates:
        is_second_cut = series[at, IS_MIX] and at - 1 in candidates
        is_flash = (blank[at - 1] or blank[at]) and _picture_returns(series, at)
        if not is_second_cut and not is_flash:
            cuts.append(at)
    return cuts


def _blank_frames(series: IntArray) -> npt.NDArray[np.bool_]:
    """Which frames are black or white all over."""
    level = series[:, MEAN] // LEVEL
    flat = series[:, SPREAD] <= _FLAT * TAPS * TAPS
    return np.asarray(flat & ((level <= _DARK) | (level >= _BRIGHT)))


def _picture_returns(series: IntArray, at: int) -> bool:
    """Whether the picture before a change, or after it, is there again on its other side."""
    limit = _RETURN_TENTHS * int(series[at, 0])
    for lag in range(2, LAGS + 1):
        begins = at - 1 + lag < len(series) and 10 * series[at - 1 + lag, lag - 1] < limit
        ends = at >= lag and 10 * series[at, lag - 1] < limit
        if begins or ends:
            return True
    return False


def fade_cuts(series: IntArray, candidates: Sequence[int]) -> list[int]:
    """Middles of black or white passages between two shots that no sudden change bounds."""
    blank = _blank_frames(series)
    edges = np.flatnonzero(np.diff(blank.astype(np.int8), prepend=0, append=0))
    middles = []
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        is_inside = first > 0 and end < len(blank)
        if is_inside and not any(first <= at <= end for at in candidates):
            middles.append((first + end) // 2)
    return middles
