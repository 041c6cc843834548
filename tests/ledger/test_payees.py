"""What the catalogue says about payees is used or refused."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest

from pipelines.ledger.payees import check_payees, held_payees, parse_agency_share, read_payees
from pipelines.ledger.statement_form import Payee
from schemas.catalogue import CONTRIBUTORS_SCHEMA
from schemas.errors import InputError
from schemas.price_terms import PriceTerms

ROWS = [
    {"contributor_id": "ada", "display_name": "Ada", "country": "NO", "payee_ref": "p-1"},
    {"contributor_id": "bo", "currency": "USD"},
    {"contributor_id": "cy", "currency": "eur"},
]


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=CONTRIBUTORS_SCHEMA)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("0.35", Fraction(35, 100)),
        ("0,35", Fraction(35, 100)),
        ("35 %", Fraction(35, 100)),
        ("35%", Fraction(35, 100)),
        ("33.5\u00a0%", Fraction(335, 1000)),
        ("12,5 %", Fraction(1, 8)),
        ("%40", Fraction(40, 100)),
        ("% 12,5", Fraction(1, 8)),
        ("0", Fraction(0)),
        ("0 %", Fraction(0)),
        ("100 %", Fraction(1)),
    ],
)
def test_an_agency_share_is_read_exactly(text: str, share: Fraction) -> None:
    assert parse_agency_share(text) == share
    rows = [{"contributor_id": "ada", "agency_share": text}]
    check_payees(price(), table(rows))
    assert read_payees(table(rows))["ada"].agency_share == share


@pytest.mark.parametrize(
    "text",
    [
        *(
            "1",
            "1.0",
            "1,00",
            "35",
            "1.5",
            "101 %",
            "-0.1",
            "0.35 %%",
            "%40%",
            "%",
            "%101",
            "35 pct",
            "1e-1",
            "0.35x",
        ),
        *("½", "٣٥ %"),
    ],
)
def test_another_agency_share_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="agency share") as refused:
        check_payees(price(), table([{"contributor_id": "ada", "agency_share": text}]))
    assert f"1 contributor: 'ada' ({text!r})" in str(refused.value)


def price(**more: Any) -> PriceTerms:
    return PriceTerms(currency="USD", pool="1.00", **more)


def test_payees_are_read_as_the_catalogue_has_them() -> None:
    assert read_payees(table(ROWS)) == {
        "ada": Payee("Ada", "NO", "", "p-1"),
        "bo": Payee(currency="USD"),
        "cy": Payee(currency="EUR"),
    }


def test_another_currency_is_refused_if_the_deal_says_so() -> None:
    with pytest.raises(InputError) as refused:
        check_payees(price(other_currencies="refuse"), table(ROWS))
    for part in ("1 contributor: 'cy' ('EUR')", "price.other_currencies", '"hold"', "USD"):
        assert part in str(refused.value)
    for choice in ("hold", "convert"):
        check_payees(price(other_currencies=choice), table(ROWS))
    check_payees(price(), table(ROWS[:2]))


def test_many_contributors_are_counted_and_the_first_named() -> None:
    rows = [{"contributor_id": f"c-{number}", "currency": "JPY"} for number in range(9)]
    with pytest.raises(InputError, match=r"9 contributors: 'c-0' .* and 4 more"):
        check_payees(price(other_currencies="refuse"), table(rows))


@pytest.mark.parametrize("currency", ["XXX", "Dollar", "U$D", "EURO"])
def test_an_unknown_currency_is_refused_whatever_the_deal_says(currency: str) -> None:
    rows = [{"contributor_id": "ada", "currency": currency}]
    for choice in ("refuse", "hold", "convert"):
        with pytest.raises(InputError, match="currency of a contributor is unknown"):
            check_payees(price(other_currencies=choice), table(rows))


def test_only_a_deal_that_holds_money_holds_it() -> None:
    payees = read_payees(table(ROWS))
    assert held_payees(price(other_currencies="hold"), payees) == {
        "cy": "paid in EUR, credited in USD"
    }
    assert held_payees(price(other_currencies="convert"), payees) == {}


def test_a_level_of_somebody_who_is_not_in_the_catalogue_is_refused() -> None:
    def levels(who: str) -> PriceTerms:
        classes = [
            {"level": "exclusive", "agency_share": "0.1"},
            {"level": "other", "agency_share": "0.5"},
        ]
        level = {"name": "exclusive", "contributors": ["ada", who]}
        return PriceTerms.model_validate(
            {"currency": "USD", "pool": "1.00", "levels": [level], "agency_classes": classes}
        )

    check_payees(levels("bo"), table(ROWS))
    with pytest.raises(InputError, match=r"price.levels lists .*: 1 contributor: 'Bo'"):
        check_payees(levels("Bo"), table(ROWS))
