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

COLUMNS, ROWS = 32, 18  # the grid
TAPS = 4  # samples of a cell, across and down
CELLS = COLUMNS * ROWS
LEVEL = CELLS * TAPS * TAPS  # one luma level of every sample
LAGS = 6  # frames back that each frame is compared with; also the longest flash

# tests/media/test_shots.py says what these find and miss.
LEAST_CUT = 5  # levels of luma that a sample changes by at a cut, on average
_LEAST_MOVED = 40  # cells of 576 that change their place in the histogram
_MUCH_MOVED = 115
_OVER_NEIGHBOURS = 30  # tenths of the neighbours' mean
_NEIGHBOURS = 5  # frames to either side; the two that differ most do not count
_RETURNED = 4  # tenths of a cut's difference: a flash leaves less behind
_FLAT, _DARK, _BRIGHT = 16, 40, 224  # levels in the middle of a fade: its spread and its mean

# Columns of the series, after the differences from the 1st to 6th frame before: sum and spread of
# the cells, how many cells moved in the histogram, whether the frame is the one before it in other
# light, and whether the one before it is a mix of its neighbours.
MEAN, SPREAD, MOVED, LIGHT, MIX, WIDTH = range(LAGS, LAGS + 6)

Numbers = npt.NDArray[np.int64]


def stand_out(series: Numbers) -> list[int]:
    """Frames that differ enough from the one before, and more than their neighbours do."""
    step, moved = series[:, 0], series[:, MOVED]
    found = []
    plain = _plain(series)
    changed = (step >= LEAST_CUT * LEVEL) & (moved >= _LEAST_MOVED)
    for at in np.flatnonzero(changed & (series[:, LIGHT] == 0)).tolist():
        # Next to black every histogram moves: there the step alone counts.
        by_place = moved[at] >= _MUCH_MOVED and not plain[at - 1 : at + 1].any()
        if _over_neighbours(step, at) or (by_place and _over_neighbours(moved, at)):
            found.append(at)
    return found


def _over_neighbours(values: Numbers, at: int) -> bool:
    """Whether a value is far above those around it."""
    left, right = values[max(1, at - _NEIGHBOURS) : at], values[at + 1 : at + 1 + _NEIGHBOURS]
    around = np.sort(np.concatenate([left, right]))
    # Other cuts may be near. At the ends of a film there are fewer neighbours to leave out.
    around = around[:-2] if len(around) > 4 else around[: (len(around) + 1) // 2]
    return bool(10 * int(values[at]) * len(around) >= _OVER_NEIGHBOURS * int(around.sum()))


def cuts_of(series: Numbers, found: Sequence[int]) -> list[int]:
    """Hard cuts: what was found but for black or white frames and second cuts at a mixed frame."""
    plain = _plain(series)
    cuts: list[int] = []
    for at in found:
        mixed = series[at, MIX] and at - 1 in found
        lost = (plain[at - 1] or plain[at]) and _returns(series, at)
        if not mixed and not lost:
            cuts.append(at)
    return cuts


def _plain(series: Numbers) -> npt.NDArray[np.bool_]:
    """Which frames are black or white all over."""
    level = series[:, MEAN] // LEVEL
    flat = series[:, SPREAD] <= _FLAT * TAPS * TAPS
    return np.asarray(flat & ((level <= _DARK) | (level >= _BRIGHT)))


def _returns(series: Numbers, at: int) -> bool:
    """Whether the picture before a change, or after it, is there again on its other side."""
    most = _RETURNED * int(series[at, 0])
    for lag in range(2, LAGS + 1):
        begins = at - 1 + lag < len(series) and 10 * series[at - 1 + lag, lag - 1] < most
        ends = at >= lag and 10 * series[at, lag - 1] < most
        if begins or ends:
            return True
    return False


def fades_of(series: Numbers, found: Sequence[int]) -> list[int]:
    """Middles of black or white passages between two shots that no sudden change bounds."""
    plain = _plain(series)
    edges = np.flatnonzero(np.diff(plain.astype(np.int8), prepend=0, append=0))
    middles = []
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        inner = first > 0 and end < len(plain)
        if inner and not any(first <= at <= end for at in found):
            middles.append((first + end) // 2)
    return middles
