"""The amounts of the agency and each contributor in a pool, by the textbook method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor


@dataclass(frozen=True)
class Payout:
    """What a contributor may get, in minor units; more than one amount only if a tie decides.

    Attributes:
        least: The lowest amount.
        most: The highest amount, at most one unit more.
    """

    least: int
    most: int


def largest_remainder(total: int, weights: Mapping[str, int]) -> dict[str, Payout]:
    """Splits a total in proportion to weights; the units left go to the largest remainders.

    Who of those with equal remainders gets a unit depends on a hash that is salted with the
    agency's secret, so the key does not know it.
    """
    total_weight = sum(weights.values())
    exact = {name: Fraction(total * weight, total_weight) for name, weight in weights.items()}
    shares = {name: floor(value) for name, value in exact.items()}
    left = total - sum(shares.values())
    remainders = sorted((exact[name] - shares[name] for name in exact), reverse=True)
    # Whoever is above the first one that goes without gets a unit, whoever is below the last one
    # that gets a unit goes without.
    without, last = remainders[left], remainders[left - 1] if left else Fraction(1)
    return {
        name: Payout(
            shares[name] + (exact[name] - shares[name] > without),
            shares[name] + (exact[name] - shares[name] >= last),
        )
        for name in exact
    }


def agency_part(pool: int, share: Fraction) -> int:
    """Returns the agency's part of a pool, rounded; half a unit goes to the contributors."""
    return ceil(pool * share - Fraction(1, 2))
