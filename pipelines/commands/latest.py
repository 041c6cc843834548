"""`fairshard latest`: renews the signed statement of which version of each deal is the latest."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.commands.common import (
    add_general_options,
    consoles,
    parse_as_of,
    positive_int,
    print_json,
)
from pipelines.run.announce import DEFAULT_DAYS, announce, announced_deals
from pipelines.run.signing_key import default_key_path, load_key
from pipelines.storage.open import open_store
from schemas.errors import InputError

EXAMPLES = """\
examples:
  every day, so that buyers know that nothing newer is held back from them:
    fairshard latest --out s3://agency/out --key keys/agency.key
  one deal, for a week:
    fairshard latest --out out/ --deal acme-2026-01 --days 7
"""

_MAX_DAYS = 3_650


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--out", required=True, metavar="URI", help="the output")
    parser.add_argument(
        "--key", default="", metavar="FILE", help="signing key (default: the output's own)"
    )
    parser.add_argument(
        "--deal", nargs="+", default=[], metavar="ID", help="only these deals (default: all)"
    )
    parser.add_argument(
        "--days",
        type=positive_int,
        default=DEFAULT_DAYS,
        metavar="N",
        help=f"for how many days it holds (default: {DEFAULT_DAYS})",
    )
    parser.add_argument("--as-of", metavar="DATE", help="day on which it is said (default: today)")
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    if options.days > _MAX_DAYS:
        raise InputError("Too many days", f"--days {options.days}", f"At most {_MAX_DAYS}.")
    path = Path(options.key) if options.key else default_key_path(options.out.rstrip("/") or "/")
    signer, store = load_key(path), open_store(options.out)
    deals = announced_deals(store)
    if unknown := sorted(set(options.deal) - set(deals)):
        raise InputError(
            "The output has no published version of this deal",
            ", ".join(unknown),
            f"It has {', '.join(deals) or 'none'}.",
        )
    as_of = parse_as_of(options.as_of)
    said = [announce(store, deal, signer, as_of, options.days) for deal in options.deal or deals]
    if options.json:
        print_json([one.model_dump(mode="json", exclude={"signature"}) for one in said])
        return 0
    for one in said:
        results.print(
            f"{one.deal_id}: {one.version}, number {one.sequence}, until {one.expires_at[:10]}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    return 0
