"""What rounds of two sides, taken in turn, come to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def median_speedup(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """How many times as fast as another a side is, by its and the other's seconds.

    It is the median of the rounds' own ratios, since both sides of a round met the same minute.
    """
    return statistics.median(their / own for their, own in zip(theirs, ours, strict=True))
