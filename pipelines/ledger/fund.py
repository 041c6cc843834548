"""A fund: revenue of many deals that is put together and divided once.

What everybody gets of it is divided by weights over all deliveries. Each credit is then traced to
the deals, in whole minor units, so that every credit and every deal's part are exact sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

from pipelines.ledger.division import Division, divide, divide_in_order, tie_hash
from schemas.money import round_half_down


@dataclass(frozen=True)
class DealRevenue:
    """One deal's revenue in a fund, in minor units.

    Attributes:
        gross_minor: The revenue.
        deductions: What is taken of it before the division: names and minor units.
        agency_minor: The agency's part.
        contributors_minor: What all contributors get of it.
    """

    gross_minor: int
    deductions: tuple[tuple[str, int], ...]
    agency_minor: int
    contributors_minor: int


@dataclass(frozen=True)
class DividedFund:
    """A fund and its division.

    Attributes:
        deals: The revenue by deal.
        weights: What each contributor counts, as a whole number.
        shared_minor: The contributors' part, of which everyone is due their exact share.
        division: What each contributor gets of it.
        parts: Minor units by contributor and deal, without zeros.
    """

    deals: Mapping[str, DealRevenue]
    weights: Mapping[str, int]
    shared_minor: int
    division: Division
    parts: Mapping[tuple[str, str], int]


def fund_weights(
    deliveries: Mapping[str, tuple[Fraction, Mapping[str, int]]],
) -> dict[str, int]:
    """Adds up what contributors count in deliveries of different sizes.

    Args:
        deliveries: For each, what it counts in all, and the weights in it, not all of them zero.

    Returns:
        Whole numbers by contributor, as small as they can be, in the exact ratio of their sums.

    Example:
        >>> half = {"ada": 3, "bo": 3}
        >>> fund_weights({"a/v0001": (Fraction(4), half), "b/v0001": (Fraction(1), {"bo": 9})})
        {'ada': 2, 'bo': 3}
    """
    factors = {
        name: size / sum(weights.values())
        for name, (size, weights) in sorted(deliveries.items())
        if size
    }
    scale = lcm(*(factor.denominator for factor in factors.values()))
    found: dict[str, int] = {}
    for name, factor in factors.items():
        whole = int(factor * scale)
        for who, weight in deliveries[name][1].items():
            found[who] = found.get(who, 0) + weight * whole
    common = gcd(*found.values()) or 1
    return {who: weight // common for who, weight in found.items()}


def split_revenue(
    gross: Mapping[str, int], deductions: Sequence[tuple[str, int]], agency_share: Fraction
) -> dict[str, DealRevenue]:
    """Takes deductions and the agency's part from each deal's revenue.

    A deduction is taken from the deals in proportion to their revenue, to the last minor unit.

    Args:
        gross: Minor units by deal, more than zero each.
        deductions: Names and minor units, together no more than all revenue.
        agency_share: The agency's share of what the deductions leave of each deal's revenue.
    """
    deals = sorted(gross)
    left = [gross[deal] for deal in deals]
    taken: list[list[tuple[str, int]]] = [[] for _ in deals]
    for name, minor in deductions:
        parts = divide_in_order(minor, left) if minor else [0] * len(left)
        for at, part in enumerate(parts):
            taken[at].append((name, part))
            left[at] -= part
    agency = [round_half_down(net * agency_share) for net in left]
    return {
        deal: DealRevenue(gross[deal], tuple(taken[at]), agency[at], left[at] - agency[at])
        for at, deal in enumerate(deals)
    }


def divide_fund(
    deals: Mapping[str, DealRevenue],
    weights: Mapping[str, int],
    carried: Mapping[str, Fraction],
    tie_key: bytes,
) -> DividedFund:
    """Divides a fund's revenue, and traces each credit to the deals.

    Args:
        deals: From `split_revenue`. If the division leaves rounding, the deals bear it.
        weights: From `fund_weights`.
        carried: What earlier pools in this currency left, by contributor.
        tie_key: Key of the hash that decides ties.
    """
    shared = sum(deal.contributors_minor for deal in deals.values())
    division = divide(shared, weights, carried, tie_key)
    sizes = {name: deals[name].contributors_minor for name in sorted(deals)}
    rounding = division.rounding_minor
    if rounding:  # rare, and a unit or two
        sign = 1 if rounding > 0 else -1
        borne = divide_in_order(abs(rounding), list(sizes.values()))
        sizes = {name: sizes[name] - sign * part for name, part in zip(sizes, borne, strict=True)}
    made = {
        name: DealRevenue(deal.gross_minor, deal.deductions, deal.agency_minor, sizes[name])
        for name, deal in sorted(deals.items())
    }
    return DividedFund(made, weights, shared, division, trace(division.credits, sizes, tie_key))


def trace(
    credits: Mapping[str, int], sizes: Mapping[str, int], tie_key: bytes
) -> dict[tuple[str, str], int]:
    """Divides each credit among the deals whose revenue it comes from.

    Deal by deal, contributors in the order of a salted hash get its proportion of what they are
    still to get, rounded so that the running total is never half a unit from its exact value.

    Args:
        credits: Minor units by contributor, zero or more.
        sizes: Minor units by deal, zero or more, with the same sum.
        tie_key: Key of the hash that orders contributors.

    Returns:
        Minor units by contributor and deal, without zeros. They sum to every credit and every size.

    Example:
        >>> sorted(trace({"ada": 3, "bo": 1}, {"x": 2, "y": 2}, b"").items())
        [(('ada', 'x'), 2), (('ada', 'y'), 1), (('bo', 'y'), 1)]
    """
    people = sorted(credits, key=lambda who: tie_hash(tie_key, who))
    left = {who: credits[who] for who in people}
    whole, found = sum(sizes.values()), {}
    for deal in sorted(sizes):
        size, running, given = sizes[deal], 0, 0
        for who in people:
            running += left[who]
            stop = (2 * running * size + whole) // (2 * whole) if whole else 0
            part, given = stop - given, stop
            if part:
                found[who, deal] = part
        for who in people:
            left[who] -= found.get((who, deal), 0)
        whole -= size
    return found
