"""What is paid out on a day, and what stays, with its reason."""

from __future__ import annotations

from collections import Counter
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger.payable import plan_payouts
from pipelines.ledger.payout_plan import Balance, Payee, Unpaid
from schemas.errors import InputError
from schemas.payout_terms import PayoutTerms, parse_payout_terms

DAY = date(2026, 12, 15)
TERMS = """
[[thresholds]]
currency = "USD"
amount = "25.00"

[[thresholds]]
currency = "USD"
amount = "1.00"
starts = 2026-09-01
ends = 2026-11-30

[[thresholds]]
currency = "USD"
amount = "0.50"
contributors = ["small"]

[[holds]]
contributor = "late"
reason = "tax-form"
note = "W-8 ended on 2026-06-30"

[[withholding]]
source_country = "US"
rate = "0.30"
source = "statutory rate"

[[withholding]]
source_country = "US"
rate = "0.15"
countries = ["DE"]
source = "treaty, valid from 2026"
starts = 2026-01-01

[[withholding]]
source_country = "US"
rate = "0"
contributors = ["exempt"]
source = "form of 2026-02-01"

[[withholding]]
source_country = "any"
rate = "0"
source = "no withholding at source"

[[rates]]
currency = "EUR"
into = "USD"
rate = "1.0834"
date = 2026-12-14
source = "reference rate of the day"

[[rates]]
currency = "EUR"
into = "USD"
rate = "9"
date = 2026-12-16
source = "reference rate of a later day"

[[rates]]
currency = "EUR"
into = "JPY"
rate = "160.25"
date = 2026-12-01
source = "reference rate of the day"
"""


def terms(text: str = TERMS) -> PayoutTerms:
    return parse_payout_terms(text, "payout.toml")


def plan(*balances: Balance, payees: tuple[Payee, ...] = (), day: date = DAY, text: str = TERMS):  # type: ignore[no-untyped-def]
    return plan_payouts(balances, {p.contributor_id: p for p in payees}, terms(text), day)


def test_a_balance_from_the_threshold_is_paid_and_one_below_stays() -> None:
    found = plan(Balance("a", "USD", "", 2_500), Balance("b", "USD", "", 2_499))
    assert [(p.payee.contributor_id, p.net_minor) for p in found.payouts] == [("a", 2_500)]
    [left] = found.unsettled
    assert (left.payee.contributor_id, left.reason) == ("b", Unpaid.BELOW_THRESHOLD)
    assert left.detail == "24.99 of 25.00 USD"


def test_a_dated_override_and_one_for_a_contributor_go_before_the_rule() -> None:
    lowered = plan(Balance("a", "USD", "", 100), day=date(2026, 10, 1))
    assert [p.net_minor for p in lowered.payouts] == [100]
    assert plan(Balance("a", "USD", "", 100), day=date(2026, 12, 1)).payouts == []
    assert [p.net_minor for p in plan(Balance("small", "USD", "", 50)).payouts] == [50]


def test_a_negative_balance_is_carried_on() -> None:
    found = plan(Balance("a", "USD", "", -5), Balance("b", "USD", "", 3_000))
    assert [(one.payee.contributor_id, one.reason) for one in found.unsettled] == [
        ("a", Unpaid.NEGATIVE)
    ]
    offset = plan(Balance("a", "USD", "", -500), Balance("a", "USD", "US", 3_000))
    [payout] = offset.payouts
    assert (payout.gross_minor, payout.withheld_minor, payout.net_minor) == (2_500, 900, 1_600)


def test_a_reversal_that_leaves_less_than_is_withheld_is_carried_on() -> None:
    found = plan(Balance("small", "USD", "", -2_900), Balance("small", "USD", "US", 3_000))
    assert found.payouts == []
    assert [(one.reason, one.detail) for one in found.unsettled] == [
        (Unpaid.NEGATIVE, "-8.00 USD net")
    ]


