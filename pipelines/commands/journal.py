"""`fairshard journal`: writes the agency's books as a double-entry journal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipelines.accounts.bookkeeping import transactions
from pipelines.commands.books import add_books_options, open_books
from pipelines.commands.common import add_general_options, consoles, refuse_public_folder
from pipelines.ledger.journal import journal
from schemas.errors import InputError

EXAMPLES = """\
examples:
  fairshard journal --out out/ --to ledger.journal \\
      && hledger -f ledger.journal check --strict
  fairshard journal --out out/ | hledger -f - balance liabilities
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_books_options(parser)
    parser.add_argument("--to", type=Path, metavar="FILE", help="write here (default: print)")
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    _, progress = consoles(options)
    if options.to is not None:
        refuse_public_folder(options.to, "Journals")
    _, log = open_books(options)
    text = "".join(journal(transactions(log)))
    if options.to is None:
        sys.stdout.write(text)
        return 0
    try:
        options.to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            "The journal cannot be written",
            f"{options.to} ({error.strerror or error})",
            "Give another file with --to.",
        ) from error
    progress.print(f"Journal: {options.to}", markup=False, highlight=False, soft_wrap=True)
    return 0
