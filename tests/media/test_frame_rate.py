"""Frame rates by times: exact where frames are evenly spaced, none where they are not."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.media.frame_rate import average_rate, constant_rate

STANDARD = [Fraction(1000 * rate, 1001) for rate in (24, 30, 60)]
STANDARD += map(Fraction, (24, 25, 30, 50, 60))


@given(st.integers(1, 10_000), st.integers(2, 50), st.integers(-100, 100), st.integers(1, 90_000))
def test_even_spaces_give_the_exact_rate(space: int, frames: int, first: int, unit: int) -> None:
    ticks = [first + space * number for number in range(frames)]
    assert constant_rate(ticks, Fraction(1, unit)) == Fraction(unit, space)


@given(
    st.sampled_from(STANDARD),
    st.sampled_from([600, 1000, 90_000]),
    st.integers(0, 1000),
    st.sampled_from([1, 7, 32]),
)
def test_rounded_times_give_the_standard_rate(
    rate: Fraction, unit: int, first: int, finer: int
) -> None:
    """In films so long that neighbouring rates are a tick apart, and in a finer time base."""
    ticks = [finer * (first + round(unit * number / rate)) for number in range(3000)]
    assert constant_rate(ticks, Fraction(1, unit * finer)) == rate


@given(st.lists(st.integers(1, 400), min_size=3, max_size=40))
def test_uneven_spaces_give_none(spaces: list[int]) -> None:
    ticks = [0]
    for space in spaces:
        ticks.append(ticks[-1] + space)
    found = constant_rate(ticks, Fraction(1, 600))
    if max(spaces) - min(spaces) > 2:
        assert found is None
    elif len(set(spaces)) == 1:
        assert found == Fraction(600, spaces[0])


def test_what_has_no_rate() -> None:
    base = Fraction(1, 600)
    assert constant_rate([], base) is constant_rate([5], base) is None
    assert constant_rate([0, 0, 0], base) is constant_rate([0, 20, 10], base) is None
    # Film at 24 frames a second, shown at 60 by repeating two and three times in turn.
    assert constant_rate([0, 2, 5, 7, 10, 12], Fraction(1, 60)) is None
    assert average_rate(6, 15, Fraction(1, 60)) == 24
    assert average_rate(6, 0, base) == average_rate(6, -1, base) == 0
    assert average_rate(1, 10**15, base).denominator <= 100_000


@pytest.mark.parametrize(
    ("rate", "unit", "frames"),
    [
        # 24/s and 24,000/1,001 both have each frame at most a tick away.
        (Fraction(24_000, 1001), 600, 22),
        (Fraction(24_000, 1001), 600, 23),
    ],
)
def test_the_rate_that_fits_best_is_taken(rate: Fraction, unit: int, frames: int) -> None:
    ticks = [round(unit * number / rate) for number in range(frames)]
    off = [abs(tick - number * Fraction(unit, 24)) for number, tick in enumerate(ticks)]
    assert max(off) == 1  # so 24 fits too
    assert constant_rate(ticks, Fraction(1, unit)) == rate


@pytest.mark.parametrize(
    ("ticks", "unit", "rate"),
    [
        ([0, 4, 7, 12, 16], 60, 15),  # four units apart: one may be a unit off
        ([0, 4, 9, 12, 16], 60, 15),
        ([0, 4, 6, 12, 16], 60, None),  # two units off
        ([0, 3, 5, 9, 12], 45, None),  # nearer frames may not be off
        ([0, 40, 70, 120, 160], 600, 15),  # the same in a finer time base
        ([0, 30, 50, 90, 120], 450, None),
    ],
)
def test_frames_four_units_apart_may_be_a_unit_off(
    ticks: list[int], unit: int, rate: int | None
) -> None:
    assert constant_rate(ticks, Fraction(1, unit)) == rate


@pytest.mark.parametrize("base", [Fraction(0), Fraction(-1, 600)])
def test_a_time_base_that_is_not_positive_gives_no_rate(base: Fraction) -> None:
    assert constant_rate([0, 25, 50], base) is None
    assert constant_rate([0, 25, 51, 75], base) is None
    assert average_rate(6, 15, base) == 0
