"""Divide money to the last minor unit by largest remainder, with integers only.

Everyone first gets the floor of their exact share. The few minor units left over go, one each, to
the largest remainders; ties go in order of id. So 100.00 divided by three is 33.34, 33.33 and
33.33, and the parts always sum to the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.errors import InputError
from schemas.ledger import Allocation

_INT64_MAX = 2**63 - 1


def largest_remainder(total_minor: int, weights: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Divide a total among ids in proportion to integer weights, exactly.

    Args:
        total_minor: The amount to divide, in minor units, zero or more.
        weights: Pairs of id and weight. Ids are unique; weights are zero or more and not all zero.

    Returns:
        Minor units by id, in the given order. They sum to `total_minor`; an id of weight zero
        gets nothing.

    Raises:
        InputError: If a number is negative or not an integer, an id is repeated, or the weights
            sum to zero.

    Example:
        >>> largest_remainder(10000, [("a", 1), ("b", 1), ("c", 1)])
        {'a': 3334, 'b': 3333, 'c': 3333}
    """
    ids = [name for name, _ in weights]
    if len(set(ids)) != len(ids):
        repeated = next(name for name, times in Counter(ids).items() if times > 1)
        raise InputError("an id has two weights", repr(repeated), "Merge the two.")
    amounts = _share(total_minor, [weight for _, weight in weights], ids)
    return dict(zip(ids, amounts, strict=True))


def agency_and_contributors(pool_minor: int, agency_share: Decimal) -> tuple[int, int]:
    """Divide a pool between the agency and its contributors by largest remainder.

    Args:
        pool_minor: The pool in minor units, zero or more.
        agency_share: The agency's part, from 0 to 1; any exact decimal.

    Returns:
        The agency's and the contributors' minor units, which sum to the pool. If both remainders
        are one half, the odd unit goes to the contributors.

    Raises:
        InputError: If the share is not a Decimal from 0 to 1, or the pool is not an integer ≥ 0.

    Example:
        >>> agency_and_contributors(21901, Decimal("0.50"))
        (10950, 10951)
    """
    if not isinstance(agency_share, Decimal):
        raise InputError(
            f"the agency share must be a Decimal, not {type(agency_share).__name__}",
            repr(agency_share),
            'Read it from text, such as Decimal("0.40").',
        )
    if not (agency_share.is_finite() and 0 <= agency_share <= 1):
        raise InputError(
            "the agency share is not between 0 and 1", str(agency_share), 'Write "0.40" for 40 %.'
        )
    part, whole = agency_share.as_integer_ratio()
    # The ids only decide the tie, and the contributors come first.
    agency, contributors = _share(pool_minor, [part, whole - part], ["1 agency", "0 contributors"])
    return agency, contributors


def line_weight(rule: Allocation, weight: int, samples: int) -> int:
    """Return the weight of one delivered asset under a deal's rule.

    Args:
        rule: The deal's allocation rule.
        weight: The asset's integer weight in the catalogue, zero or more.
        samples: Number of samples of the asset in the delivery, one or more.

    Returns:
        An integer weight, zero or more.

    Raises:
        InputError: If the number that the rule needs is not such an integer.
    """
    if rule is Allocation.PER_ASSET:
        return 1
    if rule is Allocation.WEIGHTED:
        return _check_integer("weight", weight, 0)
    return _check_integer("number of samples", samples, 1)


