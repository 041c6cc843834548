"""hledger agrees with every statement of the demo, over three quarters and with whatever happens.

Three deliveries in three currencies; revenue; a version that replaces another one; a fund and its
correction; a removal whose money is taken back; three payouts with a threshold, a hold, tax and
exchange rates.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow.parquet as pq
import pytest

from schemas.money import parse_amount
from tests.end_to_end.command import Demo
from tests.end_to_end.small_library import in_process
from tests.ledger.test_journal import Sums, balances_by_hledger, hledger, needs_hledger
from tests.statements.independent import faults

pytestmark = [pytest.mark.slow, needs_hledger]

HELD = "c-0001"
TERMS = f"""
[[thresholds]]
currency = "USD"
amount = "250.00"
[[holds]]
contributor = "{HELD}"
reason = "tax-form"
note = "W-8BEN ended"
ends = 2026-10-31
[[withholding]]
source_country = "US"
rate = "0.30"
source = "statutory rate"
[[withholding]]
source_country = "any"
rate = "0"
source = "none at source"
[[rates]]
currency = "USD"
into = "EUR"
rate = "0.92"
date = 2026-06-30
source = "reference rate"
[[rates]]
currency = "EUR"
into = "USD"
rate = "1.0834"
date = 2026-06-30
source = "reference rate"
[[rates]]
currency = "JPY"
into = "USD"
rate = "0.0067"
date = 2026-06-30
source = "reference rate"
"""
QUARTERS = {"2026-Q2": "2026-07-01", "2026-Q3": "2026-10-01", "2026-Q4": "2027-01-01"}


def done(*words: object) -> Any:
    """Runs a command that must succeed, and returns its JSON."""
    ended = in_process(*words, "--json")
    assert ended.code == 0, ended.err
    return ended.json


@pytest.fixture(scope="module")
def out(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's output after three quarters."""
    folder = tmp_path_factory.mktemp("quarters")
    out, terms = folder / "out", folder / "payout.toml"
    shutil.copytree(demo.out, out)
    terms.write_text(TERMS)
    books = ("--out", out)

    def payout(day: str) -> None:
        words = ("--terms", terms, "--catalogue", demo.catalogue, "--date", day)
        found = done("payout", *books, *words, "--to", folder / day)
        assert found["payments"] and found["unpaid"]

    def pay(name: str, delivery: str, amount: str, currency: str, day: str) -> None:
        what = ("--name", name, "--delivery", delivery, "--amount", amount, "--currency", currency)
        why = ("--agency-share", "0.40", "--source", "licences", "--period", "2026-H2")
        done("pay", *books, *what, *why, "--source-country", "US", "--date", day)

    def fund(amount: str, day: str, *more: str) -> None:
        what = ("--name", "fund", "--deal", f"demo-main={amount}", "--deal", "demo-images=250.55")
        why = ("--agency-share", "0.5", "--source", "fund", "--period", "2026-Q3")
        done("fund", *books, *what, "--currency", "USD", *why, "--date", day, *more)

    payout("2026-07-15")
    pay("gen", "demo-main/v0001", "1200.01", "USD", "2026-08-01")
    key = ("--key", out / "agency" / "signing.key", "--as-of", "2026-09-01")
    again = in_process(*demo.package("demo-images", out, "--workers", 1, *key))
    assert again.code == 0, again.err
    fund("777.77", "2026-09-20")
    payout("2026-10-15")
    fund("787.77", "2026-10-20", "--correct")
    ledger = pq.read_table(out / "demo-main/v0001/agency/ledger/ledger-00000.parquet").to_pylist()
    asset = max(ledger, key=lambda row: row["amount_minor"])["asset_id"]
    what = ("--asset", asset, "--reason", "takedown", "--effective", "2026-11-02")
    done("revoke", *books, *what, "--money", "reverse", "--as-of", "2026-11-01")
    pay("renewal", "demo-strict/v0001", "300.00", "EUR", "2026-12-01")
    payout("2026-12-15")
    return out


