"""`fairshard statement`: what contributors earned, as JSON, CSV and a page that checks itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.accounts.contributor import contributor_account, open_accounts
from pipelines.accounts.money import MoneyOfBooks
from pipelines.accounts.movements import open_movements
from pipelines.accounts.period import Period, parse_period
from pipelines.accounts.reader import ReadableLog
from pipelines.accounts.statement import PublishedAccounts
from pipelines.commands.books import add_books_options, open_books_to_read
from pipelines.commands.common import (
    add_general_options,
    consoles,
    print_json,
    refuse_public_folder,
)
from pipelines.ledger.statement_names import statement_filenames
from pipelines.statements.account import Account
from pipelines.statements.files import account_csv, account_json
from pipelines.statements.page import account_page
from pipelines.storage.open import open_store
from pipelines.storage.store import Store, join_uri
from schemas import layout
from schemas.errors import InputError

EXAMPLES = """\
examples:
  fairshard statement --out out --contributor c-0016
  fairshard statement --out out --all --period 2026-Q2
  fairshard statement --out s3://bucket/out --contributor c-0016 \\
      --deal acme-2026-01 --to mail/
"""

_RENDERERS = {"json": account_json, "csv": account_csv, "html": account_page}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_books_options(parser)
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--contributor", metavar="ID", help="one contributor")
    who.add_argument(
        "--all", action="store_true", dest="everyone", help="everyone with a line in the period"
    )
    parser.add_argument(
        "--deal",
        default="",
        metavar="ID",
        help="only this deal's deliveries, without payouts and balances",
    )
    parser.add_argument(
        "--period",
        default="",
        metavar="PERIOD",
        help="2026, 2026-Q3, 2026-07 or 2026-07-01..2026-09-15, by the days of the runs' as_of "
        "and of payments and payouts (default: all time)",
    )
    parser.add_argument(
        "--to",
        default="",
        metavar="FOLDER",
        help=f"where to write (default: {layout.ACCOUNTS}/PERIOD in the output)",
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, progress = consoles(options)
    period = parse_period(options.period)
    target = options.to or join_uri(options.out, f"{layout.ACCOUNTS}/{period.name}")
    refuse_public_folder(target, "Statements")
    store, log = open_books_to_read(options)
    every = _versions(store, options.deal, log)
    versions = [one for one in every if period.includes(one.published.day)]
    only = "" if options.everyone else options.contributor
    with _books(None if options.deal else log, period, only) as books:
        wanted = _people(options, versions, books)
        destination, written = open_store(target), []
        for number, (person, name) in enumerate(statement_filenames(wanted).items(), start=1):
            account = contributor_account(every, person, period, books)
            _write(destination, name, account)
            written.append({"contributor_id": person, "file": name, "totals": account["totals"]})
            if number % 1_000 == 0:
                progress.print(f"{number:,} of {len(wanted):,} statements", highlight=False)
    if options.json:
        print_json({"folder": target, "statements": written})
    else:
        text = f"{target}: statements {len(written):,}, deliveries {len(versions):,}"
        results.print(text, soft_wrap=True, highlight=False, markup=False)
    return 0


def _versions(store: Store, deal_id: str, log: ReadableLog | None) -> list[PublishedAccounts]:
    """Returns the published versions; there may be none if there are books."""
    try:
        return open_accounts(store, deal_id)
    except InputError:
        if log is None or deal_id:
            raise
        return []


@contextmanager
def _books(
    log: ReadableLog | None, period: Period, contributor_id: str
) -> Iterator[MoneyOfBooks | None]:
    if log is None:
        yield None
        return
    with open_movements(log, contributor_id) as movements:
        yield MoneyOfBooks(movements, period)


def _people(
    options: argparse.Namespace, versions: list[PublishedAccounts], books: MoneyOfBooks | None
) -> list[str]:
    """Returns the contributors whose statements are wanted, sorted."""
    if not options.everyone:
        return [options.contributor]
    found = {person for one in versions for person in one.people()}
    found |= books.people() if books is not None else set()
    if not found:
        raise InputError(
            "No delivery is in the period", options.period, "Check the period and the deal."
        )
    return sorted(found)


def _write(destination: Store, name: str, account: Account) -> None:
    for ending, render in _RENDERERS.items():
        destination.write_bytes(f"{name}.{ending}", render(account))
