"""`fairshard statement`: what contributors earned, as JSON, CSV and a page that checks itself."""

from __future__ import annotations

import argparse

from pipelines.accounts.period import parse_period
from pipelines.accounts.statement import contributor_account, open_accounts
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
  fairshard statement --out s3://bucket/out --contributor c-0016 --deal acme-2026-01 --to mail/
"""

_RENDERERS = {"json": account_json, "csv": account_csv, "html": account_page}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--out", required=True, metavar="URI", help="the output of the runs")
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--contributor", metavar="ID", help="one contributor")
    who.add_argument(
        "--all", action="store_true", dest="everyone", help="everyone with a line in the period"
    )
    parser.add_argument("--deal", default="", metavar="ID", help="only this deal's deliveries")
    parser.add_argument(
        "--period",
        default="",
        metavar="PERIOD",
        help="2026, 2026-Q3, 2026-07 or 2026-07-01..2026-09-15, by the days of the runs' as_of "
        "(default: all deliveries)",
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
    period, store = parse_period(options.period), open_store(options.out)
    target = options.to or join_uri(options.out, f"{layout.ACCOUNTS}/{period.name}")
    refuse_public_folder(target, "Statements")
    versions = [
        accounts
        for accounts in open_accounts(store, options.deal)
        if period.includes(accounts.published.day)
    ]
    wanted = [options.contributor]
    if options.everyone:
        wanted = sorted({person for one in versions for person in one.people()})
    if not wanted:
        raise InputError(
            "No delivery is in the period", options.period, "Check the period and the deal."
        )
    destination, written = open_store(target), []
    for number, (person, name) in enumerate(statement_filenames(wanted).items(), start=1):
        account = contributor_account(versions, person, period)
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


def _write(destination: Store, name: str, account: Account) -> None:
    for ending, render in _RENDERERS.items():
        destination.write_bytes(f"{name}.{ending}", render(account))
