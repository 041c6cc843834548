"""The money of statements: what moved, what is proved, and that alterations are named."""

from __future__ import annotations

import copy
import csv
import json
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipelines.accounts.log import AgencyLog
from pipelines.accounts.pools import balances, booked_pools, lines_of
from pipelines.statements.page import account_page
from tests.statements.books_cases import make_books
from tests.statements.browser import Browser
from tests.statements.cases import WHO, run, statement
from tests.statements.independent import faults
from tests.statements.test_page import account_of, resum, with_record

PERIODS = ("2026-Q2", "2026-Q3", "2026-Q4")


@pytest.fixture(scope="module")
def paid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AgencyLog]:
    folder = tmp_path_factory.mktemp("paid")
    return folder, make_books(folder)


@pytest.fixture(scope="module")
def accounts(paid: tuple[Path, AgencyLog]) -> dict[str, dict[str, Any]]:
    """Everybody's statements by period and contributor."""
    found: dict[str, dict[str, Any]] = {}
    for period in PERIODS:
        target = paid[0] / "to" / period
        words = ("--out", paid[0], "--all", "--period", period, "--to", target)
        code, _, errors = run(*words)
        assert code == 0, errors
        found[period] = {
            path.stem: json.loads(path.read_text("utf-8")) for path in target.glob("*.json")
        }
    return found


def by_currency(account: Any, name: str) -> dict[str, int]:
    return {row["currency"]: row[f"{name}_minor"] for row in account["money"]["balances"]}


def test_all_statements_are_sound_and_follow_one_another(
    paid: tuple[Path, AgencyLog], accounts: dict[str, dict[str, Any]]
) -> None:
    """A balance at the end is the next one at the start, and the last are what the books owe."""
    ends: Counter[tuple[str, str]] = Counter()
    for period in PERIODS:
        starts: Counter[tuple[str, str]] = Counter()
        now: Counter[tuple[str, str]] = Counter()
        for who, account in accounts[period].items():
            assert faults(account) == []
            for row in account["money"]["balances"]:
                starts[who, row["currency"]] += row["opening_minor"]
                now[who, row["currency"]] += row["closing_minor"]
        assert +starts == +ends
        ends = now
    owed: Counter[tuple[str, str]] = Counter()
    for one in balances(paid[1]):
        owed[one.contributor_id, one.currency] += one.amount_minor
    assert {place: minor for place, minor in ends.items() if minor} == dict(owed)


def test_what_was_earned_and_paid_is_what_the_books_have(
    paid: tuple[Path, AgencyLog], accounts: dict[str, dict[str, Any]]
) -> None:
    account = accounts["2026-Q3"][WHO]
    (payment,) = account["money"]["payments"]
    (pool,) = [pool for pool in booked_pools(paid[1]) if not pool.is_price]
    credits = lines_of(paid[1], pool).to_pylist()
    (own,) = [row["credit_minor"] for row in credits if row["contributor_id"] == WHO]
    assert payment["credited_minor"] == own
    assert (payment["source"], payment["period"]) == ("generative licences", "2026-Q2")
    (payout,) = account["money"]["payouts"]
    assert payout["currency"] == "USD"
    yen, unstated, us = payout["parts"]
    assert (yen["currency"], yen["rate"]) == ("JPY", "0.0067")
    # One yen is 0.67 cents; the fixture has no tie.
    assert abs(Fraction(yen["gross_minor"]) - yen["amount_minor"] * Fraction(67, 100)) < 1
    assert us["amount_minor"] == own and us["withheld_minor"] == round(own * Fraction(3, 10))
    assert (yen["withheld_minor"], unstated["withheld_minor"]) == (0, 0)
    gross = yen["gross_minor"] + unstated["amount_minor"] + own
    assert (payout["gross_minor"], payout["net_minor"]) == (gross, gross - us["withheld_minor"])
    before = accounts["2026-Q2"][WHO]
    assert by_currency(account, "opening") == {"JPY": 0} | by_currency(before, "closing")
    assert by_currency(account, "closing")["JPY"] == 0


def test_what_was_not_paid_is_there_with_its_reason(accounts: dict[str, dict[str, Any]]) -> None:
    held = accounts["2026-Q3"]["person-2"]["money"]["held"]
    assert {row["reason"] for row in held} == {"held"}
    assert all(row["detail"] == "tax-form: W-8BEN ended" for row in held)
    assert accounts["2026-Q3"]["person-2"]["money"]["payouts"] == []
    assert accounts["2026-Q2"]["person-2"]["money"]["held"] == []
    later = accounts["2026-Q4"]["person-2"]
    assert later["deliveries"] == [] and later["totals"] == []
    assert by_currency(later, "opening") == by_currency(later, "closing")
    assert later["money"]["held"] == held


