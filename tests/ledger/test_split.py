"""Money is divided exactly to the last minor unit, independent of order."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ledger.split import (
    agency_and_contributors,
    largest_remainder,
    line_weight,
)
from schemas.errors import InputError
from schemas.ledger import Allocation
from schemas.money import format_amount, parse_amount
from tests.ledger.ledger_cases import Line, share_lines
from tests.ledger.reference import simple_allocate

TOTALS = st.one_of(st.integers(0, 100), st.integers(0, 10**7), st.integers(0, 10**30))
WEIGHTS = st.dictionaries(
    st.text(max_size=4),
    st.one_of(st.integers(0, 3), st.integers(0, 10**25)),
    min_size=1,
    max_size=30,
).filter(lambda weights: any(weights.values()))


def test_a_hundred_divided_by_three() -> None:
    shares = largest_remainder(parse_amount("100.00", "USD"), [("c", 1), ("a", 1), ("b", 1)])
    assert {name: format_amount(minor, "USD") for name, minor in shares.items()} == {
        "a": "33.34",
        "b": "33.33",
        "c": "33.33",
    }


def test_ties_are_decided_by_id_in_code_point_order() -> None:
    weights = [(name, 1) for name in ("b", "B", "10", "9", "é", "a")]
    assert [name for name, minor in largest_remainder(3, weights).items() if minor] == [
        "B",
        "10",
        "9",
    ]


@given(TOTALS, WEIGHTS)
def test_shares_sum_to_the_total_and_are_within_one_unit(
    total: int, weights: dict[str, int]
) -> None:
    shares = largest_remainder(total, list(weights.items()))
    whole = sum(weights.values())
    assert sum(shares.values()) == total
    for name, weight in weights.items():
        exact = Fraction(total * weight, whole)
        assert abs(shares[name] - exact) < 1
        if weight == 0:
            assert shares[name] == 0


@given(TOTALS, WEIGHTS)
def test_shares_follow_the_definition(total: int, weights: dict[str, int]) -> None:
    """Compares with the textbook method, computed with fractions and one sort."""
    whole = sum(weights.values())
    exact = {name: Fraction(total * weight, whole) for name, weight in weights.items()}
    expected = {name: int(value) for name, value in exact.items()}
    order = sorted(weights, key=lambda name: (expected[name] - exact[name], name))
    for name in order[: total - sum(expected.values())]:
        expected[name] += 1
    assert largest_remainder(total, list(weights.items())) == expected


@given(TOTALS, WEIGHTS, st.randoms(use_true_random=False))
def test_the_order_of_weights_does_not_matter(
    total: int, weights: dict[str, int], rng: random.Random
) -> None:
    pairs = list(weights.items())
    shuffled = list(pairs)
    rng.shuffle(shuffled)
    assert largest_remainder(total, pairs) == largest_remainder(total, shuffled)


@pytest.mark.parametrize(
    ("total", "weights"),
    [
        (1, []),
        (1, [("a", 0), ("b", 0)]),
        (1, [("a", -1), ("b", 2)]),
        (-1, [("a", 1)]),
        (1, [("a", 1), ("a", 1)]),
        (1, [("a", 1.0)]),
        (1.0, [("a", 1)]),
        (1, [("a", True)]),
    ],
)
def test_invalid_totals_and_weights_are_refused(total: int, weights: list[tuple[str, int]]) -> None:
    with pytest.raises(InputError):
        largest_remainder(total, weights)


@pytest.mark.long
def test_a_total_beyond_64_bits_is_divided_among_a_million_ids() -> None:
    weights = [(f"c{number:07d}", number % 1013) for number in range(1_000_000)]
    shares = largest_remainder(10**24 + 1, weights)
    assert sum(shares.values()) == 10**24 + 1


@pytest.mark.parametrize(
    ("price", "licence", "fee", "earned"),
    [
        ("100", "149", "30", "109.50"),
        ("100", "299", "60", "169.50"),
        ("149", "0", "0", "74.50"),
        ("199", "0", "0", "99.50"),
    ],
)
def test_published_arithmetic_of_an_extended_licence(
    price: str, licence: str, fee: str, earned: str
) -> None:
    """(price + licence − legal fee) × 50 %, as published by a stock site with these figures."""
    pool = parse_amount(price, "USD") + parse_amount(licence, "USD") - parse_amount(fee, "USD")
    _, contributors = agency_and_contributors(pool, Decimal("0.50"))
    assert format_amount(contributors, "USD") == earned


@pytest.mark.parametrize(
    ("pool", "share"), [(1, "0.5"), (21_901, "0.50"), (2, "0.25"), (2, "0.75")]
)
def test_the_odd_unit_goes_to_the_contributors(pool: int, share: str) -> None:
    agency, contributors = agency_and_contributors(pool, Decimal(share))
    assert Fraction(contributors) == pool * (1 - Fraction(share)) + Fraction(1, 2)
    assert agency + contributors == pool


@given(st.integers(0, 10**25), st.decimals("0", "1", allow_nan=False, places=6))
def test_agency_and_contributors_sum_to_the_pool(pool: int, share: Decimal) -> None:
    agency, contributors = agency_and_contributors(pool, share)
    assert agency + contributors == pool
    exact = pool * Fraction(share)
    assert abs(agency - exact) <= Fraction(1, 2)
    if exact % 1 == Fraction(1, 2):
        assert agency < exact  # the odd unit goes to the contributors


@pytest.mark.parametrize("share", [0.4, "0.4", 0, Decimal("1.01"), Decimal("-0.1"), Decimal("NaN")])
def test_an_agency_share_must_be_a_decimal_from_0_to_1(share: Decimal) -> None:
    with pytest.raises(InputError, match="agency share"):
        agency_and_contributors(100, share)


def test_line_weight_under_each_rule() -> None:
    assert line_weight(Allocation.PER_ASSET, 7, 3) == 1
    assert line_weight(Allocation.WEIGHTED, 7, 3) == 7
    assert line_weight(Allocation.PER_SAMPLE, 7, 3) == 3
    with pytest.raises(InputError):
        line_weight(Allocation.WEIGHTED, -1, 1)
    with pytest.raises(InputError):
        line_weight(Allocation.PER_SAMPLE, 1, 0)


MINOR = st.one_of(st.integers(0, 100), st.integers(0, 10**7), st.integers(0, 2**63 - 1))
WEIGHT = st.one_of(st.integers(0, 9), st.integers(0, 2**63 - 1))
LINES = st.lists(
    st.tuples(st.sampled_from("abcde"), st.integers(0, 40), WEIGHT, st.integers(0, 10000)),
    min_size=1,
    max_size=40,
    unique_by=lambda row: (row[0], row[1]),
).map(lambda rows: [Line(person, f"{key:04d}", weight, bp) for person, key, weight, bp in rows])


def _points(lines: list[Line]) -> dict[str, int]:
    points: dict[str, int] = {}
    for line in lines:
        points[line.contributor_id] = (
            points.get(line.contributor_id, 0) + line.weight * line.share_bp
        )
    return points


@given(LINES, MINOR, st.randoms(use_true_random=False))
def test_lines_sum_to_people_and_people_to_the_pool(
    lines: list[Line], total: int, rng: random.Random
) -> None:
    points = _points(lines)
    if not any(points.values()):
        with pytest.raises(InputError, match="sum to zero"):
            share_lines(lines, total)
        return
    amounts = share_lines(lines, total)
    people = largest_remainder(total, list(points.items()))
    assert amounts == simple_allocate(lines, total)
    assert sum(amounts) == total
    for person, earned in people.items():
        own = [i for i, line in enumerate(lines) if line.contributor_id == person]
        assert sum(amounts[i] for i in own) == earned
        for i in own:
            weight = lines[i].weight * lines[i].share_bp
            assert abs(amounts[i] * points[person] - earned * weight) < max(points[person], 1)
    paired = list(zip(lines, amounts, strict=True))
    rng.shuffle(paired)
    assert share_lines([line for line, _ in paired], total) == [amount for _, amount in paired]


@pytest.mark.parametrize(
    ("lines", "total", "expected"),
    [
        # A contributor who earns nothing, with a line whose points exceed 64 bits.
        ([("a", 1_839_044_907_836_722_053, 6)], 0, [0]),
        ([("a", 2**63 - 1, 10_000), ("b", 2**62, 2)], 1, [1, 0]),
        # Each line's points fit in 64 bits, but their sum does not.
        ([("a", 2**62, 1), ("a", 2**62, 1), ("a", 2**62, 1)], 1, [1, 0, 0]),
        ([("a", 2**62, 1), ("a", 2**62, 1), ("a", 2**62, 1)], 0, [0, 0, 0]),
        ([("a", 2**63 - 1, 1), ("b", 2**62, 1), ("b", 2**62, 1)], 2, [1, 1, 0]),
    ],
)
def test_points_beyond_64_bits_with_small_amounts(
    lines: list[tuple[str, int, int]], total: int, expected: list[int]
) -> None:
    made = [Line(person, f"{n}", weight, bp) for n, (person, weight, bp) in enumerate(lines)]
    assert share_lines(made, total) == expected


EDGES = st.sampled_from([0, 1, 2**31, 2**49, 2**50, 2**62, 2**63 - 1])
EDGE_LINES = st.lists(
    st.tuples(st.sampled_from("abc"), EDGES, st.sampled_from([0, 1, 2, 8192, 10_000])),
    min_size=1,
    max_size=12,
).map(lambda rows: [Line(who, f"{n:02d}", weight, bp) for n, (who, weight, bp) in enumerate(rows)])


@settings(max_examples=300)
@given(EDGE_LINES, st.one_of(st.integers(0, 3), EDGES))
def test_lines_with_weights_at_the_limits_are_divided_exactly(
    lines: list[Line], total: int
) -> None:
    points = _points(lines)
    whole = sum(points.values())
    if whole == 0:
        return
    amounts = share_lines(lines, total)
    assert amounts == simple_allocate(lines, total)
    assert sum(amounts) == total and min(amounts) >= 0
    for person, own_points in points.items():
        earned = sum(
            amount
            for line, amount in zip(lines, amounts, strict=True)
            if line.contributor_id == person
        )
        assert abs(Fraction(total * own_points, whole) - earned) < 1


@pytest.mark.long
@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(["0.01", "1.00", "99999.99"]),
    st.sampled_from([1, 2, 3, 99, 1000, 10_000]),
    st.sampled_from(["0", "0.333", "0.40", "0.5", "1"]),
    st.integers(0, 2**32),
)
def test_pools_are_conserved_for_up_to_ten_thousand_people(
    pool: str, people: int, share: str, seed: int
) -> None:
    rng = random.Random(seed)
    pool_minor = parse_amount(pool, "USD")
    agency, rest = agency_and_contributors(pool_minor, Decimal(share))
    lines = [
        Line(f"c{number:05d}", f"{key:06d}", rng.randrange(1, 1000), rng.randrange(1, 10_001))
        for number in range(people)
        for key in range(rng.randrange(1, 3))
    ]
    amounts = share_lines(lines, rest)
    assert min(amounts) >= 0
    assert sum(amounts) + agency == pool_minor


def test_a_contributor_with_many_lines_loses_nothing_to_rounding() -> None:
    """Ten lines of 0.4 units each would earn nothing if each line were rounded separately."""
    lines = [Line("many", f"{key:02d}", 1, 1) for key in range(10)]
    lines += [Line(f"one{number}", "00", 6, 1) for number in range(1)]
    amounts = share_lines(lines, 6)
    assert sum(amounts[:10]) == 4
    assert amounts[:10] == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
