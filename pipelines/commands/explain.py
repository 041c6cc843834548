"""`fairshard explain`: explains why an asset is or is not delivered."""

from __future__ import annotations

import argparse
from dataclasses import replace

from pipelines.accounts.removed import read_removed
from pipelines.commands.common import (
    add_deal_options,
    add_evaluation_options,
    add_general_options,
    consoles,
    parse_as_of,
    print_json,
)
from pipelines.commands.mapping_options import mapping_choice
from pipelines.explain.asset import explain_asset
from pipelines.explain.inputs import open_decision_inputs
from pipelines.explain.published import look_up_run
from pipelines.explain.record import asset_trace_json
from pipelines.explain.text import print_asset_trace
from pipelines.fetch.pacing import http_client
from pipelines.storage.open import open_store
from schemas.deal import load_deal

EXAMPLES = """\
examples:
  fairshard explain img-000123 --catalogue library/ --deal acme.toml
  fairshard explain img-000123 --catalogue library/ --deal acme.toml \\
      --as-of 2026-06-30 --out out/
  fairshard explain img-000123 --catalogue s3://agency/catalogue \\
      --deal acme.toml --json
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("asset", metavar="ASSET", help="an asset_id of the catalogue")
    add_deal_options(parser)
    add_evaluation_options(parser)
    parser.add_argument(
        "--out",
        default="",
        metavar="URI",
        help="apply the removals recorded in this output, and show what its newest run decided",
    )
    parser.add_argument(
        "--no-fetch",
        action="store_true",
        help="evaluate the catalogue only, without reading the media file",
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    deal = load_deal(options.deal)
    inquiry = open_decision_inputs(
        options.catalogue,
        deal,
        parse_as_of(options.as_of),
        mapping_choice(options),
        tuple(options.allow_root),
        tuple(options.allow_host),
        http_client(options.user_agent, options.requests_per_minute, 1),
    )
    if options.out:
        removed = read_removed(open_store(options.out), deal, secrets=None)
        inquiry = replace(inquiry, removed=removed)
    explained = explain_asset(options.asset, inquiry, not options.no_fetch)
    published = look_up_run(options.out, deal.deal_id, options.asset) if options.out else None
    if options.json:
        print_json(asset_trace_json(explained, inquiry, published))
    else:
        print_asset_trace(results, explained, inquiry, published)
    return 0