def test_amounts_in_the_csv_sum_to_the_balance_at_the_end(
    paid: tuple[Path, AgencyLog], accounts: dict[str, dict[str, Any]]
) -> None:
    for period in PERIODS:
        for who, account in accounts[period].items():
            path = paid[0] / "to" / period / f"{who}.csv"
            sums: Counter[str] = Counter()
            for row in csv.DictReader(path.open(encoding="utf-8", newline="")):
                sums[row["currency"]] += int(row["amount_minor"])
            ends = {name: minor for name, minor in by_currency(account, "closing").items() if minor}
            assert {name: minor for name, minor in sums.items() if minor} == ends


def test_one_deals_statement_has_no_balance(
    paid: tuple[Path, AgencyLog], tmp_path: Path, chromium: Browser
) -> None:
    account = statement(paid[0], tmp_path, "--contributor", WHO, "--deal", "acme")
    assert account["money"] is None and faults(account) == []
    assert chromium.open(tmp_path / f"{WHO}.html")[0] == "sound"


def test_pages_are_sound_and_say_what_is_the_agencys_word(
    paid: tuple[Path, AgencyLog], accounts: dict[str, dict[str, Any]], chromium: Browser
) -> None:
    for period in PERIODS:
        for who in ("person-2", WHO):
            page = paid[0] / "to" / period / f"{who}.html"
            chromium.size(390, 800)
            verdict, said = chromium.open(page)
            assert verdict == "sound", said
            wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            assert chromium.value(wide)
            word = [text for text in said if text.startswith("The agency's word")]
            payouts = accounts[period][who]["money"]["payouts"]
            assert len(word) == 1 and ("payouts and of withheld tax" in word[0]) == bool(payouts)
    chromium.size(1000, 1400)
    chromium.open(paid[0] / "to" / "2026-Q3" / f"{WHO}.html")
    marks = "[...document.querySelectorAll('[data-money] .mark')].map(e => e.textContent)"
    assert chromium.value(marks) == ["✓ proved", "✓ logged"]
    assert chromium.pdf().count(b"/Type /Page\n") == 2


def test_nobodys_page_has_anothers_money(
    paid: tuple[Path, AgencyLog], accounts: dict[str, dict[str, Any]]
) -> None:
    for who, account in accounts["2026-Q3"].items():
        text = (paid[0] / "to" / "2026-Q3" / f"{who}.html").read_text("utf-8")
        for other, theirs in accounts["2026-Q3"].items():
            if other == who:
                continue
            for payment in theirs["money"]["payments"]:
                assert payment["sum"]["salt"] not in text
            for payout in theirs["money"]["payouts"]:
                assert f">{payout['net']} {payout['currency']}<" not in text
        assert account["contributor_id"] == who


Alteration = tuple[Callable[[Any], None], str]


def payment(money: Any) -> Any:
    return money["payments"][0]


def raise_payment(money: Any) -> None:
    """Raises a credit, and everything that is computed from it."""
    item = payment(money)
    for name in ("total", "credited"):
        item[f"{name}_minor"] += 100
        item[name] = f"{item[f'{name}_minor'] / 100:.2f}"
    item["parts"][0]["minor"] += 100
    item["parts"][0]["amount"] = item["total"]
    row = money["balances"][1]
    for name in ("earned", "closing"):
        row[f"{name}_minor"] += 100
        row[name] = f"{row[f'{name}_minor'] / 100:.2f}"


def drop_payment(money: Any) -> None:
    money["payments"].clear()


def drop_proof(money: Any) -> None:
    payment(money)["sum"] = None


def date_payment(money: Any) -> None:
    payment(money)["date"] = "2026-07-11"


def move_payment(money: Any) -> None:
    payment(money)["parts"][0]["deal_id"] = "beta"


def split_payment(money: Any) -> None:
    payment(money)["parts"][0]["minor"] -= 1
    payment(money)["parts"][0]["amount"] = f"{payment(money)['parts'][0]['minor'] / 100:.2f}"


def renumber_payment(money: Any) -> None:
    payment(money)["record"] = 2


def edit_leaf(money: Any) -> None:
    entry = payment(money)["entry"]
    entry["leaf"] = entry["leaf"].replace('"assets":', '"all":', 1).replace("2026-07", "2026-07", 1)
    entry["leaf"] = entry["leaf"].replace("acme/v0001", "acme/v0002")


def repeat_payment(money: Any) -> None:
    money["payments"].append(copy.deepcopy(payment(money)))


def sum_path(money: Any) -> None:
    path = payment(money)["sum"]["path"]
    path[1][0] = str(int(path[1][0]) + 1)


def replace_nothing(money: Any) -> None:
    item = payment(money)
    item["replaces"] = {
        "record": 2,
        "total_minor": 0,
        "total": "0.00",
        "entry": item["entry"],
        "sum": None,
    }


def raise_tax(money: Any) -> None:
    item = money["payouts"][0]
    for one in (item, item["parts"][2]):
        one["withheld_minor"] += 1
        one["withheld"] = f"{one['withheld_minor'] / 100:.2f}"
    item["parts"][2]["net"] = f"{float(item['parts'][2]['net']) - 0.01:.2f}"
    item["net_minor"] -= 1
    item["net"] = f"{item['net_minor'] / 100:.2f}"