@pytest.fixture(scope="module")
def statements(out: Path) -> dict[str, list[Any]]:
    """All statements by quarter."""
    found = {}
    for quarter in QUARTERS:
        folder = out.parent / quarter
        done("statement", "--out", out, "--all", "--period", quarter, "--to", folder)
        found[quarter] = [json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")]
    return found


@pytest.fixture(scope="module")
def journal(out: Path) -> Path:
    path = out.parent / "ledger.journal"
    assert in_process("journal", "--out", out, "--to", path).code == 0
    hledger(path, "check", "--strict")
    return path


def until(path: Path, day: str) -> Path:
    """Writes a journal of what hledger finds before a day."""
    found = path.with_suffix(f".{day}")
    found.write_text(hledger(path, "print", "--explicit", "-e", day), encoding="utf-8")
    return found


def closing(accounts: Iterable[Any]) -> Sums:
    found: Sums = Counter()
    for account in accounts:
        for row in account["money"]["balances"]:
            found[account["contributor_id"], row["currency"]] += row["closing_minor"]
    return Counter({place: minor for place, minor in found.items() if minor})


@pytest.mark.parametrize("quarter", QUARTERS)
def test_every_closing_balance_is_hledgers(
    statements: dict[str, list[Any]], journal: Path, quarter: str
) -> None:
    prefix = "liabilities:contributors:"
    owed: Sums = Counter()
    for (account, currency), minor in balances_by_hledger(
        until(journal, QUARTERS[quarter])
    ).items():
        if account.startswith(prefix):
            owed[unquote(account.removeprefix(prefix)), currency] -= minor
    assert owed == closing(statements[quarter])
    assert len({currency for _, currency in owed}) >= 2


def test_gross_withheld_and_net_are_hledgers_and_the_payment_runs(
    statements: dict[str, list[Any]], journal: Path
) -> None:
    paid: Counter[tuple[str, str]] = Counter()
    runs: Counter[tuple[str, str]] = Counter()
    for accounts in statements.values():
        for account in accounts:
            for item in account["money"]["payouts"]:
                assert item["gross_minor"] - item["withheld_minor"] == item["net_minor"]
                for name in ("gross", "withheld", "net"):
                    paid[name, item["currency"]] += item[f"{name}_minor"]
    for file in journal.parent.glob("2026-*/payments.csv"):
        head, *rows = (line.split(",") for line in file.read_text("utf-8").splitlines())
        for row in rows:
            for name in ("gross", "withheld", "net"):  # from the end: names may have commas
                amount, currency = row[head.index(name) - len(head)], row[-4]
                runs[name, currency] += parse_amount(amount, currency)
    balances = balances_by_hledger(journal)
    books: Counter[tuple[str, str]] = Counter()
    for (account, currency), minor in balances.items():
        if account == "assets:bank":
            books["net", currency] -= minor
        elif account.startswith("liabilities:withheld"):
            books["withheld", currency] -= minor
    for currency in {code for _, code in paid}:
        books["gross", currency] = books["net", currency] + books["withheld", currency]
    assert +paid == +runs == +books
    assert any(name == "withheld" for name, _ in +paid)


def test_all_statements_are_sound_and_show_what_happened(
    statements: dict[str, list[Any]],
) -> None:
    reasons: set[str] = set()
    for accounts in statements.values():
        for account in accounts:
            assert faults(account) == []
            reasons |= {row["reason"] for row in account["money"]["adjustments"]}
            reasons |= {row["reason"] for row in account["money"]["held"]}
            reasons |= {row["kind"] for row in account["money"]["payments"]}
    assert {"removal", "payment", "correction"} <= reasons
    assert {"held", "below_threshold", "negative_balance", "no_exchange_rate"} <= reasons


def test_the_books_are_replayed_to_the_same_bytes(out: Path, journal: Path) -> None:
    found = done("replay", "--out", out, "--journal", journal)
    assert (found["ok"], found["payouts"], found["rewritten"]) == (True, 3, 0)
    text = journal.read_text("utf-8")
    altered = journal.with_name("altered.journal")
    altered.write_text(text.replace(" USD -", " USD -1", 1), encoding="utf-8")
    ended = in_process("replay", "--out", out, "--journal", altered)
    assert ended.code == 1
    assert "differs from the books in line" in ended.out
