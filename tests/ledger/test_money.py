"""Amounts are parsed and formatted exactly, and anything else is refused with its value."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InputError
from schemas.money import EXPONENTS, exponent, format_amount, parse_amount, round_half_down

CURRENCIES = st.sampled_from(sorted(EXPONENTS))


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("0.01", "USD", 1),
        ("100000.00", "USD", 10_000_000),
        ("100.5", "EUR", 10_050),
        ("7", "EUR", 700),
        ("0", "USD", 0),
        ("1234", "JPY", 1234),
        ("1.234", "BHD", 1234),
        ("1.2345", "CLF", 12345),
        ("9" * 60 + ".99", "USD", 10**62 - 1),
    ],
)
def test_amounts_are_read_exactly(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    "text",
    [
        *("", " 1", "1 ", "-1", "+1", "1e3", "NaN", "Infinity", "1,000", "1_000", "1.", ".5"),
        *("1.2.3", "1.000", "0.001", "٣", "1\n", "$5", "9" * 1001),
    ],
)
def test_an_invalid_amount_is_refused_with_its_value(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_amount(text, "USD")
    assert repr(text)[:40] in caught.value.which
    assert "100.00" in caught.value.remedy


@pytest.mark.parametrize("value", [1.5, 1, Decimal("1.5"), None, True, b"1"])
def test_amounts_must_be_text(value: object) -> None:
    with pytest.raises(InputError, match="must be text"):
        parse_amount(value, "USD")  # type: ignore[arg-type]  # what a TOML float would do


def test_yen_have_no_decimals() -> None:
    with pytest.raises(InputError, match="JPY has 0 decimals, and this amount has 2"):
        parse_amount("100.00", "JPY")


@pytest.mark.parametrize("currency", ["usd", "XXX", "XAU", "DEM", "HRK", "", "US", "BITCOIN"])
def test_unknown_currencies_are_refused(currency: str) -> None:
    with pytest.raises(InputError, match="unknown currency"):
        parse_amount("1", currency)


def test_exponents_are_those_of_iso_4217() -> None:
    three = {code for code, digits in EXPONENTS.items() if digits == 3}
    none = {code for code, digits in EXPONENTS.items() if digits == 0}
    assert three == {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
    assert {"JPY", "KRW", "CLP", "ISK", "VND", "XAF", "XOF", "XPF"} <= none
    assert (exponent("USD"), exponent("CLF"), exponent("MRU"), exponent("MGA")) == (2, 4, 2, 2)
    assert all(len(code) == 3 and code.isupper() for code in EXPONENTS)


@given(st.integers(min_value=0, max_value=10**40), CURRENCIES)
def test_format_and_parse_are_inverse(minor: int, currency: str) -> None:
    text = format_amount(minor, currency)
    assert parse_amount(text, currency) == minor
    assert Fraction(text) == Fraction(minor, 10 ** exponent(currency))
    assert len(text.partition(".")[2]) == exponent(currency)


def test_negative_amounts_are_formatted_with_a_minus() -> None:
    assert format_amount(-5, "USD") == "-0.05"
    assert format_amount(-12345, "JPY") == "-12345"
    with pytest.raises(InputError):
        format_amount(1.0, "USD")  # type: ignore[arg-type]


@given(st.fractions())
def test_half_a_unit_is_rounded_down(amount: Fraction) -> None:
    assert -Fraction(1, 2) < amount - round_half_down(amount) <= Fraction(1, 2)
