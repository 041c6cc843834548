"""The journal: it balances, and hledger reads from it what was written."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ledger.journal import Posting, Transaction, account_part, journal
from pipelines.ledger.payable import plan_payouts
from pipelines.ledger.payout_plan import Balance, Payee, Payout
from pipelines.ledger.postings import (
    Settled,
    contributor_account,
    payout_transaction,
    pool_transaction,
)
from schemas.errors import RunError
from schemas.money import parse_amount
from schemas.payout_terms import parse_payout_terms

DAY = date(2026, 7, 1)
needs_hledger = pytest.mark.skipif(
    shutil.which("hledger") is None, reason="hledger is not installed"
)
Sums = Counter[tuple[str, str]]


def hledger(path: Path, *words: str) -> str:
    done = subprocess.run(
        ["hledger", "-f", str(path), *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def balances_by_hledger(path: Path) -> Sums:
    """Returns the balance of each account in each currency, without zeros."""
    text = hledger(path, "balance", "--flat", "--no-total", "-O", "csv", "--layout=bare")
    found: Sums = Counter()
    for row in csv.DictReader(io.StringIO(text)):
        whole = row["balance"].removeprefix("-")
        sign = -1 if row["balance"].startswith("-") else 1
        found[row["account"], row["commodity"]] += sign * parse_amount(whole, row["commodity"])
    return without_zeros(found)


def without_zeros(sums: Sums) -> Sums:
    return Counter({place: total for place, total in sums.items() if total})


def written(folder: Path, transactions: list[Transaction]) -> Path:
    path = folder / "ledger.journal"
    path.write_text("".join(journal(transactions)), encoding="utf-8")
    return path


def payout_of(day: date, code: str, payout: Payout) -> Transaction:
    parts = [
        Settled(
            part.balance.currency,
            part.balance.source_country,
            part.balance.amount_minor,
            part.converted_minor,
            part.withheld_minor,
        )
        for part in payout.parts
    ]
    return payout_transaction(day, code, payout.payee.contributor_id, payout.currency, parts)


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "BHD"])
CREDITS = st.dictionaries(NAMES, st.integers(-(10**12), 10**12), max_size=5)


@st.composite
def pools(draw: st.DrawFn) -> tuple[Transaction | None, Sums]:
    """Draws a pool's transaction, and what must be on the accounts after it."""
    currency, credits = draw(CURRENCIES), draw(CREDITS)
    deductions = draw(st.dictionaries(NAMES, st.integers(0, 10**6), max_size=2))
    agency, rounding = draw(st.integers(0, 10**9)), draw(st.integers(-3, 3))
    wanted: Sums = Counter()
    for who, minor in credits.items():
        wanted[f"liabilities:contributors:{who}", currency] -= minor
    for name, minor in deductions.items():
        wanted[f"income:deductions:{name}", currency] -= minor
    wanted["income:agency", currency] -= agency
    wanted["equity:rounding", currency] -= rounding
    gross = sum(credits.values()) + sum(deductions.values()) + agency + rounding
    wanted["assets:receivable:acme-1", currency] += gross
    made = pool_transaction(
        DAY + timedelta(draw(st.integers(0, 400))),
        "r1",
        "acme-1",
        draw(NAMES),
        currency,
        agency,
        credits.items(),
        deductions.items(),
        rounding,
    )
    return made, without_zeros(wanted)


@needs_hledger
@pytest.mark.long
@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(made=st.lists(pools(), min_size=1, max_size=6))
def test_hledger_agrees_with_pools(
    tmp_path: Path, made: list[tuple[Transaction | None, Sums]]
) -> None:
    path = written(tmp_path, [one for one, _ in made if one is not None])
    hledger(path, "check", "--strict")
    wanted: Sums = Counter()
    for _, sums in made:
        for place, minor in sums.items():
            wanted[place] += minor
    found: Sums = Counter()
    for (account, currency), minor in balances_by_hledger(path).items():
        head, _, name = account.rpartition(":")
        found[f"{head}:{unquote(name)}", currency] += minor
    assert found == without_zeros(wanted)


