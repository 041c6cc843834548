"""`fairshard payout`: settles all balances that are due on a day."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from pipelines.accounts.memory import locked_folder
from pipelines.accounts.payees import check_named, check_payees, read_payees
from pipelines.accounts.payouts import (
    NothingToPayError,
    RecordedPayout,
    payments_of,
    record_payout,
    unpaid_table,
)
from pipelines.accounts.pools import contributors_of
from pipelines.catalogue.choice import AS_FOUND
from pipelines.catalogue.read import open_catalogue, read_table
from pipelines.commands.books import (
    add_books_options,
    add_date_option,
    event_day,
    one_line,
    open_books,
)
from pipelines.commands.common import (
    add_general_options,
    add_mapping_options,
    consoles,
    print_json,
    refuse_public_folder,
)
from pipelines.commands.mapping_options import mapping_choice
from pipelines.ledger.csv_cells import CSV_END, csv_cell
from pipelines.ledger.payout_plan import Payee
from pipelines.statements.money_page import UNPAID
from schemas.errors import InputError, counted
from schemas.money import format_amount
from schemas.payout_terms import PayoutTerms, load_payout_terms

EXAMPLES = """\
examples:
  fairshard payout --out out/ --terms payout.toml --catalogue library/ --to run/
  fairshard payout --out s3://agency/out --key keys/agency.key \\
      --terms payout.toml --catalogue library/ --date 2026-12-15 --json
"""
_PAYMENT_COLUMNS = (
    *("contributor_id", "display_name", "payee_ref", "currency"),
    *("gross", "withheld", "net"),
)
_SHOWN = 5  # contributors
_UNPAID_COLUMNS = ("contributor_id", "currency", "amount", "source_country", "reason", "detail")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_books_options(parser)
    parser.add_argument(
        "--terms", required=True, type=Path, metavar="FILE", help="thresholds, holds, tax and rates"
    )
    parser.add_argument(
        "--catalogue",
        metavar="URI",
        help="whose table contributors has names, countries, currencies and payee references",
    )
    add_mapping_options(parser)
    parser.add_argument(
        "--name", default="", metavar="NAME", help="names the payout (default: its day)"
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="write payments.csv, unpaid.csv")
    add_date_option(parser)
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    if options.to is not None:
        refuse_public_folder(options.to, "Payment runs")
    day, recorded_at = event_day(options)
    name = one_line(options.name, "--name") if options.name else day.isoformat()
    terms = load_payout_terms(options.terms)
    payees = _payees(options, terms, day)
    _, log = open_books(options)
    check_named(terms, (payees or {}).keys() | contributors_of(log))
    try:
        done = record_payout(log, name, terms, payees, day, recorded_at)
    except NothingToPayError as nothing:
        unpaid = unpaid_table(nothing.plan)
        if options.json:
            print_json({"record": None, "payments": [], "unpaid": unpaid.to_pylist()})
        else:
            _print(results, ["No balance can be paid; nothing was recorded."])
            _show_unpaid(results, unpaid)
        return 0
    payments = list(payments_of(done.lines))
    if options.to is not None:
        _write(options.to, payments, done.unpaid)
    if options.json:
        print_json(
            {
                "record": done.record.index,
                "is_new": done.is_new,
                "payments": payments,
                "unpaid": done.unpaid.to_pylist(),
            }
        )
    else:
        _show(results, done, payments)
    return 0


def _payees(options: argparse.Namespace, terms: PayoutTerms, day: date) -> dict[str, Payee] | None:
    """Returns what the catalogue says about contributors as payees; None without a catalogue."""
    if options.catalogue is None:
        if mapping_choice(options) != AS_FOUND:
            raise InputError(
                "--mapping, --preset or --media-prefix was given without --catalogue",
                " ".join((options.mapping, options.preset, options.media_prefix)).strip(),
                "Nothing was recorded. Give the catalogue with --catalogue, or leave it out.",
            )
        return None
    catalogue = open_catalogue(options.catalogue, mapping_choice(options))
    table = read_table(catalogue, "contributors")
    payees = read_payees(table)
    if not payees:
        raise InputError(
            "The catalogue has no contributors",
            f"{options.catalogue}: the table contributors has no rows",
            "Nothing was recorded. Give the complete catalogue. Without --catalogue, everybody is "
            "paid by their id, in the currency of each credit.",
        )
    check_payees(payees, terms, day)
    return payees


def _write(folder: Path, payments: Iterable[Mapping[str, object]], unpaid: pa.Table) -> None:
    """Writes both tables; the same record gives the same bytes."""
    paid = [
        [
            *(csv_cell(str(row[name])) for name in _PAYMENT_COLUMNS[:4]),
            *(_amount(row, f"{name}_minor") for name in _PAYMENT_COLUMNS[4:]),
        ]
        for row in payments
    ]
    left = [
        [
            csv_cell(row["contributor_id"]),
            row["currency"],
            format_amount(row["amount_minor"], row["currency"]),
            row["source_country"],
            row["reason"],
            csv_cell(row["detail"]),
        ]
        for row in unpaid.to_pylist()
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked_folder(folder):
            for name, head, rows in (
                ("unpaid.csv", _UNPAID_COLUMNS, left),
                ("payments.csv", _PAYMENT_COLUMNS, paid),
            ):
                text = "".join(",".join(row) + CSV_END for row in (list(head), *rows))
                part = folder / f"{name}.part"  # a payment run that is cut off has no final name
                part.write_text(text, encoding="utf-8", newline="")
                part.replace(folder / name)
    except OSError as error:
        raise InputError(
            "The payment run cannot be written",
            f"{folder} ({error.strerror or error})",
            "The payout is recorded: give another folder with --to and run the command again.",
        ) from error


def _amount(row: Mapping[str, object], name: str) -> str:
    return format_amount(int(str(row[name])), str(row["currency"]))


def _show(console: Console, done: RecordedPayout, payments: list[dict[str, object]]) -> None:
    said = "Recorded" if done.is_new else "Recorded before, and not paid again"
    name, day = done.record.private["name"], done.record.private["day"]
    payout = f"payout of {day}" if name == day else f"payout {name} of {day}"
    number, count = done.record.index, counted(len(payments), "payment")
    _print(console, [f"{said}: {payout}, record {number}, {count}."])
    table = Table("currency")
    for head in ("payments", "gross", "withheld", "net"):
        table.add_column(head, justify="right")
    for currency in sorted({str(row["currency"]) for row in payments}):
        own = [row for row in payments if row["currency"] == currency]
        sums = [
            format_amount(sum(int(str(row[f"{name}_minor"])) for row in own), currency)
            for name in ("gross", "withheld", "net")
        ]
        table.add_row(currency, f"{len(own):,}", *sums)
    console.print(table, markup=False)
    nowhere = sorted({str(row["contributor_id"]) for row in payments if not row["payee_ref"]})
    if nowhere:
        more = ", …" if len(nowhere) > _SHOWN else ""
        _print(console, [f"no payee_ref: {', '.join(nowhere[:_SHOWN])}{more}"])
    _show_unpaid(console, done.unpaid)


def _show_unpaid(console: Console, unpaid: pa.Table) -> None:
    rows = unpaid.to_pylist()
    people = {(row["contributor_id"], row["reason"]) for row in rows}
    for reason, count in sorted(Counter(reason for _, reason in people).items()):
        _print(console, [f"not paid: {counted(count, 'contributor')}, {UNPAID[reason]}"])


def _print(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, markup=False, highlight=False)