def allocate(
    person: npt.NDArray[np.int32],
    weight: npt.NDArray[np.int64],
    share_bp: npt.NDArray[np.int32],
    people: int,
    contributors_minor: int,
    given: list[int] | None = None,
) -> tuple[npt.NDArray[np.int64], list[int]]:
    """Divide the contributors' part among lines, in two levels.

    1. Among contributors, by the sum of weight times share over their lines; ties by id.
    2. For each contributor, among their lines by the same numbers; ties by the line's key.

    Dividing among contributors first keeps everyone's earnings within one minor unit of their exact
    share. Rounding each line separately could cost a contributor with many lines much more.

    Args:
        person: Each line's contributor: from 0, in order of id. The lines are in order of key.
        weight: Weight of each line's asset under the deal's rule, zero or more.
        share_bp: The share in each line's asset, in basis points, zero or more.
        people: Number of contributors; each has at least one line.
        contributors_minor: The amount to divide, in minor units, zero or more; below 2**63.
        given: What each contributor gets of it, if step 1 was done elsewhere. Whoever has no points
            gets nothing.

    Returns:
        Minor units for each line, and for each contributor. Both sum to `contributors_minor`.

    Raises:
        InputError: If all weights are zero.
    """
    order = np.argsort(person, kind="stable")
    starts = np.searchsorted(person[order], np.arange(people))
    points = _points(weight[order], share_bp[order])
    totals = np.add.reduceat(points, starts)
    # 1. Among contributors.
    earned = _share(contributors_minor, totals.tolist()) if given is None else given
    # 2. Among each contributor's lines: for all contributors at once, except those whose products
    # or sums exceed 64 bits.
    largest = np.maximum.reduceat(points, starts).tolist()
    narrow = [
        max(part * largest_points, total) <= _INT64_MAX
        for part, largest_points, total in zip(earned, largest, totals.tolist(), strict=True)
    ]
    stops = [*starts[1:].tolist(), len(points)]
    amounts = np.zeros(len(points), np.int64)
    for at, (start, stop) in enumerate(zip(starts.tolist(), stops, strict=True)):
        if not narrow[at]:
            amounts[start:stop] = _share(earned[at], points[start:stop].tolist())
            points[start:stop] = totals[at] = 0
    part = np.array([minor if fits else 0 for minor, fits in zip(earned, narrow, strict=True)])
    amounts += _share_groups(part, points.astype(np.int64), totals.astype(np.int64), starts)
    placed = np.empty_like(amounts)
    placed[order] = amounts
    return placed, earned


def _points(weight: npt.NDArray[np.int64], share_bp: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
    """Return the lines' points (weight times share), as Python ints if 64 bits might overflow."""
    if int(weight.max()) * int(share_bp.max()) * len(weight) > _INT64_MAX:
        return weight.astype(object) * share_bp
    return weight * share_bp


def _share_groups(
    earned: npt.NDArray[np.int64],
    points: npt.NDArray[np.int64],
    totals: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Divide each group's amount among its members by largest remainder; ties by position.

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


def _share(total: int, weights: Sequence[int], ids: Sequence[str] | None = None) -> list[int]:
    """Divide by largest remainder; ties by id, or by position if there are no ids.

    The cost is one division per weight and one sort of integers.
    """
    _check_integer("total in minor units", total, 0)
    for weight in weights:
        if type(weight) is not int or weight < 0:
            raise InputError(
                "a weight must be an integer of zero or more", repr(weight), "Correct the weight."
            )
    whole = sum(weights)
    if whole == 0:
        raise InputError(
            "the amount cannot be divided: the weights sum to zero",
            f"{len(weights)} weights, {total} minor units",
            "At least one delivered asset must have a weight above zero.",
        )
    parts: list[int] = []
    remainders: list[int] = []
    for weight in weights:
        part, remainder = divmod(total * weight, whole)
        parts.append(part)
        remainders.append(remainder)
    left = total - sum(parts)
    if left == 0:
        return parts
    # Every remainder above the last one that gets a unit also gets one; only ties need ids.
    last = sorted(remainders, reverse=True)[left - 1]
    tied: list[int] = []
    for position, remainder in enumerate(remainders):
        if remainder > last:
            parts[position] += 1
            left -= 1
        elif remainder == last:
            tied.append(position)
    if ids is not None:
        tied.sort(key=ids.__getitem__)
    for position in tied[:left]:
        parts[position] += 1
    return parts


def _check_integer(name: str, value: int, minimum: int) -> int:
    if type(value) is not int or value < minimum:
        raise InputError(
            f"the {name} must be an integer of {minimum} or more",
            repr(value),
            f"Correct the {name}.",
        )
    return value