def test_a_hold_keeps_the_balance_and_says_why() -> None:
    [left] = plan(Balance("late", "USD", "", 9_000)).unsettled
    assert (left.reason, left.detail) == (Unpaid.HELD, "tax-form: W-8 ended on 2026-06-30")


@pytest.mark.parametrize(
    ("who", "country", "withheld"), [("a", "FR", 3_000), ("b", "DE", 1_500), ("exempt", "FR", 0)]
)
def test_the_closest_withholding_rule_applies(who: str, country: str, withheld: int) -> None:
    found = plan(Balance(who, "USD", "US", 10_000), payees=(Payee(who, country=country),))
    [payout] = found.payouts
    assert (payout.gross_minor, payout.withheld_minor) == (10_000, withheld)
    [elsewhere] = plan(Balance(who, "USD", "GB", 10_000)).payouts
    assert elsewhere.withheld_minor == 0


def test_income_that_no_rule_covers_is_not_paid() -> None:
    only_us = '[[withholding]]\nsource_country = "US"\nrate = "0.30"\nsource = "x"\n'
    [left] = plan(Balance("a", "USD", "GB", 10_000), text=only_us).unsettled
    assert left.reason is Unpaid.NO_WITHHOLDING_RULE
    assert "GB" in left.detail


def test_a_conversion_takes_the_newest_rate_up_to_the_day() -> None:
    payee = Payee("a", currency="USD")
    [payout] = plan(
        Balance("a", "EUR", "", 10_000), Balance("a", "USD", "", 7), payees=(payee,)
    ).payouts
    assert (payout.currency, payout.net_minor) == ("USD", 10_834 + 7)
    [yen] = plan(Balance("a", "EUR", "", 1_000), payees=(Payee("a", currency="JPY"),)).payouts
    assert yen.net_minor == 1_602  # 10.00 EUR at 160.25 is 1602.5 JPY; half to even
    partly = plan(Balance("a", "GBP", "", 10_000), Balance("a", "EUR", "", 10_000), payees=(payee,))
    assert [one.net_minor for one in partly.payouts] == [10_834]
    [left] = partly.unsettled
    assert (left.reason, left.detail) == (
        Unpaid.NO_RATE,
        "no rate from GBP to USD up to 2026-12-15",
    )
    assert plan(Balance("a", "EUR", "", 9), payees=(payee,), day=date(2026, 1, 1)).payouts == []


def test_terms_that_apply_equally_are_refused() -> None:
    twice = TERMS + '[[thresholds]]\ncurrency = "USD"\namount = "3.00"\n'
    with pytest.raises(InputError, match="Several thresholds in USD"):
        plan(Balance("a", "USD", "", 100), text=twice)
    with pytest.raises(InputError, match="Two balances"):
        plan(Balance("a", "USD", "", 100), Balance("a", "USD", "", 100))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[thresholds]]\ncurrency = "USD"\namount = "1.001"\n', "thresholds.0.amount"),
        ('[[thresholds]]\ncurrency = "XXX"\namount = "1"\n', "unknown currency"),
        ('[[holds]]\ncontributor = "a"\nreason = "mood"\n', "holds.0.reason"),
        ('[[rates]]\ncurrency = "EUR"\ninto = "USD"\nrate = "0"\n', "more than 0"),
        ('[[withholding]]\nsource_country = "us"\nrate = "0.3"\nsource = "x"\n', "source_country"),
        (
            '[[withholding]]\nsource_country = "US"\nrate = "0.3"\nsource = "x"\n'
            'countries = ["DE"]\ncontributors = ["a"]\n',
            "not both",
        ),
        (
            '[[holds]]\ncontributor = "a"\nreason = "other"\nstarts = 2026-02-01\n'
            "ends = 2026-01-01\n",
            "is before starts",
        ),
        ("[thresholds", "not valid TOML"),
        ("limits = 1", "unknown key"),
    ],
)
def test_faulty_terms_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        terms(text)


