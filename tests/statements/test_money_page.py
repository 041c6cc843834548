"""The tables of money on a statement's page: their order, and fractions that people can read."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import cast

import pytest

from pipelines.statements.money import AccountMoney
from pipelines.statements.money_page import hundredths, money_parts


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        ("-1167/1776", "-0.65"),
        ("1/3", "0.33"),
        ("2/3", "0.66"),
        ("1/200", "0.00"),
        ("-1/1", "-1.00"),
    ],
)
def test_a_fraction_of_a_unit_has_two_decimals_cut_off(fraction: str, text: str) -> None:
    assert hundredths(Fraction(fraction)) == text


def test_revenue_and_adjustments_stand_by_their_dates() -> None:
    def payment(date: str) -> dict[str, object]:
        texts = ("name", "source", "period", "source_country", "credited", "currency")
        return dict.fromkeys(texts, "x") | {"date": date, "parts": [], "replaces": None}

    adjustment = {"date": "2026-08-01", "reason": "removal", "delivery": "a/v0001"}
    adjustment |= {"amount": "-1.00", "currency": "EUR"}
    money = cast(
        AccountMoney,
        {
            "payments": [payment("2026-07-01"), payment("2026-09-01")],
            "adjustments": [adjustment],
            "payouts": [],
            "held": [],
        },
    )
    page = "".join(money_parts(money))
    assert re.findall(r"2026-\d\d-\d\d", page) == ["2026-07-01", "2026-08-01", "2026-09-01"]
