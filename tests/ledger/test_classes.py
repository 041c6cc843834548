"""Every line is in exactly one class, and the classes' shares are exact."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger.classes import ClassShares, LineClasses
from schemas.errors import InputError
from schemas.price_terms import PriceTerms

DAY = date(2026, 6, 30)


def price(classes: list[dict[str, Any]], levels: list[dict[str, Any]] | None = None) -> PriceTerms:
    return PriceTerms.model_validate(
        {"currency": "USD", "pool": "1", "levels": levels or [], "agency_classes": classes}
    )


FILM = {"media": "video", "level": "exclusive", "agency_share": "0.40"}
FOUR = [
    FILM,
    {"media": "video", "level": "other", "agency_share": "0.60"},
    {"media": "image", "level": "exclusive", "agency_share": "0.50"},
    {"media": "image", "level": "other", "agency_share": "0.65"},
]
EXCLUSIVE = {"name": "exclusive", "contributors": ["ada"], "assets": ["a-9"]}


def test_media_and_level_decide_the_class() -> None:
    classes = LineClasses(price(FOUR, [EXCLUSIVE]), DAY)
    assert not classes.is_single
    assert classes.of_lines(
        ["video", "video", "image", "image", "image", "video"],
        ["a-1", "a-2", "a-3", "a-4", "a-9", "a-9"],
        ["ada", "bo", "ada", "bo", "bo", "ada"],
    ).tolist() == [0, 1, 2, 3, 2, 0]
    shares = classes.shares()
    assert shares.factors == [12, 8, 10, 7]  # of twentieths
    assert shares.agency_share([1, 0, 0, 1]) == Fraction(40 + 65, 200)


def test_levels_are_dated() -> None:
    ended = EXCLUSIVE | {"ends": date(2026, 6, 29)}
    classes = LineClasses(price(FOUR, [ended]), DAY)
    assert classes.of_lines(["video"], ["a-1"], ["ada"]).tolist() == [1]
    started = EXCLUSIVE | {"starts": DAY, "ends": DAY}
    classes = LineClasses(price(FOUR, [started]), DAY)
    assert classes.of_lines(["video"], ["a-1"], ["ada"]).tolist() == [0]


@pytest.mark.parametrize(
    ("listed", "levels", "what"),
    [
        ([FILM], [EXCLUSIVE], "an asset is in no class of the deal"),
        (
            [*FOUR, {"media": "image", "agency_share": "0.5"}],
            [EXCLUSIVE],
            "an asset is in several classes of the deal",
        ),
        (
            FOUR,
            [EXCLUSIVE, {"name": "gold", "assets": ["a-1"]}],
            "an asset and its contributor are in two levels",
        ),
    ],
)
def test_an_asset_outside_of_one_class_is_refused_by_name(
    listed: list[dict[str, Any]], levels: list[dict[str, Any]], what: str
) -> None:
    classes = LineClasses(price(listed, levels), DAY)
    with pytest.raises(InputError) as caught:
        classes.of_lines(["image"], ["a-1"], ["ada"])
    assert caught.value.what == what
    assert "asset 'a-1' of contributor 'ada'" in caught.value.which


def test_without_classes_there_is_one() -> None:
    plain = PriceTerms.model_validate({"currency": "USD", "pool": "1", "agency_share": "0.3"})
    classes = LineClasses(plain, DAY)
    assert classes.is_single
    assert classes.shares() == ClassShares([1], [Fraction(3, 10)])
    only_films = LineClasses(price([{"media": "video", "agency_share": "0.3"}]), DAY)
    assert not only_films.is_single
    with pytest.raises(InputError, match="no class"):
        only_films.of_lines(["image"], ["a"], ["b"])


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 10**9)), min_size=1, max_size=2).filter(
        lambda rows: sum(points for _, points in rows) > 0
    )
)
def test_what_classes_leave_is_in_the_proportions_of_the_factors(
    rows: list[tuple[int, int]],
) -> None:
    listed = [
        {"media": media, "agency_share": str(Fraction(mills, 1000).limit_denominator(1))}
        if mills in (0, 1000)
        else {"media": media, "agency_share": f"0.{mills:03d}"}
        for media, (mills, _) in zip(("image", "video"), rows, strict=False)
    ]
    shares = LineClasses(price(listed), DAY).shares()
    points = [count for _, count in rows]
    whole = sum(points)
    kept = [Fraction(count * (1000 - mills), 1000) for mills, count in rows]
    assert 1 - shares.agency_share(points) == sum(kept) / whole
    if sum(kept):
        given_points = [f * count for f, count in zip(shares.factors, points, strict=True)]
        assert [Fraction(one, sum(given_points)) for one in given_points] == [
            one / sum(kept) for one in kept
        ]
