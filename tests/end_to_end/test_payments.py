"""Later revenue, payouts and the journal, by command, on a copy of the demo's output."""

from __future__ import annotations

import csv
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from schemas.money import parse_amount
from tests.end_to_end.command import Demo, command, environment
from tests.end_to_end.small_library import in_process
from tests.ledger.test_journal import balances_by_hledger, hledger, needs_hledger

pytestmark = pytest.mark.long

TERMS = """
[[thresholds]]
currency = "USD"
amount = "20.00"
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
"""
REVENUE = {
    "--delivery": "demo-main/v0001",
    "--amount": "1200.01",
    "--currency": "USD",
    "--agency-share": "0.40",
    "--source": "generative licences",
    "--period": "2026-H2",
    "--source-country": "US",
    "--date": "2026-12-01",
}


@pytest.fixture
def out(demo: Demo, tmp_path: Path) -> Path:
    shutil.copytree(demo.out, tmp_path / "out")
    (tmp_path / "payout.toml").write_text(TERMS)
    return tmp_path / "out"


def pay_words(out: Path, name: str, **changes: str) -> list[str]:
    options = REVENUE | {f"--{key.replace('_', '-')}": value for key, value in changes.items()}
    words = [word for pair in options.items() for word in pair]
    return ["pay", "--out", str(out), "--name", name, *words]


def payout_words(out: Path, demo: Demo, day: str) -> list[str]:
    words = ["payout", "--out", str(out), "--terms", str(out.parent / "payout.toml")]
    return [*words, "--catalogue", str(demo.catalogue), "--date", day]


def ledger_credits(out: Path) -> Counter[str]:
    """What the delivery's ledger credits everybody, added up from its entries."""
    path = out / "demo-main" / "v0001" / "agency" / "ledger" / "ledger-00000.parquet"
    found: Counter[str] = Counter()
    for row in pq.read_table(path).to_pylist():
        found[row["contributor_id"]] += row["amount_minor"]
    return found


@needs_hledger
def test_revenue_is_shared_paid_and_booked(demo: Demo, out: Path) -> None:
    paid = in_process(*pay_words(out, "gen"), "--json")
    assert paid.code == 0, paid.err
    credits = {row["contributor_id"]: row["credit_minor"] for row in paid.json["credits"]}
    assert sum(credits.values()) + paid.json["pool"]["agency_minor"] == 120_001
    earned = ledger_credits(out)
    whole = sum(earned.values())
    for who, minor in credits.items():  # the proportions of the price, within two units
        assert abs(minor - 72_000 * earned[who] / whole) < 2
    folder = out.parent / "run"
    done = in_process(*payout_words(out, demo, "2026-12-15"), "--to", folder, "--json")
    assert done.code == 0, done.err
    with (folder / "payments.csv").open(newline="", encoding="utf-8") as source:
        payments = list(csv.DictReader(source))
    assert len(payments) == len(done.json["payments"]) > 0
    journal = out.parent / "ledger.journal"
    assert in_process("journal", "--out", out, "--to", journal).code == 0
    hledger(journal, "check", "--strict")
    balances = balances_by_hledger(journal)
    for currency in {row["currency"] for row in payments}:
        own = [row["net"] for row in payments if row["currency"] == currency]
        net = sum(parse_amount(text, currency) for text in own)
        assert balances["assets:bank", currency] == -net
    owed = sum(-minor for (account, _), minor in balances.items() if "contributors" in account)
    assert owed == sum(row["amount_minor"] for row in done.json["unpaid"])


