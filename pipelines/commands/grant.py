"""`fairshard grant`: lets a buyer pull a deal, or ends that."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from pipelines.commands.common import (
    add_general_options,
    consoles,
    parse_as_of,
    positive_int,
    print_json,
)
from pipelines.run.signing_key import default_key_path, load_key
from pipelines.serve.grants import issue_grant, revoke_grant
from pipelines.storage.open import open_store
from pipelines.verify.signer import read_pinned_keys
from schemas.errors import InputError

EXAMPLES = """\
examples:
  for the buyer's key, a year at most, and not beyond the deal's end:
    fairshard grant --out s3://agency/out --key keys/agency.key \\
        --deal acme-2026-01 --buyer-key acme.vkey --to acme.grant.json
  to end it at once:
    fairshard grant --out s3://agency/out --revoke acme-2026-01-5d3c… \\
        --reason 'the key was lost'
"""

_DEFAULT_DAYS = 365


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--out", required=True, metavar="URI", help="the output")
    parser.add_argument(
        "--key", default="", metavar="FILE", help="signing key (default: the output's own)"
    )
    issue = parser.add_argument_group("a new grant")
    issue.add_argument("--deal", default="", metavar="ID", help="the deal")
    issue.add_argument(
        "--buyer-key", default="", metavar="KEY|FILE", help="the buyer's verifier key"
    )
    issue.add_argument(
        "--purpose",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="purposes of the deal (default: all of them)",
    )
    issue.add_argument(
        "--days",
        type=positive_int,
        default=_DEFAULT_DAYS,
        metavar="N",
        help=f"for how many days (default: {_DEFAULT_DAYS})",
    )
    issue.add_argument("--as-of", metavar="DATE", help="when it begins (default: now)")
    issue.add_argument("--to", type=Path, metavar="FILE", help="where the grant is written to")
    end = parser.add_argument_group("the end of a grant")
    end.add_argument("--revoke", default="", metavar="ID", help="the grant")
    end.add_argument("--reason", default="", metavar="TEXT", help="why, for the agency's files")
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    store = open_store(options.out)
    if options.revoke:
        if options.deal or options.buyer_key or options.to:
            raise InputError(
                "A grant is either issued or revoked",
                f"--revoke {options.revoke}",
                "Leave out --deal, --buyer-key and --to.",
            )
        revoke_grant(store, options.revoke, options.reason)
        said = f"{options.revoke} is revoked; addresses that were given end within minutes"
        told: dict[str, object] = {"grant": options.revoke, "revoked": True}
    else:
        said, told = _issue(options)
    if options.json:
        print_json(told)
    else:
        results.print(said, markup=False, highlight=False, soft_wrap=True)
    return 0


def _issue(options: argparse.Namespace) -> tuple[str, dict[str, object]]:
    keys = read_pinned_keys([options.buyer_key]) if options.buyer_key else None
    if not options.deal or keys is None or len(keys) != 1 or options.to is None:
        raise InputError(
            "A grant needs a deal, one key of the buyer and a file to write to",
            f"--deal {options.deal or '…'} --buyer-key {options.buyer_key or '…'} "
            f"--to {options.to or '…'}",
            "Give all three, or --revoke.",
        )
    if not options.to.absolute().parent.is_dir():
        raise InputError(
            "There is no folder for the grant",
            str(options.to.absolute().parent),
            "Create it first.",
        )
    path = Path(options.key) if options.key else default_key_path(options.out.rstrip("/") or "/")
    grant, data = issue_grant(
        open_store(options.out),
        load_key(path),
        options.deal,
        keys[0],
        options.purpose,
        _issued_at(options.as_of),
        options.days,
    )
    options.to.write_bytes(data)
    said = (
        f"{grant.grant} lets {grant.party} pull {grant.deal_id} until {grant.expires_at[:10]}: "
        f"{options.to}"
    )
    return said, grant.model_dump(mode="json", exclude={"signature"})


def _issued_at(text: str | None) -> datetime:
    """Returns when a grant begins: a day's first moment, since a buyer may pull on that day."""
    if text is None:
        return datetime.now(UTC)
    at = parse_as_of(text)
    return at.replace(hour=0, minute=0, second=0, microsecond=0) if len(text) == 10 else at
