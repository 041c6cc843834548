"""Divides each contributor's credit among their lines, to the last minor unit.

A credit is divided as a whole, so that everybody's earnings stay within one minor unit of what they
are due. Rounding each line separately could cost a contributor with many lines much more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.ledger.division import divide_in_order

Points = npt.NDArray[Any]  # 64-bit integers, or Python's if they might not fit

_INT64_MAX = 2**63 - 1
_LINES_AT_ONCE = 1 << 19


def line_points(weight: npt.NDArray[np.int64], share_bp: npt.NDArray[np.int32]) -> Points:
    """Returns what lines count: weight times share, as Python ints if sums might exceed 64 bits."""
    if int(weight.max()) * int(share_bp.max()) * len(weight) > _INT64_MAX:
        return weight.astype(object) * share_bp
    return weight * share_bp


def divide_among_lines(
    person: npt.NDArray[np.int32], points: Points, credits: Sequence[int]
) -> npt.NDArray[np.int64]:
    """Divides every contributor's credit among their lines, in proportion to the lines' points.

    Each division is by largest remainder. Ties go by position: the lines are in order of the
    assets' keys, which are salted hashes of their ids. If none of a contributor's lines has points,
    the credit is divided evenly.

    Args:
        person: Each line's contributor, as a position in `credits`. Everybody has a line.
        points: What each line counts, zero or more.
        credits: Each contributor's credit, in minor units, zero or more; their sum is below 2**63.

    Returns:
        Minor units of each line.
    """
    order = np.argsort(person, kind="stable")
    starts = np.searchsorted(person[order], np.arange(len(credits)))
    points = points[order]
    totals = np.add.reduceat(points, starts).tolist()
    largest = np.maximum.reduceat(points, starts).tolist()
    # For all contributors at once, except those whose products or sums exceed 64 bits.
    narrow = [
        max(credit * most, total) <= _INT64_MAX and (total > 0 or not credit)
        for credit, most, total in zip(credits, largest, totals, strict=True)
    ]
    stops = [*starts[1:].tolist(), len(points)]
    amounts = np.zeros(len(points), np.int64)
    for at, (start, stop) in enumerate(zip(starts.tolist(), stops, strict=True)):
        if not narrow[at]:
            own = points[start:stop].tolist() if totals[at] else [1] * (stop - start)
            amounts[start:stop] = divide_in_order(credits[at], own)
            points[start:stop] = totals[at] = 0
    part = np.array([minor if fits else 0 for minor, fits in zip(credits, narrow, strict=True)])
    points, sums = points.astype(np.int64, copy=False), np.array(totals, np.int64)
    for first, last in _runs(stops):
        lines = slice(int(starts[first]), stops[last - 1])
        own = slice(first, last)
        amounts[lines] += _share_groups(
            part[own], points[lines], sums[own], starts[own] - starts[first]
        )
    placed = points  # which is not needed any more
    placed[order] = amounts
    return placed


def _runs(stops: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields first and last group, exclusive, of runs of about `_LINES_AT_ONCE` lines or more."""
    first = begin = 0
    for last, stop in enumerate(stops, start=1):
        if stop - begin >= _LINES_AT_ONCE or last == len(stops):
            yield first, last
            first, begin = last, stop


def _share_groups(
    earned: npt.NDArray[np.int64],
    points: npt.NDArray[np.int64],
    totals: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Divides each group's amount among its members by largest remainder; ties by position.

    Args:
        earned: The amount of each group.
        points: Points of each member; multiplied by the group's `earned` they fit in 64 bits.
        totals: Each group's sum of points, which fits in 64 bits.
        starts: Each group's first member.
    """
    sizes = np.diff(starts, append=len(points))
    group = np.repeat(np.arange(len(starts)), sizes)
    parts, remainders = np.divmod(points * earned[group], np.maximum(totals, 1)[group])
    left = earned - np.add.reduceat(parts, starts)
    order = np.lexsort((-remainders, group))  # stable, so that ties stay in order of position
    gets_unit = np.arange(len(points)) - starts[group] < left[group]
    parts[order[gets_unit]] += 1
    return parts