def test_the_same_command_pays_nothing_twice(demo: Demo, out: Path) -> None:
    first = in_process(*pay_words(out, "gen"), "--json")
    again = in_process(*pay_words(out, "gen", date="2026-12-09"), "--json")
    assert (first.json["is_new"], again.json["is_new"]) == (True, False)
    assert {**first.json, "is_new": False} == again.json
    other = in_process(*pay_words(out, "gen", amount="1200.02"))
    assert other.code == 2
    assert "another payment with this name" in other.err
    words = payout_words(out, demo, "2026-12-15")
    runs = [in_process(*words, "--to", out.parent / f"run{n}", "--json") for n in range(2)]
    assert [run.json["is_new"] for run in runs] == [True, False]
    assert runs[0].json["payments"] == runs[1].json["payments"]
    for name in ("payments.csv", "unpaid.csv"):
        first_bytes, second_bytes = ((out.parent / f"run{n}" / name).read_bytes() for n in range(2))
        assert first_bytes == second_bytes
    later = in_process(*payout_words(out, demo, "2026-12-16"), "--json")
    assert (later.code, later.json["payments"]) == (0, [])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"delivery": "demo-main/v0009"}, "not in the agency's books"),
        ({"amount": "12,00"}, "not an amount of money"),
        ({"currency": "usd"}, "unknown currency"),
        ({"agency_share": "40%"}, "Not a share"),
        ({"source_country": "USA"}, "Not a country"),
        ({"period": "2026\n"}, "Not one line"),
        ({"deduct": "legal"}, "--deduct 'legal'"),
        ({"deduct": "legal="}, "not an amount of money"),
        ({"amount": "0.00"}, "cannot be shared"),
        ({"amount": "90071992547409.92"}, "at most 90071992547409.91"),
        ({"use_mapping": "use.toml"}, "without --use"),
        ({"deduct": "legal=2000.00"}, "exceed"),
        ({"date": "yesterday"}, "Not a date"),
        ({"use": "missing.csv"}, "no such file"),
    ],
)
def test_bad_revenue_is_refused(out: Path, change: dict[str, str], message: str) -> None:
    books = out / "agency" / "books" / "records"
    before = sorted(books.iterdir())
    done = in_process(*pay_words(out, "gen", **change))
    assert done.code == 2, done.out
    assert message in done.err
    assert sorted(books.iterdir()) == before


def test_revenue_is_shared_by_use(out: Path) -> None:
    ledger = out / "demo-main" / "v0001" / "agency" / "ledger" / "ledger-00000.parquet"
    rows = pq.read_table(ledger).to_pylist()
    used = rows[0]
    lines = f"key;uses\n{used['key']};3\nnothing;2\n{rows[-1]['key']};0\n"
    (out.parent / "q3.csv").write_text(lines)
    (out.parent / "use.toml").write_text('[use.columns]\nquantity = "uses"\n')
    use = {"use": str(out.parent / "q3.csv"), "use_mapping": str(out.parent / "use.toml")}
    done = in_process(*pay_words(out, "use", **use), "--json")
    assert done.code == 0, done.err
    found = done.json["use"]
    assert (found["rows"], found["matched_rows"]) == (3, 1)
    assert [row["reason"] for row in found["unmatched"]] == ["unknown_asset", "no_quantity"]
    people = {row["contributor_id"] for row in rows if row["asset_id"] == used["asset_id"]}
    assert {row["contributor_id"] for row in done.json["credits"]} == people
    assert sum(row["credit_minor"] for row in done.json["credits"]) == 120_001 - 48_000


def kill_at_random(words: list[str], dice: random.Random, longest_s: float) -> None:
    process = subprocess.Popen(
        command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    )
    time.sleep(dice.uniform(0, longest_s))
    process.send_signal(signal.SIGKILL)
    process.wait()


def killed_and_repeated(demo: Demo, out: Path, kills: int, seed: int) -> None:
    """Kills each command at random moments, then runs it to its end; compares with no kill."""
    calm = out.parent / "calm"
    shutil.copytree(out, calm)
    steps: list[Callable[[Path], list[str]]] = [
        lambda where: pay_words(where, "gen"),
        lambda where: payout_words(where, demo, "2026-12-15"),
        lambda where: pay_words(where, "more", amount="77.77"),
        lambda where: payout_words(where, demo, "2026-12-16"),
    ]
    dice = random.Random(seed)
    for step in steps:
        began = time.monotonic()
        assert in_process(*step(calm)).code == 0
        took_s = 2 + 2 * (time.monotonic() - began)  # a process also starts
        for _ in range(kills):
            kill_at_random(step(out), dice, took_s)
        assert in_process(*step(out)).code == 0
    records = [
        [path.read_bytes() for path in sorted((where / "agency/books/records").iterdir())]
        for where in (calm, out)
    ]
    assert records[0] == records[1]
    assert (calm / "agency/log/checkpoint").read_bytes() == (
        out / "agency/log/checkpoint"
    ).read_bytes()


def test_killed_commands_lose_and_double_nothing(demo: Demo, out: Path) -> None:
    killed_and_repeated(demo, out, 1, 20261127)


@pytest.mark.slow
def test_commands_killed_at_fifty_moments_lose_and_double_nothing(demo: Demo, out: Path) -> None:
    killed_and_repeated(demo, out, 13, 7)
