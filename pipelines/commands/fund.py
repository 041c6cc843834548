"""`fairshard fund`: divides the revenue of many deals together, and pays it once."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from pipelines.accounts.fund_division import Fund
from pipelines.accounts.funds import RecordedFund, record_fund
from pipelines.commands.books import (
    add_books_options,
    add_date_option,
    event_day,
    one_line,
    open_books,
)
from pipelines.commands.common import add_general_options, consoles, print_json
from pipelines.commands.money_options import (
    add_revenue_options,
    read_agency_share,
    read_deduction,
    read_source_country,
)
from pipelines.commands.revenue import credits_json, division_in_words, print_credits
from schemas.errors import InputError, counted
from schemas.money import format_amount, parse_amount

EXAMPLES = """\
examples:
  fairshard fund --out out/ --name contributor-fund-2026-h2 --currency USD \\
      --agency-share 0.40 \\
      --deal acme-2026-01=12000.00 --deal beta-2026-02=8000.00 \\
      --source "AI licences" --period 2026-H2
  after a delivery was replaced, to record the difference:
    fairshard fund … --correct
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_books_options(parser)
    revenue = parser.add_argument_group("the fund")
    revenue.add_argument(
        "--name", required=True, metavar="NAME", help="names it in the books, for good"
    )
    revenue.add_argument(
        "--deal",
        action="append",
        required=True,
        metavar="DEAL=AMOUNT",
        help="revenue of a deal, such as acme-2026-01=12000.00; give one for each deal",
    )
    revenue.add_argument(
        "--measure",
        choices=("assets", "amount"),
        default="assets",
        help="what a delivery counts in the fund: its assets (default), or the amount of its deal",
    )
    add_revenue_options(revenue)
    revenue.add_argument(
        "--correct",
        action="store_true",
        help="if amounts or deliveries are others than recorded, record the difference",
    )
    add_date_option(parser)
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    _, recorded_at = event_day(options)
    fund = Fund(
        name=one_line(options.name, "--name"),
        revenue=_revenue(options.deal, options.currency),
        currency=options.currency,
        agency_share=read_agency_share(options.agency_share),
        source=one_line(options.source, "--source"),
        period=one_line(options.period, "--period"),
        source_country=read_source_country(options.source_country),
        deductions=tuple(read_deduction(text, options.currency) for text in options.deduct),
        measure=options.measure,
    )
    _, log = open_books(options)
    done = record_fund(log, fund, recorded_at, options.correct)
    if options.json:
        print_json(_fund_json(done))
    else:
        _show(results, done)
    return 0


def _revenue(texts: list[str], currency: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in texts:
        deal, equals, amount = text.partition("=")
        if not equals or not deal:
            raise InputError(
                "Not a deal's revenue", f"--deal {text!a}"[:100], "Write acme-2026-01=12000.00."
            )
        if deal in found:
            raise InputError("A deal is given twice", f"--deal {deal}", "Give one sum for it.")
        found[deal] = parse_amount(amount, currency)
    return found


def _fund_json(done: RecordedFund) -> dict[str, object]:
    return {
        "record": done.record.index,
        "kind": str(done.record.kind),
        "is_new": done.is_new,
        "recorded_at": done.record.recorded_at,
        "pool": dict(done.pool.fields),
        "replaced": done.replaced,
        "stopped_assets": done.stopped,
        "credits": credits_json(done.lines),
    }


def _show(console: Console, done: RecordedFund) -> None:
    pool = done.pool.fields
    currency = pool["currency"]

    def amount(minor: int) -> str:
        return f"{format_amount(minor, currency)} {currency}"

    lines = division_in_words(done.pool, done.lines, done.is_new)
    before = pool.get("replaces_record")
    if before is not None:
        lines.append(
            f"  These totals are in place of those of record {before}; "
            "only the differences are owed."
        )
    if done.replaced:
        names = ", ".join(done.replaced)
        lines.append(f"  {names} was replaced since; --correct divides the fund again.")
    if done.stopped:
        lines.append(f"  {counted(done.stopped, 'removed asset')} left out of it.")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    deals = Table("deal")
    for name in ("revenue", "for contributors"):
        deals.add_column(name, justify="right")
    deals.add_column("deliveries")
    for part in pool["parts"]:
        names = ", ".join(part["deliveries"])
        parts = amount(part["gross_minor"]), amount(part["contributors_minor"])
        deals.add_row(part["deal_id"], *parts, names)
    console.print(deals, markup=False)
    print_credits(console, done.pool, done.lines)
