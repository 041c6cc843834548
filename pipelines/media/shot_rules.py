"""Decides which frames begin a shot, from a row of measurements per frame. Pure functions.

The rules, applied in this order:

1. A hard cut begins a shot: the frame's grid differs from the frame before, and by far more than
   the frames around it differ from theirs, since a pan or a shaking camera makes all of them
   differ. The histogram must change too, because motion changes it little; a histogram change
   that is far above those around it is sufficient on its own.
2. The same picture is not a cut: lighter or darker, it is a flash, a lamp or a fade; moved a
   little, it is a shaking camera. A few black or white frames after which the same picture returns
   are not a cut either. A different picture in between (an insert) is a shot.
3. A frame that is a mix of two shots makes one cut, not two.
4. A fade through black or white is a cut at its middle, unless a hard cut was found there.

5. A dissolve is a cut at its middle, unless a cut was found within it (`gradual`).

Wipes are not looked for: their two shots may count as one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

# Increase this when the same film would give other shots, another motion score, or other pictures
# of its shots.
SHOTS_MODEL = "shots-v3"

GRID_COLUMNS, GRID_ROWS = 32, 18  # cells
TAPS = 4  # samples per cell, across and down
CELLS = GRID_COLUMNS * GRID_ROWS
LEVEL = CELLS * TAPS * TAPS  # the sum when every sample differs by one level of luma
LAGS = 6  # how many earlier frames each frame is compared with; also the longest flash

# tests/media/test_shots.py shows what these thresholds find and miss.
MIN_CUT = 5  # levels of luma by which a sample changes at a cut, on average
MIN_MOVED = 40  # cells, of 576, that move to another histogram bin at a cut
STRONGLY_MOVED = 115  # likewise, where the histogram alone is sufficient
_NEIGHBOUR_TENTHS = 30  # tenths of the neighbours' mean that a cut must reach
_NEIGHBOURS = 5  # frames on either side; the two that differ most are left out
_RETURN_TENTHS = 4  # tenths of a cut's difference; after a flash, less than this remains
_FLAT, _DARK, _BRIGHT = 16, 40, 224  # levels of a blank frame: largest spread, limits of its mean

# Columns of the series, after the differences from the 1st to 6th frame before: the sum and the
# spread of the cells, how many cells moved in the histogram, whether the frame before is the same
# picture in other light or moved a little, and whether it is a mix of its neighbours.
MEAN, SPREAD, MOVED, SAME_PICTURE, IS_MIX, SERIES_WIDTH = range(LAGS, LAGS + 6)

IntArray = npt.NDArray[np.int64]


def candidate_cuts(series: IntArray) -> list[int]:
    """Returns the frames that differ enough from the one before, and more than their neighbours."""
    step, moved = series[:, 0], series[:, MOVED]
    candidates = []
    blank = _blank_frames(series)
    changed = (step >= MIN_CUT * LEVEL) & (moved >= MIN_MOVED)
    for at in np.flatnonzero(changed & (series[:, SAME_PICTURE] == 0)).tolist():
        # Next to a blank frame every histogram moves, so only the difference counts there.
        by_histogram = moved[at] >= STRONGLY_MOVED and not blank[at - 1 : at + 1].any()
        if _exceeds_neighbours(step, at) or (by_histogram and _exceeds_neighbours(moved, at)):
            candidates.append(at)
    return candidates


def _exceeds_neighbours(values: IntArray, at: int) -> bool:
    """Tells whether a value is far above those around it."""
    left, right = values[max(1, at - _NEIGHBOURS) : at], values[at + 1 : at + 1 + _NEIGHBOURS]
    neighbours = np.sort(np.concatenate([left, right]))
    # The largest are left out, since other cuts may be near. At the ends of a film there are
    # fewer neighbours, so fewer are left out.
    neighbours = (
        neighbours[:-2] if len(neighbours) > 4 else neighbours[: (len(neighbours) + 1) // 2]
    )
    return bool(10 * int(values[at]) * len(neighbours) >= _NEIGHBOUR_TENTHS * int(neighbours.sum()))


def hard_cuts(series: IntArray, candidates: Sequence[int]) -> list[int]:
    """Returns the candidates that are not flashes, lost frames or second cuts at a mixed frame."""
    blank = _blank_frames(series)
    cuts: list[int] = []
    for at in candidates:
        is_second_cut = series[at, IS_MIX] and at - 1 in candidates
        is_flash = (blank[at - 1] or blank[at]) and _picture_returns(series, at)
        if not is_second_cut and not is_flash:
            cuts.append(at)
    return cuts


def _blank_frames(series: IntArray) -> npt.NDArray[np.bool_]:
    """Tells for each frame whether it is black or white all over."""
    level = series[:, MEAN] // LEVEL
    flat = series[:, SPREAD] <= _FLAT * TAPS * TAPS
    return np.asarray(flat & ((level <= _DARK) | (level >= _BRIGHT)))


def _picture_returns(series: IntArray, at: int) -> bool:
    """Tells whether the picture on one side of a change appears again on the other side."""
    limit = _RETURN_TENTHS * int(series[at, 0])
    for lag in range(2, LAGS + 1):
        begins = at - 1 + lag < len(series) and 10 * series[at - 1 + lag, lag - 1] < limit
        ends = at >= lag and 10 * series[at, lag - 1] < limit
        if begins or ends:
            return True
    return False


def fade_cuts(series: IntArray, candidates: Sequence[int]) -> list[int]:
    """Returns the middles of black or white passages between two shots without a hard cut."""
    blank = _blank_frames(series)
    edges = np.flatnonzero(np.diff(blank.astype(np.int8), prepend=0, append=0))
    middles = []
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        is_inside = first > 0 and end < len(blank)
        if is_inside and not any(first <= at <= end for at in candidates):
            middles.append((first + end) // 2)
    return middles