@needs_hledger
@pytest.mark.long
def test_hledger_agrees_over_three_periods(tmp_path: Path) -> None:
    """Two currencies, a correction, a reversal, a conversion, withholding and a threshold.

    By hand: ada earns 60.00 USD in the first period, of which 10.00 are corrected away, and 20.00
    EUR in the second, paid as USD at 1.10: 50.00 + 22.00 = 72.00 gross; 30 % of the 50.00 from the
    US is withheld. bo earns 24.00 USD and stays below the threshold of 25.00; his next 10.00 bring
    him above. cy's 5.00 EUR are reversed by 6.00 and stay at -1.00.
    """
    terms = parse_payout_terms(
        """
        [[thresholds]]
        currency = "USD"
        amount = "25.00"
        [[withholding]]
        source_country = "US"
        rate = "0.30"
        source = "statutory rate"
        [[withholding]]
        source_country = "any"
        rate = "0"
        source = "none at source"
        [[rates]]
        currency = "EUR"
        into = "USD"
        rate = "1.10"
        date = 2026-08-31
        source = "month's end"
        """,
        "payout.toml",
    )
    payees = {who: Payee(who, currency="USD") for who in ("ada", "bo")}
    days = [date(2026, 7, 31), date(2026, 8, 31), date(2026, 9, 30)]
    pool = [
        pool_transaction(
            days[0], "r0", "a", "price", "USD", 4_000, [("ada", 6_000), ("bo", 2_400)]
        ),
        pool_transaction(days[1], "r1", "a", "price", "USD", 1_000, [("ada", -1_000)]),
        pool_transaction(
            days[1], "r2", "b", "price", "EUR", 500, [("ada", 2_000), ("cy", 500)], [("legal", 100)]
        ),
        pool_transaction(days[1], "r3", "b", "price", "EUR", 0, [("cy", -600)]),
        pool_transaction(days[2], "r5", "a", "renewal", "USD", 1_000, [("bo", 1_000)]),
    ]
    first = plan_payouts(
        [
            Balance("ada", "USD", "US", 5_000),
            Balance("ada", "EUR", "", 2_000),
            Balance("bo", "USD", "US", 2_400),
            Balance("cy", "EUR", "", -100),
        ],
        payees,
        terms,
        days[1],
    )
    second = plan_payouts(
        [Balance("bo", "USD", "US", 3_400), Balance("cy", "EUR", "", -100)], payees, terms, days[2]
    )
    paid = [
        payout_of(plan.day, f"r{at}", one)
        for at, plan in ((4, first), (6, second))
        for one in plan.payouts
    ]
    transactions = [one for one in pool if one is not None] + paid
    path = written(tmp_path, sorted(transactions, key=lambda one: one.day))
    hledger(path, "check", "accounts", "commodities", "--strict") if False else hledger(
        path, "check"
    )
    assert balances_by_hledger(path) == {
        ("assets:receivable:a", "USD"): 4_000 + 8_400 + 2_000,
        ("assets:receivable:b", "EUR"): 500 + 2_500 + 100 - 600,
        ("assets:bank", "USD"): -(7_200 - 1_500) - (3_400 - 1_020),
        ("income:agency", "USD"): -6_000,
        ("income:agency", "EUR"): -500,
        ("income:deductions:legal", "EUR"): -100,
        ("liabilities:withheld:US", "USD"): -1_500 - 1_020,
        ("liabilities:contributors:cy", "EUR"): 100,
        ("equity:conversion", "EUR"): -2_000,
        ("equity:conversion", "USD"): 2_200,
    }


@given(first=NAMES, second=NAMES)
def test_parts_of_accounts_are_plain_and_distinct(first: str, second: str) -> None:
    part = account_part(first)
    assert part.isascii()
    assert not set(part) & set(" :;|()[]\"'\t\n")
    assert unquote(part) == first
    assert (part == account_part(second)) == (first == second)


def test_a_transaction_that_does_not_balance_is_refused() -> None:
    wrong = Transaction(DAY, "r0", "x", (Posting(contributor_account("a"), 5, "USD"),))
    with pytest.raises(RunError, match="does not balance"):
        list(journal([wrong]))
    two = (Posting("assets:bank", 5, "USD"), Posting("assets:bank", -5, "EUR"))
    with pytest.raises(RunError, match="does not balance"):
        list(journal([Transaction(DAY, "r0", "x", two)]))


@pytest.mark.parametrize("text", ["a\nb", "a; b", "a | b"])
def test_a_description_that_would_be_read_otherwise_is_refused(text: str) -> None:
    two = (Posting("assets:bank", 5, "USD"), Posting("assets:bank", -5, "USD"))
    with pytest.raises(RunError, match="cannot be written"):
        list(journal([Transaction(DAY, "r0", text, two)]))
