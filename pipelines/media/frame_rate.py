"""Finds a film's frame rate from the times of its frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

# Rates of cameras and editing programs. Many files count time in units too coarse to give their
# exact frame times: 600 to the second, or 1,000.
_STANDARD_RATES = tuple(
    Fraction(rate * 1000, divisor)
    for rate in (12, 15, 24, 25, 30, 48, 50, 60, 100, 120, 240)
    for divisor in (1000, 1001)
)
# Frames at least so many units apart may be a unit off; if they are nearer, that is visible.
_MIN_UNITS = 4
_MAX_DENOMINATOR = 100_000


def constant_rate(ticks: Sequence[int], time_base: Fraction) -> Fraction | None:
    """Returns the rate of a film whose frames are evenly spaced; None if they are not.

    It is the exact rate if all spaces are equal. Otherwise, it is the standard rate that fits best,
    if all frames are at most one unit from their places. The unit is the coarsest in which all
    spaces are whole, since a file may have been copied to a finer time base.

    Args:
        ticks: The time of each frame, in order, in units of `time_base`.
        time_base: Seconds per tick.
    """
    spaces = {after - before for before, after in pairwise(ticks)}
    if not spaces or min(spaces) <= 0 or time_base <= 0:
        return None
    if len(spaces) == 1:
        return 1 / (spaces.pop() * time_base)
    unit = math.gcd(*spaces)
    spreads = [(_spread(ticks, 1 / (rate * time_base)), rate) for rate in _STANDARD_RATES]
    fitting = [
        (spread, rate)
        for spread, rate in spreads
        if spread <= unit and _MIN_UNITS * unit * rate * time_base <= 1
    ]
    return min(fitting)[1] if fitting else None


def _spread(ticks: Sequence[int], space: Fraction) -> Fraction:
    """Returns by how many ticks frames differ at most from even places."""
    # Compared in integers, because a film may have a million frames.
    offsets = [
        tick * space.denominator - number * space.numerator for number, tick in enumerate(ticks)
    ]
    return Fraction(max(offsets) - min(offsets), space.denominator)


def average_rate(frames: int, duration_ticks: int, time_base: Fraction) -> Fraction:
    """Returns frames per second over the whole film; 0 if it has no duration."""
    if duration_ticks <= 0 or time_base <= 0:
        return Fraction(0)
    return Fraction(frames / (duration_ticks * time_base)).limit_denominator(_MAX_DENOMINATOR)
