"""A contributor's credit is divided among their lines exactly, independent of order."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ledger.division import divide
from schemas.errors import InputError
from tests.ledger.ledger_cases import SALT, Line, share_lines
from tests.ledger.reference import simple_allocate

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
    people = divide(total, points, {}, SALT).credits
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
    pool_minor = int(Fraction(pool) * 100)
    rest = round(pool_minor * (1 - Fraction(share)))
    lines = [
        Line(f"c{number:05d}", f"{key:06d}", rng.randrange(1, 1000), rng.randrange(1, 10_001))
        for number in range(people)
        for key in range(rng.randrange(1, 3))
    ]
    amounts = share_lines(lines, rest)
    assert min(amounts) >= 0
    assert sum(amounts) == rest


def test_a_contributor_with_many_lines_loses_nothing_to_rounding() -> None:
    """Ten lines of 0.4 units each would earn nothing if each line were rounded separately."""
    lines = [Line("many", f"{key:02d}", 1, 1) for key in range(10)]
    lines += [Line(f"one{number}", "00", 6, 1) for number in range(1)]
    amounts = share_lines(lines, 6)
    assert sum(amounts[:10]) == 4
    assert amounts[:10] == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
