"""Money is divided exactly: nothing is lost, nobody is favoured, and fractions are carried."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ledger.division import divide, divide_in_order
from schemas.errors import InputError
from tests.ledger.division_oracle import simple_divide, tie_order

KEY = b"a salt of the agency"
TOTALS = st.one_of(st.integers(0, 100), st.integers(0, 10**7), st.integers(0, 10**30))
NAMES = st.text(max_size=4)
WEIGHTS = st.dictionaries(
    NAMES, st.one_of(st.integers(0, 3), st.integers(0, 10**25)), min_size=1, max_size=30
).filter(lambda weights: any(weights.values()))
CARRIED = st.dictionaries(
    NAMES, st.one_of(st.fractions(-1, 1, max_denominator=7), st.fractions(-1, 1)), max_size=30
)


def check_division(
    total: int, weights: dict[str, int], carried: dict[str, Fraction], rng: random.Random
) -> None:
    made = divide(total, weights, carried, KEY)
    assert (made.credits, made.carried) == simple_divide(total, weights, carried, KEY)
    assert sum(made.credits.values()) + made.rounding_minor == total
    whole = sum(weights.values())
    for name, credit in made.credits.items():
        target = Fraction(total * weights[name], whole) + carried.get(name, 0)
        assert credit >= 0
        assert made.carried[name] == target - credit
        assert abs(made.carried[name]) <= 1
        assert target or not credit
    before = sum(carried.get(name, 0) for name in weights)
    assert sum(made.carried.values()) == before + made.rounding_minor
    names = list(weights)
    rng.shuffle(names)
    assert divide(total, {name: weights[name] for name in names}, carried, KEY) == made


@given(TOTALS, WEIGHTS, CARRIED, st.randoms(use_true_random=False))
def test_a_division_follows_its_definition(
    total: int, weights: dict[str, int], carried: dict[str, Fraction], rng: random.Random
) -> None:
    check_division(total, weights, carried, rng)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(TOTALS, WEIGHTS, CARRIED, st.randoms(use_true_random=False))
def test_ten_thousand_divisions_follow_their_definition(
    total: int, weights: dict[str, int], carried: dict[str, Fraction], rng: random.Random
) -> None:
    check_division(total, weights, carried, rng)


@given(TOTALS, WEIGHTS)
def test_without_anything_carried_all_is_divided_within_one_unit(
    total: int, weights: dict[str, int]
) -> None:
    made = divide(total, weights, {}, KEY)
    assert sum(made.credits.values()) == total and made.rounding_minor == 0
    whole = sum(weights.values())
    for name, credit in made.credits.items():
        assert abs(credit - Fraction(total * weights[name], whole)) < 1
        if weights[name] == 0:
            assert credit == 0


@pytest.mark.long
@given(TOTALS, WEIGHTS, CARRIED)
def test_other_names_only_change_who_gets_a_tied_unit(
    total: int, weights: dict[str, int], carried: dict[str, Fraction]
) -> None:
    renamed = {f"new {name}": weight for name, weight in weights.items()}
    renamed_carried = {f"new {name}": left for name, left in carried.items()}
    made, other = (
        divide(total, weights, carried, KEY),
        divide(total, renamed, renamed_carried, KEY),
    )

    def outcomes(credits: dict[str, int], prefix: str) -> dict[Any, list[int]]:
        found: defaultdict[Any, list[int]] = defaultdict(list)
        for name in weights:
            claim = Fraction(total * weights[name], sum(weights.values())) + carried.get(name, 0)
            found[claim].append(credits[prefix + name])
        # Those with the same claim get the same amounts, in another order.
        return {claim: sorted(values) for claim, values in found.items()}

    def floors(found: dict[Any, list[int]]) -> dict[Any, int]:
        remainders: defaultdict[Any, int] = defaultdict(int)
        for claim, values in found.items():
            remainders[claim % 1] += sum(values)
        return remainders

    assert floors(outcomes(made.credits, "")) == floors(outcomes(other.credits, "new "))


def test_ties_go_by_the_salted_hash_and_not_by_the_id() -> None:
    people = [f"c-{number}" for number in range(40)]
    weights = dict.fromkeys(people, 1)
    winners = []
    for key in (b"one salt", b"another salt"):
        credits = divide(13, weights, {}, key).credits
        won = {name for name, minor in credits.items() if minor}
        assert won == set(sorted(people, key=lambda name: tie_order(key, name))[:13])
        winners.append(won)
    assert winners[0] != winners[1]
    assert sorted(people)[:13] != sorted(winners[0])


def run_pools(count: int, seed: int) -> tuple[dict[str, Fraction], dict[str, int], int, int]:
    """Divides random pools among random subsets; returns dues, credits, rounding and the total."""
    rng = random.Random(seed)
    people = [f"c-{number:03d}" for number in range(60)]
    dues: defaultdict[str, Fraction] = defaultdict(Fraction)
    credits: defaultdict[str, int] = defaultdict(int)
    carried: dict[str, Fraction] = {}
    rounding = paid = 0
    for _ in range(count):
        chosen = rng.sample(people, rng.randint(1, len(people)))
        weights = {name: rng.choice((0, 1, 1, 2, rng.randrange(1, 10**6))) for name in chosen}
        weights[chosen[0]] = weights[chosen[0]] or 1
        total = rng.choice((0, 1, rng.randrange(100), rng.randrange(10**7)))
        made = divide(total, weights, carried, KEY)
        carried |= made.carried
        for name, credit in made.credits.items():
            dues[name] += Fraction(total * weights[name], sum(weights.values()))
            credits[name] += credit
            assert credit >= 0 and abs(credits[name] - dues[name]) <= 1
            assert carried[name] == dues[name] - credits[name]
        rounding += made.rounding_minor
        paid += total
    return dues, credits, rounding, paid


@pytest.mark.long
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))]
)
def test_over_a_thousand_pools_nobody_is_off_by_more_than_a_unit(seed: int) -> None:
    dues, credits, rounding, paid = run_pools(1_000, seed)
    assert sum(credits.values()) + rounding == paid == sum(dues.values())
    assert max(abs(credits[name] - due) for name, due in dues.items()) <= 1
    assert run_pools(200, seed) == run_pools(200, seed)


def test_equal_payees_take_turns() -> None:
    """Of 3,000 equal payees, everyone gets 1 cent of 30 pools of 1.00."""
    weights = {f"c-{number}": 1 for number in range(3_000)}
    carried: Mapping[str, Fraction] = {}
    credits: defaultdict[str, int] = defaultdict(int)
    for _ in range(30):
        made = divide(100, weights, carried, KEY)
        carried = made.carried
        for name, minor in made.credits.items():
            credits[name] += minor
    assert set(credits.values()) == {1}
    assert set(carried.values()) == {0}


def test_what_cannot_be_divided_without_being_two_units_off_is_rounding() -> None:
    """Both were short of almost a unit, and the pool cannot make up for it."""
    owed = {"a": Fraction(9, 10), "b": Fraction(9, 10)}
    made = divide(1, {"a": 1, "b": 4}, owed, KEY)
    assert made.credits == {"a": 1, "b": 1}
    assert made.rounding_minor == -1
    assert made.carried == {"a": Fraction(1, 10), "b": Fraction(7, 10)}


@pytest.mark.parametrize(
    ("total", "weights", "carried"),
    [
        (1, {}, {}),
        (1, {"a": 0, "b": 0}, {}),
        (1, {"a": -1, "b": 2}, {}),
        (-1, {"a": 1}, {}),
        (1, {"a": 1.0}, {}),
        (1.0, {"a": 1}, {}),
        (1, {"a": True}, {}),
        (1, {"a": 1}, {"a": 0.5}),
    ],
)
def test_invalid_numbers_are_refused(total: Any, weights: Any, carried: Any) -> None:
    with pytest.raises(InputError):
        divide(total, weights, carried, KEY)


@given(TOTALS, st.lists(st.integers(0, 10**20), min_size=1, max_size=30).filter(any))
def test_division_in_order_follows_its_definition(total: int, weights: list[int]) -> None:
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    expected = [int(value) for value in exact]
    order = sorted(range(len(exact)), key=lambda at: (expected[at] - exact[at], at))
    for at in order[: total - sum(expected)]:
        expected[at] += 1
    assert divide_in_order(total, weights) == expected


@pytest.mark.long
def test_a_total_beyond_64_bits_is_divided_among_a_hundred_thousand() -> None:
    weights = {f"c{number:07d}": number % 1013 for number in range(100_000)}
    made = divide(10**24 + 1, weights, {}, KEY)
    assert sum(made.credits.values()) == 10**24 + 1


def test_more_than_a_unit_may_be_carried() -> None:
    """As after a replaced pool; what is owed comes first, and what is too much waits."""
    made = divide(10, {"a": 1, "b": 1}, {"a": Fraction(5, 2), "b": Fraction(-5, 2)}, b"salt")
    assert made.credits == {"a": 7, "b": 3} or made.credits == {"a": 8, "b": 2}
    assert sum(made.carried.values()) == 0 and made.rounding_minor == 0
    assert all(abs(left) <= 1 for left in made.carried.values())
    small = divide(1, {"a": 1, "b": 1}, {"b": Fraction(-9)}, b"salt")
    assert small.credits == {"a": 1, "b": 0}
    assert small.carried == {"a": Fraction(-1, 2), "b": Fraction(-17, 2)}
