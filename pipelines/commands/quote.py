"""`fairshard quote`: what deals would deliver and pay, before any run; no media are read."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.accounts.carried import carried_to
from pipelines.accounts.log import open_log
from pipelines.accounts.removed import read_removed
from pipelines.catalogue.read import open_catalogue
from pipelines.commands.choosing import add_choice_options, read_choice
from pipelines.commands.common import (
    add_as_of_option,
    add_general_options,
    add_mapping_options,
    add_run_options,
    consoles,
    parse_as_of,
    print_json,
)
from pipelines.commands.mapping_options import mapping_choice
from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.payees import check_payees
from pipelines.quote.money import NO_KEYS, Keys
from pipelines.quote.quote import Quote, make_quote
from pipelines.quote.recorded import read_recorded
from pipelines.quote.scan import scan_deals
from pipelines.report.cover import cover_json, show_cover
from pipelines.report.quote import quote_json, show_quote
from pipelines.rights.rulings import check_rulings
from pipelines.run.pools import plan_pool
from pipelines.run.signing_key import default_key_path, load_key, log_key
from pipelines.run.versions import find_version
from pipelines.storage.open import open_store
from schemas import layout
from schemas.deal import Deal, load_deal
from schemas.removed import NOTHING_REMOVED, Removed

EXAMPLES = """\
examples:
  fairshard quote --catalogue library/ --deal acme.toml
  fairshard quote --catalogue library/ --deal acme.toml --deal other.toml
  fairshard quote --catalogue library/ --deal acme.toml --out out/ --top 25
  fairshard quote --catalogue library/ --deal acme.toml --cover 50 --list 50.txt
  fairshard quote --catalogue lib/ --deal acme.toml --cover 50 --by embeddings \\
    --out out/
  fairshard quote --catalogue lib/ --deal acme.toml --budget 99 --asset-price 2
"""
_TOP = 10


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--catalogue", required=True, metavar="URI", help="folder or s3:// prefix")
    parser.add_argument(
        "--deal",
        required=True,
        type=Path,
        action="append",
        metavar="FILE",
        help="deal in TOML; several may be given",
    )
    add_mapping_options(parser)
    add_as_of_option(parser)
    parser.add_argument(
        "--out",
        default="",
        metavar="URI",
        help="also use what this output knows: notices of removal, money carried over, and what "
        "earlier versions of the deals found in files",
    )
    parser.add_argument(
        "--key",
        default="",
        metavar="FILE",
        help="signing key, which decides who gets the last cent (default: the output's own)",
    )
    parser.add_argument(
        "--top",
        type=int,
        default=_TOP,
        metavar="N",
        help=f"how many contributors and labels to list (default: {_TOP})",
    )
    add_choice_options(parser)
    add_run_options(parser)
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    deals = [load_deal(path) for path in options.deal]
    as_of = parse_as_of(options.as_of)
    catalogue = open_catalogue(options.catalogue, mapping_choice(options))
    removed = [_removed(options.out, deal) for deal in deals]
    as_of_us = round(as_of.timestamp() * 1_000_000)
    recorded = [read_recorded(open_store(options.out), deal) for deal in deals if options.out]
    choice = read_choice(options, deals)
    kept = 0 if choice is None else choice.kept
    scanned = scan_deals(catalogue, deals, removed, as_of_us, options.workers, recorded, kept)
    quotes: list[Quote] = []
    for deal, task, tally in zip(deals, scanned.tasks, scanned.tallies, strict=True):
        check_rulings(deal, scanned.tables[0])
        check_payees(deal.price, scanned.tables[0])
        keys = _keys(options.out, options.key, deal)
        quotes.append(make_quote(deal, tally, scanned.tables[0], as_of.date(), keys, task.recorded))
    cover = None if choice is None else choice.choose(quotes[0].tally.candidates)
    if options.json:
        chosen = {} if cover is None else {"cover": cover_json(cover)}
        print_json({"quotes": [quote_json(quote, options.top) for quote in quotes], **chosen})
    else:
        for quote in quotes:
            show_quote(results, quote, options.top)
        if cover is not None and choice is not None:
            show_cover(results, cover, quotes[0], choice.limits, options.list)
    return 0 if any(quote.tally.cleared.assets for quote in quotes) else 1


def _removed(out: str, deal: Deal) -> Removed:
    return read_removed(open_store(out), deal, secrets=None) if out else NOTHING_REMOVED


def _keys(out: str, key: str, deal: Deal) -> Keys:
    """Returns what the agency's key and books decide, as far as they are there."""
    path = Path(key) if key else default_key_path(out) if out else None
    if path is None or not (key or path.exists()):
        return NO_KEYS
    signer = load_key(path)
    salt = deal_salt(signer.secret, deal.deal_id)
    if not out:
        return Keys(salt)
    store = open_store(out)
    version = find_version(store, deal, "").name
    replaced = plan_pool(store, deal, version).replaces
    log = open_log(store, log_key(signer, path))
    before = layout.delivery_id(deal.deal_id, replaced) if replaced else ""
    delivery = layout.delivery_id(deal.deal_id, version)
    return Keys(salt, carried_to(log, delivery, deal.price.currency, before), known=True)
