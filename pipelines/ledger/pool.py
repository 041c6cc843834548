"""Divides a pool by a deal's rules, and describes the result as the books keep it.

A pool is an amount of money that is divided: a delivery's price, or later revenue. For each:
gross = deductions + agency + credits + rounding, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import pyarrow as pa

from pipelines.ledger.division import Division, divide
from pipelines.ledger.rules import Bounded, bounded
from schemas.ledger import POOL_LINES_SCHEMA, POOL_POINTS_SCHEMA, PRICE_POOL
from schemas.money import round_half_down
from schemas.price_terms import PriceTerms, deduct


@dataclass(frozen=True)
class DividedPool:
    """A pool and its division.

    Attributes:
        gross_minor: The pool, in minor units.
        deductions: Name and minor units of what was taken before the division, in order.
        agency_minor: The agency's part.
        shared_minor: The contributors' part, of which everyone is due their exact share.
        bounded: What each contributor is due of it, as weights, and why.
        division: What each contributor gets of it.
        points: By contributor: what their lines count before minimum and cap; empty if not known.
    """

    gross_minor: int
    deductions: list[tuple[str, int]]
    agency_minor: int
    shared_minor: int
    bounded: Bounded
    division: Division
    points: Mapping[str, int] = field(default_factory=dict)

    @property
    def contributors_minor(self) -> int:
        """The sum of all credits."""
        return self.shared_minor - self.division.rounding_minor

    @property
    def other_minor(self) -> int:
        """What is neither the agency's nor a credit: deductions and rounding."""
        return self.gross_minor - self.agency_minor - self.contributors_minor


def divide_pool(
    price: PriceTerms,
    gross_minor: int,
    points: Mapping[str, int],
    agency_share: Fraction,
    carried: Mapping[str, Fraction],
    tie_key: bytes,
) -> DividedPool:
    """Divides a pool: deductions, then the agency's part, then the contributors' credits.

    Args:
        price: The deal's rules; the amount of its own pool is not used.
        gross_minor: The pool, in minor units.
        points: By contributor: what their lines count.
        agency_share: The agency's share of what the deductions leave. Its part is rounded to the
            nearest minor unit, and half a unit goes to the contributors.
        carried: What earlier pools in this currency left, by contributor.
        tie_key: Key of the hash that decides ties.

    Raises:
        InputError: If a deduction exceeds what is left, minimum or cap cannot be met, or nobody has
            any points.
    """
    deductions = deduct(gross_minor, price.deductions, price.currency)
    net = gross_minor - sum(minor for _, minor in deductions)
    agency = round_half_down(net * agency_share)
    shared = net - agency
    due = bounded(shared, points, price.minimum_minor, Fraction(price.cap))
    division = divide(shared, due.weights, carried, tie_key)
    return DividedPool(gross_minor, deductions, agency, shared, due, division, points)


def pool_lines(pool: DividedPool) -> pa.Table:
    """Returns the pool's lines (POOL_LINES_SCHEMA), by contributor id."""
    weights, division = pool.bounded.weights, pool.division
    whole = sum(weights.values())
    people = sorted(weights)
    columns = {
        "contributor_id": people,
        "weight": [str(weights[who]) for who in people],
        "due": [fraction_text(Fraction(pool.shared_minor * weights[who], whole)) for who in people],
        "credit_minor": [division.credits[who] for who in people],
        "carried": [fraction_text(division.carried[who]) for who in people],
        "basis": [pool.bounded.basis[who] for who in people],
    }
    return pa.table(columns, schema=POOL_LINES_SCHEMA)


def pool_points(pool: DividedPool) -> pa.Table:
    """Returns what contributors' lines count before minimum and cap (POOL_POINTS_SCHEMA)."""
    people = sorted(pool.points)
    columns = {"contributor_id": people, "points": [str(pool.points[who]) for who in people]}
    return pa.table(columns, schema=POOL_POINTS_SCHEMA)


def price_pool(
    pool: DividedPool,
    price: PriceTerms,
    deal_id: str,
    delivery: str,
    lines_sha256: str,
    name: str = PRICE_POOL,
    replaces: str = "",
) -> dict[str, object]:
    """Returns the record of a delivery's price as a pool.

    Args:
        pool: The divided pool.
        price: The deal's rules.
        deal_id: The deal.
        delivery: Id of the delivery.
        lines_sha256: Digest of the file of the pool's lines, hex.
        name: The pool's name.
        replaces: Id of the delivery whose credits it replaces, or "".
    """
    return {
        "name": name,
        "deal_id": deal_id,
        "delivery": delivery,
        "currency": price.currency,
        "gross_minor": pool.gross_minor,
        "deductions": [{"name": name, "minor": minor} for name, minor in pool.deductions],
        "agency_minor": pool.agency_minor,
        "contributors_minor": pool.contributors_minor,
        "rounding_minor": pool.division.rounding_minor,
        "rule": price.model_dump(mode="json", exclude={"currency", "pool"}),
        "source": "the deal's price",
        "period": None,
        "replaces": replaces or None,
        "contributors": len(pool.division.credits),
        "lines_sha256": lines_sha256,
    }


def fraction_text(value: Fraction) -> str:
    """Returns a fraction as `num/den`, in lowest terms.

    Example:
        >>> fraction_text(Fraction(-2, 6)), fraction_text(Fraction(4))
        ('-1/3', '4/1')
    """
    return f"{value.numerator}/{value.denominator}"
