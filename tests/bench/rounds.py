"""Summarises alternating rounds of two sides."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def median_speedup(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """Returns how many times as fast as theirs our side is, from the seconds of each round.

    It is the median of the ratios per round, since both sides of a round ran under the same load.
    """
    return statistics.median(their / own for their, own in zip(theirs, ours, strict=True))
