"""Agency shares of single contributors: exact in sum, and near everybody's exact due."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger.own_shares import divide_by_own_shares
from pipelines.ledger.split import agency_and_contributors, largest_remainder
from schemas.errors import InputError

POOLS = st.integers(0, 10**12)
PEOPLE = st.text("abcdé", min_size=1, max_size=3)
POINTS = st.dictionaries(PEOPLE, st.integers(0, 10**9), min_size=1, max_size=12).filter(
    lambda points: sum(points.values()) > 0
)
SHARES = st.decimals(0, 1, places=4)
OWN = st.dictionaries(PEOPLE, st.fractions(0, 1, max_denominator=10**6), max_size=12)


@given(POOLS, POINTS, SHARES, OWN)
def test_the_pool_is_divided_exactly_and_nearly_as_due(
    pool: int, points: dict[str, int], share: Decimal, own: dict[str, Fraction]
) -> None:
    agency, earned = divide_by_own_shares(pool, points, share, own)
    assert agency + sum(earned.values()) == pool
    assert list(earned) == sorted(points)
    assert agency >= 0 and min(earned.values()) >= 0
    gross = {who: Fraction(pool * one, sum(points.values())) for who, one in points.items()}
    agency_due = sum(
        (gross[who] * own.get(who, Fraction(share)) for who in points), start=Fraction(0)
    )
    assert abs(agency - agency_due) <= Fraction(1, 2)
    for who in points:
        due = gross[who] * (1 - own.get(who, Fraction(share)))
        assert abs(earned[who] - due) < 2
        if not due:
            assert earned[who] == 0


@given(POOLS, POINTS, SHARES)
def test_without_own_shares_it_is_the_deals_division(
    pool: int, points: dict[str, int], share: Decimal
) -> None:
    agency, shared = agency_and_contributors(pool, share)
    expected = agency, largest_remainder(shared, sorted(points.items()))
    assert divide_by_own_shares(pool, points, share, {}) == expected
    everybody = dict.fromkeys(points, Fraction(share))  # the deal's share, said of each
    assert divide_by_own_shares(pool, points, share, everybody) == expected


@given(POOLS, POINTS, SHARES, OWN, st.randoms())
def test_the_order_of_contributors_changes_nothing(
    pool: int, points: dict[str, int], share: Decimal, own: dict[str, Fraction], order: Random
) -> None:
    mixed = list(points.items())
    order.shuffle(mixed)
    assert divide_by_own_shares(pool, dict(mixed), share, own) == divide_by_own_shares(
        pool, points, share, own
    )


def test_one_contributor_with_the_whole_for_the_agency_gets_nothing() -> None:
    points = {"ada": 1, "bo": 1}
    assert divide_by_own_shares(101, points, Decimal("0.5"), {"ada": Fraction(1)}) == (
        76,
        {"ada": 0, "bo": 25},
    )
    everything = dict.fromkeys(points, Fraction(1))
    assert divide_by_own_shares(101, points, Decimal("0.5"), everything) == (
        101,
        {"ada": 0, "bo": 0},
    )


def test_points_of_zero_are_refused() -> None:
    with pytest.raises(InputError, match="sum to zero"):
        divide_by_own_shares(1, {"ada": 0}, Decimal("0.5"), {"ada": Fraction(1, 2)})
