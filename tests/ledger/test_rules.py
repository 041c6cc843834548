"""The rules for weights and bounds: exact, independent of order, and conserving."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipelines.ledger.rules import (
    Bounded,
    bounded,
    per_asset,
    per_sample,
    two_factor,
    weighted,
)
from schemas.errors import InputError
from schemas.price_terms import Deduction, deduct

WEIGHTS = st.dictionaries(
    st.text(max_size=3),
    st.one_of(st.integers(0, 5), st.integers(0, 10**4), st.integers(0, 10**20)),
    min_size=1,
    max_size=15,
).filter(lambda weights: any(weights.values()))
SHARES = st.decimals("0", "1", places=3, allow_nan=False)


def test_simple_weights() -> None:
    assert per_asset(3).tolist() == [1, 1, 1]
    assert weighted(np.array([0, 7])).tolist() == [0, 7]
    assert per_sample(np.array([1, 4])).tolist() == [1, 4]
    with pytest.raises(InputError, match="weight must be an integer of 0 or more"):
        weighted(np.array([3, -1]))
    with pytest.raises(InputError, match="number of samples must be an integer of 1 or more"):
        per_sample(np.array([0]))


@given(st.lists(st.integers(0, 10**4), min_size=1, max_size=20), SHARES)
def test_two_factors_are_the_ratio_of_even_to_weights(
    weights: list[int], proportional: Decimal
) -> None:
    if not any(weights) and proportional != 1:
        with pytest.raises(InputError, match="all weights are zero"):
            two_factor(np.array(weights), proportional)
        return
    made = two_factor(np.array(weights), proportional).tolist()
    part = Fraction(proportional)
    for weight, value in zip(weights, made, strict=True):
        by_weight = Fraction(weight, sum(weights)) if any(weights) else 0
        assert Fraction(value, sum(made)) == part / len(weights) + (1 - part) * by_weight


def test_two_factor_weights_beyond_the_integers_of_json_are_refused() -> None:
    with pytest.raises(InputError, match=r"beyond 2\^53"):
        two_factor(np.array([2**62 - 1, 2**40 + 3, 1]), Decimal("0.123456789"))
    with pytest.raises(InputError, match=r"beyond 2\^53"):  # 64 bits would hold them
        two_factor(np.array([10**9 - 1, 10**9]), Decimal("0.123456789"))
    assert two_factor(np.array([2**62, 2**61]), Decimal("0.5")).tolist() == [7, 5]


def simple_bounded(
    total: int, weights: dict[str, int], minimum: int, cap: Fraction
) -> dict[str, Fraction]:
    """Returns what everyone is due: the level at which the bounded shares sum to the total."""
    paid = {name: weight for name, weight in weights.items() if weight}

    def at(rate: Fraction) -> Fraction:
        clamped = (min(max(rate * w, Fraction(minimum)), cap * total) for w in paid.values())
        return sum(clamped, Fraction(0))

    # Between two neighbouring corners, the sum is linear in the rate.
    corners = {Fraction(minimum, w) for w in paid.values()}
    corners |= {cap * total / w for w in paid.values()}
    ordered = sorted({Fraction(0), *corners})
    rate = next(
        low + (high - low) * (total - at(low)) / (at(high) - at(low)) if at(high) > at(low) else low
        for low, high in zip(ordered, ordered[1:] or ordered, strict=False)
        if at(low) <= total <= at(high)
    )
    return {
        name: min(max(rate * weight, Fraction(minimum)), cap * total) if weight else Fraction(0)
        for name, weight in weights.items()
    }


def check_bounded(
    total: int, weights: dict[str, int], minimum: int, cap: Fraction, rng: random.Random
) -> None:
    payees = sum(map(bool, weights.values()))
    if payees * minimum > total or payees * cap < 1 or minimum > cap * total:
        with pytest.raises(InputError, match=r"minimum|cap"):
            bounded(total, weights, minimum, cap)
        return
    made = bounded(total, weights, minimum, cap)
    whole = sum(made.weights.values())
    dues = {name: Fraction(total * weight, whole) for name, weight in made.weights.items()}
    assert dues == simple_bounded(total, weights, minimum, cap)
    assert sum(dues.values()) == total
    for name, basis in made.basis.items():
        if basis == "minimum":
            assert dues[name] == minimum
        if basis == "cap":
            assert dues[name] == cap * total
    names = list(weights)
    rng.shuffle(names)
    assert bounded(total, {name: weights[name] for name in names}, minimum, cap) == made


BOUNDS = (
    st.integers(1, 10**6),
    WEIGHTS,
    st.one_of(st.just(0), st.integers(0, 10**5)),
    st.one_of(st.just(Fraction(1)), st.fractions(Fraction(1, 20), 1, max_denominator=100)),
    st.randoms(use_true_random=False),
)


@given(*BOUNDS)
def test_minimum_and_cap_follow_their_definition(
    total: int, weights: dict[str, int], minimum: int, cap: Fraction, rng: random.Random
) -> None:
    check_bounded(total, weights, minimum, cap, rng)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(*BOUNDS)
def test_ten_thousand_minimums_and_caps_follow_their_definition(
    total: int, weights: dict[str, int], minimum: int, cap: Fraction, rng: random.Random
) -> None:
    check_bounded(total, weights, minimum, cap, rng)


@given(*BOUNDS)
def test_feasible_bounds_are_kept(
    total: int, weights: dict[str, int], minimum: int, cap: Fraction, rng: random.Random
) -> None:
    """As above, with a cap and minimum that can always be met."""
    payees = sum(map(bool, weights.values()))
    cap = max(cap, Fraction(1, payees))
    minimum = min(minimum, total // payees)
    assume(minimum <= cap * total)
    check_bounded(total, weights, minimum, cap, rng)


def test_the_excess_over_a_cap_can_lift_others_over_it() -> None:
    """At first only `a` is over a third; what it leaves lifts `b` over it as well."""
    made = bounded(900, {"a": 70, "b": 25, "c": 4, "d": 1}, 0, Fraction(1, 3))
    assert made == Bounded(
        {"a": 5, "b": 5, "c": 4, "d": 1}, {"a": "cap", "b": "cap", "c": "share", "d": "share"}
    )


@pytest.mark.parametrize(
    ("total", "minimum", "cap", "says"),
    [
        (100, 34, Fraction(1), "102 needed"),
        (100, 0, Fraction(1, 4), "3/4 of it can be paid"),
        (100, 33, Fraction(1, 3), None),
        (99, 33, Fraction(1, 3), None),
    ],
)
def test_bounds_that_cannot_be_met_are_refused_with_the_numbers(
    total: int, minimum: int, cap: Fraction, says: str | None
) -> None:
    weights = {"a": 5, "b": 2, "c": 1}
    if says is None:
        made = bounded(total, weights, minimum, cap)
        assert set(made.weights.values()) == {1}
        return
    with pytest.raises(InputError) as caught:
        bounded(total, weights, minimum, cap)
    assert says in caught.value.which


@given(
    st.integers(0, 10**9),
    st.lists(st.one_of(st.integers(0, 10**9), SHARES), max_size=6),
)
def test_deductions_are_taken_in_order_and_never_exceed_the_pool(
    gross: int, takes: list[int | Decimal]
) -> None:
    deductions = [
        Deduction(name=f"d{at}", amount=str(take))
        if isinstance(take, int)
        else Deduction(name=f"d{at}", share=f"{take:f}")  # type: ignore[arg-type]
        for at, take in enumerate(takes)
    ]
    left, expected = gross, []
    for at, take in enumerate(takes):
        exact = Fraction(take) if isinstance(take, int) else left * Fraction(take)
        if exact > left:
            with pytest.raises(InputError, match=f"'d{at}'"):
                deduct(gross, deductions, "JPY")
            return
        taken = int(exact + Fraction(1, 2)) if exact % 1 != Fraction(1, 2) else int(exact)
        expected.append((f"d{at}", taken))
        left -= taken
    assert deduct(gross, deductions, "JPY") == expected
    assert 0 <= left == gross - sum(minor for _, minor in expected)
