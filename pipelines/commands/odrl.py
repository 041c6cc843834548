"""`fairshard odrl`: exports a published run's deal and decisions as ODRL 2.2 policies."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.commands.common import add_general_options, consoles, in_delivery, print_json
from pipelines.odrl.export import export_policies
from pipelines.storage.store import join_uri
from schemas import layout
from schemas.errors import InputError
from schemas.reason_info import Outcome

EXAMPLES = """\
examples:
  fairshard odrl --run out/acme-2026-01/v0001 --deal acme.toml
  fairshard odrl --run s3://bucket/acme-2026-01/v0001 --deal acme.toml --json
  fairshard odrl --run out/acme-2026-01/v0001 --deal acme.toml --for buyer \\
      --to policies/
"""

_DEFAULT_FOLDER = f"{layout.AGENCY}/odrl"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument(
        "--run",
        required=True,
        dest="published",
        metavar="RUN",
        help="a published version: folder or s3:// prefix that contains delivery/ and agency/",
    )
    parser.add_argument(
        "--deal", required=True, type=Path, metavar="FILE", help="the deal of the run"
    )
    parser.add_argument(
        "--for",
        dest="audience",
        choices=("agency", "buyer"),
        default="agency",
        help="agency: every decision, by asset id; buyer: delivered assets, by commitment "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--to",
        default="",
        metavar="DIR",
        help=f"where to write (default: RUN/{_DEFAULT_FOLDER}); required with --for buyer",
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    destination = _destination(options.published, options.to, options.audience)
    exported = export_policies(
        options.published, options.deal, destination, options.audience == "buyer"
    )
    counts = exported.decisions
    if options.json:
        since = {"removed": exported.removed, "patched_from": exported.original}
        more = since if exported.original else {}
        print_json({"policies": destination, "decisions": counts, **more})
        return 0
    counts_text = ", ".join(f"{counts[outcome.value]:,} {outcome.value}" for outcome in Outcome)
    results.print(f"{destination}: the deal, and {counts_text}", soft_wrap=True, highlight=False)
    if exported.original:
        text = f"{exported.removed:,} removed since {exported.original}, without a policy"
        results.print(text, soft_wrap=True, highlight=False)
    return 0


def _destination(published: str, to: str, audience: str) -> str:
    if not to and audience == "buyer":
        raise InputError(
            "The buyer's policies need a folder", "--for buyer without --to", "Give --to FOLDER."
        )
    target = to or join_uri(published, _DEFAULT_FOLDER)
    if to and in_delivery(to):
        raise InputError(
            "Policies cannot be added to a signed delivery", target, "Give --to another folder."
        )
    return target
