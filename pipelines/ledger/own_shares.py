"""Divides a pool where contributors have agreed agency shares of their own.

Everybody's gross is the part of the whole pool in proportion to their points (weight times share,
over their lines). Of that gross, the agency gets the contributor's own agency share, or the deal's.
The order of computation, numbered in the code:

1. Everybody's exact gross is cut into the agency's part and their own, as fractions.
2. The pool is divided between the agency and all contributors together by largest remainder, by the
   sums of these parts.
3. The contributors' part is divided among them by largest remainder, by their own parts.

So the parts always sum to the pool, and if nobody has a share of their own, the result is that of
the deal's share alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import lcm

from pipelines.ledger.split import largest_remainder


def divide_by_own_shares(
    pool_minor: int,
    points: Mapping[str, int],
    agency_share: Decimal,
    own_shares: Mapping[str, Fraction],
) -> tuple[int, dict[str, int]]:
    """Divides a pool among the agency and its contributors.

    Args:
        pool_minor: The pool in minor units, zero or more.
        points: Every contributor's points, zero or more.
        agency_share: The deal's agency share, from 0 to 1.
        own_shares: Contributors' own agency shares, from 0 to 1, by id.

    Returns:
        The agency's minor units, and the contributors' in order of id; together they are the pool.

    Raises:
        InputError: If all points are zero.

    Example:
        >>> divide_by_own_shares(
        ...     1000, {"ada": 1, "bo": 1}, Decimal("0.40"), {"bo": Fraction(1, 5)}
        ... )
        (300, {'ada': 300, 'bo': 400})
    """
    deal_share = Fraction(agency_share)
    agency = {person: own_shares.get(person, deal_share) for person in sorted(points)}
    common = lcm(*(share.denominator for share in agency.values()))
    kept = {  # 1
        person: points[person] * int((1 - share) * common) for person, share in agency.items()
    }
    shared = sum(kept.values())
    agency_points = sum(points.values()) * common - shared
    # 2. The ids only decide the tie, and the contributors come first.
    parts = [("1 agency", agency_points), ("0 contributors", shared)]
    agency_minor, shared_minor = largest_remainder(pool_minor, parts).values()
    if not shared:
        return agency_minor, dict.fromkeys(kept, 0)
    return agency_minor, largest_remainder(shared_minor, list(kept.items()))  # 3