IDS = st.sampled_from(["a", "b", "late", "small", "exempt"])
BALANCES = st.lists(
    st.builds(
        Balance,
        IDS,
        st.sampled_from(["USD", "EUR", "JPY", "GBP"]),
        st.sampled_from(["", "US", "GB"]),
        st.integers(-100_000, 100_000),
    ),
    unique_by=lambda one: (one.contributor_id, one.currency, one.source_country),
    max_size=20,
)
PAYEES = st.dictionaries(
    IDS,
    st.builds(
        Payee,
        st.just(""),
        country=st.sampled_from(["", "DE", "FR"]),
        currency=st.sampled_from(["", "USD", "JPY"]),
    ),
).map(lambda found: {who: Payee(who, "", p.country, p.currency) for who, p in found.items()})


@given(balances=BALANCES, payees=PAYEES, data=st.data())
def test_every_balance_is_paid_in_full_or_stays(
    balances: list[Balance], payees: dict[str, Payee], data: st.DataObject
) -> None:
    found = plan_payouts(balances, payees, terms(), DAY)
    paid = [part.balance for payout in found.payouts for part in payout.parts]
    left = [balance for one in found.unsettled for balance in one.balances]
    assert Counter(paid + left) == Counter(one for one in balances if one.amount_minor)
    for payout in found.payouts:
        assert payout.net_minor + payout.withheld_minor == payout.gross_minor > 0
        assert payout.net_minor >= 0
        assert all(part.withheld_minor >= 0 for part in payout.parts)
        for part in payout.parts:
            exact = part.balance.amount_minor * (part.rate.minor_rate if part.rate else Fraction(1))
            assert abs(part.converted_minor - exact) <= Fraction(1, 2)
    shuffled = data.draw(st.permutations(balances))
    assert plan_payouts(shuffled, payees, terms(), DAY) == found


def test_money_that_a_deal_holds_is_not_paid() -> None:
    balances = [
        Balance("c-1", "USD", "", 5_00),
        Balance("c-1", "EUR", "", 5_00),
        Balance("c-2", "USD", "", 5_00),
    ]
    reason = "by the deal acme: paid in EUR, credited in USD"
    plan = plan_payouts(balances, {}, PayoutTerms(), DAY, {("c-1", "USD"): reason})
    paid = [(payout.payee.contributor_id, payout.currency) for payout in plan.payouts]
    assert paid == [("c-1", "EUR"), ("c-2", "USD")]
    assert [(one.reason, one.detail) for one in plan.unsettled] == [(Unpaid.HELD, reason)]


def test_a_sum_of_zero_is_not_called_negative() -> None:
    terms = parse_payout_terms(
        '[[rates]]\ncurrency = "USD"\ninto = "EUR"\nrate = "0.4"\ndate = 2026-12-01\nsource = "x"',
        "payout.toml",
    )
    payees = {"c-1": Payee("c-1", currency="EUR")}
    plan = plan_payouts([Balance("c-1", "USD", "", 1)], payees, terms, DAY)
    assert [(one.reason, one.detail) for one in plan.unsettled] == [
        (Unpaid.BELOW_THRESHOLD, "0.00 EUR to be paid")
    ]


@pytest.mark.parametrize(("owed", "currency"), [(2**53, ""), (-(2**53), ""), (2**52, "JPY")])
def test_an_amount_beyond_the_tables_is_refused_by_name(owed: int, currency: str) -> None:
    terms = parse_payout_terms(
        '[[rates]]\ncurrency = "USD"\ninto = "JPY"\nrate = "250"\ndate = 2026-12-01\nsource = "x"',
        "payout.toml",
    )
    payees = {"c-1": Payee("c-1", currency=currency)}
    with pytest.raises(InputError, match=r"too large to be paid: contributor 'c-1' is owed"):
        plan_payouts([Balance("c-1", "USD", "", owed)], payees, terms, DAY)
