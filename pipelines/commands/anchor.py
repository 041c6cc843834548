"""`fairshard anchor`: has an authority timestamp the newest checkpoint of the agency's log."""

from __future__ import annotations

import argparse

from pipelines.accounts.anchors import TimestampAuthority, anchor_checkpoint
from pipelines.accounts.log import require_records
from pipelines.accounts.post import check_url
from pipelines.commands.books import add_books_options, open_books
from pipelines.commands.common import add_general_options, consoles, print_json
from pipelines.commands.evidence import add_ca_option, add_timeout_option, trusted_certificates

EXAMPLES = """\
examples:
  fairshard anchor --out out/ --tsa https://tsa.example --ca tsa-ca.pem
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_books_options(parser)
    parser.add_argument(
        "--tsa", required=True, metavar="URL", help="an RFC 3161 timestamping authority"
    )
    add_ca_option(parser, required=True)
    add_timeout_option(parser)
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    check_url(options.tsa)
    trusted = trusted_certificates(options)
    store, log = open_books(options)
    require_records(log)
    authority = TimestampAuthority(options.tsa, trusted, options.timeout)
    key, anchored, is_new = anchor_checkpoint(log, store, authority)
    at, root = anchored.at.isoformat(), log.root.hex()
    if options.json:
        shown = {"size": log.size, "root": root, "time": at, "by": anchored.by}
        print_json({**shown, "is_new": is_new, "file": key})
        return 0
    records = "1 record" if log.size == 1 else f"{log.size:,} records"
    done = "was timestamped" if is_new else "had been timestamped already"
    for line in (
        f"The checkpoint with {records} and root {root} {done}: {at}, by {anchored.by}.",
        f"Stored: {store.uri}/{key}",
    ):
        results.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0
