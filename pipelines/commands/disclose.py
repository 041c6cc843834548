"""`fairshard disclose`: writes what laws and standards ask to be said about a delivery."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.commands.common import (
    add_general_options,
    add_pinning_options,
    consoles,
    in_delivery,
    print_json,
)
from pipelines.delivery.disclosures import write_disclosures
from pipelines.verify.signer import read_pinned_keys
from schemas.errors import InputError, counted

EXAMPLES = """\
examples:
  fairshard disclose acme-2026-01/v0001/delivery --out disclosures \\
      --vkey agency.vkey
  fairshard disclose s3://bucket/delivery --out told --vkey agency.vkey --json

Writes facts.json, and from these facts alone: data-card.md, spdx.json (SPDX
3.0.1, Dataset), cyclonedx.json (1.7), dps-provenance.json (OASIS DPS 1.0),
eu-ai-act-summary.md and california-ab-2013.md. The delivery has Croissant
already. What only a model's provider knows is marked to be filled in.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("delivery", metavar="DELIVERY", help="folder or s3:// prefix")
    parser.add_argument("--out", required=True, metavar="DIR", help="a new or empty local folder")
    add_pinning_options(parser)
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    if "://" in options.out or in_delivery(options.out):
        raise InputError(
            "Disclosures are written to a local folder outside the delivery",
            f"--out {options.out}",
            "Give another folder.",
        )
    pinned = read_pinned_keys(options.vkey)
    facts, files = write_disclosures(
        options.delivery, Path(options.out), pinned, options.allow_unpinned
    )
    if options.json:
        print_json({"files": files, "out": options.out, "facts": facts.to_json()})
        return 0
    text = f"{options.out}: {counted(len(files), 'file')} on {facts.name}, "
    text += f"{counted(facts.samples, 'sample')}"
    results.print(text, soft_wrap=True, highlight=False)
    return 0
