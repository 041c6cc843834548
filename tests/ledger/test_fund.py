"""A fund is divided exactly, and each credit is traced to deals without losing a unit."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ledger.fund import DividedFund, divide_fund, fund_weights, split_revenue, trace

KEY = b"a salt"
DEALS = [f"deal-{number}" for number in range(6)]
PEOPLE = [f"person-{number}" for number in range(9)]
WEIGHTS = st.dictionaries(st.sampled_from(PEOPLE), st.integers(0, 10**9), min_size=1).filter(
    lambda weights: any(weights.values())
)
FUNDS = st.fixed_dictionaries(
    {
        "revenue": st.dictionaries(st.sampled_from(DEALS), st.integers(1, 10**9), min_size=1),
        "agency": st.fractions(0, 1, max_denominator=10_000),
        "deducted": st.lists(st.fractions(0, 1, max_denominator=100), max_size=2),
        "carried": st.dictionaries(
            st.sampled_from(PEOPLE), st.fractions(-1, 1, max_denominator=7), max_size=4
        ),
        "sizes": st.lists(st.fractions(1, 50, max_denominator=9), min_size=6, max_size=6),
        "weights": st.lists(WEIGHTS, min_size=6, max_size=6),
    }
)


def made(drawn: dict[str, object], order: list[str]) -> DividedFund:
    """Divides a drawn fund, its deals given in an order."""
    revenue, carried = drawn["revenue"], drawn["carried"]
    assert isinstance(revenue, dict) and isinstance(carried, dict)
    left, deductions = sum(revenue.values()), []
    assert isinstance(drawn["deducted"], list)
    for number, share in enumerate(drawn["deducted"]):
        deductions.append((f"fee {number}", int(left * share)))
        left -= deductions[-1][1]
    ordered = {deal: revenue[deal] for deal in order if deal in revenue}
    assert isinstance(drawn["agency"], Fraction)
    deals = split_revenue(ordered, deductions, drawn["agency"])
    sizes, weights = drawn["sizes"], drawn["weights"]
    assert isinstance(sizes, list) and isinstance(weights, list)
    sized = {deal: (sizes[DEALS.index(deal)], weights[DEALS.index(deal)]) for deal in ordered}
    return divide_fund(deals, fund_weights(sized), carried, KEY)


def check_fund(drawn: dict[str, object]) -> None:
    fund = made(drawn, DEALS)
    revenue = drawn["revenue"]
    assert isinstance(revenue, dict)
    by_deal: Counter[str] = Counter()
    by_person: Counter[str] = Counter()
    for (who, name), minor in fund.parts.items():
        assert minor > 0
        by_deal[name] += minor
        by_person[who] += minor
    credits = fund.division.credits
    assert by_person == Counter({who: minor for who, minor in credits.items() if minor})
    for name, deal in fund.deals.items():
        assert by_deal[name] == deal.contributors_minor
        assert deal.gross_minor == revenue[name]
    taken = sum(minor for deal in fund.deals.values() for _, minor in deal.deductions)
    agency = sum(deal.agency_minor for deal in fund.deals.values())
    rounding = fund.division.rounding_minor
    assert sum(revenue.values()) == taken + agency + sum(credits.values()) + rounding
    # What a deal brings is divided as the whole is: nobody's part is more than a few units off.
    shared = sum(deal.contributors_minor for deal in fund.deals.values())
    for who, credit in credits.items():
        for name, deal in fund.deals.items():
            exact = Fraction(credit * deal.contributors_minor, shared) if shared else Fraction()
            assert abs(fund.parts.get((who, name), 0) - exact) < len(fund.deals)
    whole = sum(fund.weights.values())
    carried = drawn["carried"]
    assert isinstance(carried, dict)
    for who, credit in credits.items():
        due = Fraction(fund.shared_minor * fund.weights[who], whole) + carried.get(who, 0)
        assert abs(due - credit) <= 1
        assert fund.division.carried[who] == due - credit
    assert made(drawn, DEALS[::-1]) == fund


@given(FUNDS)
def test_a_fund_is_exact_and_the_order_of_deals_is_nothing(drawn: dict[str, object]) -> None:
    check_fund(drawn)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(FUNDS)
def test_ten_thousand_funds_are_exact(drawn: dict[str, object]) -> None:
    check_fund(drawn)


def test_a_part_is_in_proportion() -> None:
    """Two deals, 3:1; 400 equal credits of 1.00: nobody is a unit off 75 and 25."""
    credits = {f"c{number}": 100 for number in range(400)}
    parts = trace(credits, {"x": 30_000, "y": 10_000}, KEY)
    assert {parts[who, "x"] for who in credits} == {75}
    parts = trace(dict.fromkeys(credits, 1), {"x": 300, "y": 100}, KEY)
    assert sum(parts.values()) == 400 and set(parts.values()) == {1}


def test_deliveries_count_by_their_size() -> None:
    """By hand: a/v1 counts 3 and is ada's; b/v1 counts 1, half ada's and half bo's: 7 to 1."""
    sized = {
        "a/v1": (Fraction(3), {"ada": 5}),
        "b/v1": (Fraction(1), {"ada": 10, "bo": 10}),
        "c/v1": (Fraction(0), {"cy": 1}),
    }
    assert fund_weights(sized) == {"ada": 7, "bo": 1}


def test_deductions_are_taken_from_deals_by_their_revenue() -> None:
    deals = split_revenue({"x": 300, "y": 100}, [("fee", 41)], Fraction(1, 2))
    assert [deal.deductions for deal in deals.values()] == [(("fee", 31),), (("fee", 10),)]
    assert [deal.agency_minor for deal in deals.values()] == [134, 45]  # half a unit stays
    assert [deal.contributors_minor for deal in deals.values()] == [135, 45]