def change_rate(money: Any) -> None:
    money["payouts"][0]["parts"][0]["rate"] = "0.0068"


def lower_net(money: Any) -> None:
    item = money["payouts"][0]
    item["net_minor"] -= 5
    item["net"] = f"{item['net_minor'] / 100:.2f}"


def drop_payout(money: Any) -> None:
    money["payouts"].clear()


def date_payout(money: Any) -> None:
    money["payouts"][0]["date"] = "2026-08-16"


def lower_end(money: Any) -> None:
    money["balances"][1]["closing_minor"] -= 5
    money["balances"][1]["closing"] = f"{money['balances'][1]['closing_minor'] / 100:.2f}"


def drop_balance(money: Any) -> None:
    money["balances"].pop()


def edit_checkpoint(money: Any) -> None:
    lines = money["checkpoint"].split("\n")
    lines[1] = str(int(lines[1]) + 1)
    money["checkpoint"] = "\n".join(lines)


ALTERED: dict[str, Alteration] = {
    "payment raised": (raise_payment, "Later revenue 1: it is not part of the pool whose sum"),
    "payment dropped": (drop_payment, "USD: what was earned is not the sum"),
    "proof dropped": (drop_proof, "Later revenue 1: the proof of its amount is missing"),
    "payment dated": (date_payment, "Later revenue 1: the log has another day"),
    "payment moved": (move_payment, "Later revenue 1: the log has other deals"),
    "payment split": (split_payment, "Later revenue 1: its parts do not sum to it"),
    "payment renumbered": (renumber_payment, "Later revenue 1: its number is not that of the log"),
    "leaf": (edit_leaf, "Later revenue 1: it is not in the log that the agency signed"),
    "payment repeated": (repeat_payment, "Records: a record is there twice"),
    "sum": (sum_path, "Later revenue 1: it is not part of the pool whose sum"),
    "replaces": (replace_nothing, "Later revenue 1: the log has another record in its place"),
    "tax": (raise_tax, "Payout 1: what was withheld does not follow from its rate"),
    "rate": (change_rate, "Payout 1: its gross amount is not the balance at the rate"),
    "net": (lower_net, "Payout 1: net is not gross less tax"),
    "payout dropped": (drop_payout, "JPY: what was paid is not the sum of the payouts"),
    "payout dated": (date_payout, "Payout 1: the log has another day"),
    "end": (lower_end, "USD: the balance at the end does not follow"),
    "balance dropped": (drop_balance, "Balance: USD is missing"),
    "checkpoint": (edit_checkpoint, "The agency's log: the checkpoint was changed after it was"),
}


@pytest.mark.parametrize("name", ALTERED)
@pytest.mark.parametrize("redrawn", [True, False])
def test_altered_money_is_named(
    paid: tuple[Path, AgencyLog],
    accounts: dict[str, dict[str, Any]],
    tmp_path: Path,
    chromium: Browser,
    name: str,
    redrawn: bool,
) -> None:
    """The page and the independent check find the same, also if the page shows the alteration."""
    alter, said = ALTERED[name]
    account = copy.deepcopy(accounts["2026-Q3"][WHO])
    alter(account["money"])
    if redrawn:  # with sums by month and deal that fit
        resum(account)
    assert faults(account) != []
    sound, page = paid[0] / "to" / "2026-Q3" / f"{WHO}.html", tmp_path / "page.html"
    if redrawn:
        page.write_bytes(account_page(account))
    else:
        with_record(sound, account, page)
    verdict, problems = chromium.open(page)
    assert verdict == "wrong" and any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ('data-cell="balance-1-closing">', "Balance: the page shows the amount closing as 9"),
        ('data-cell="balance-1-opening">', "Balance: the page shows the amount opening as 9"),
        ('data-cell="payment-0-amount">', "Later revenue 1: the page shows the amount as 9"),
        ('data-cell="payment-0-name">', "Later revenue 1: the page shows its name as 9"),
        ('data-cell="payout-0-net">', "Payout 1: the page shows the net amount as 9"),
        ('data-cell="payout-0-0-rate">', "Payout 1: the page shows a rate as 9"),
    ],
)
def test_what_is_shown_of_money_must_be_what_is_checked(
    paid: tuple[Path, AgencyLog],
    accounts: dict[str, dict[str, Any]],
    tmp_path: Path,
    chromium: Browser,
    place: str,
    said: str,
) -> None:
    assert accounts["2026-Q3"][WHO]
    sound, page = paid[0] / "to" / "2026-Q3" / f"{WHO}.html", tmp_path / "page.html"
    text = sound.read_text(encoding="utf-8")
    assert text.count(place) == 1 and account_of(sound)
    page.write_text(text.replace(place, f"{place}9"), encoding="utf-8")
    verdict, problems = chromium.open(page)
    assert verdict == "wrong" and len(problems) == 1 and said in problems[0], problems
