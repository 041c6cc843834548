"""`fairshard export`: writes the samples of a delivery in the formats of other loaders."""

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
from pipelines.delivery.export import FORMATS, export_delivery
from pipelines.verify.signer import read_pinned_keys
from schemas.errors import InputError, counted

EXAMPLES = """\
examples:
  fairshard export acme-2026-01/v0001/delivery --to parquet --out acme-parquet \\
      --vkey agency.vkey
  fairshard export acme-2026-01/v0001/delivery --to lance --out acme-lance \\
      --vkey agency.vkey
  fairshard export s3://bucket/delivery --to mds --out mds --vkey agency.vkey

Every sample's picture or film, text and JSON is compared with its digest, and
again in the finished export; so is each extra member of a profile, which is a
column (boxes.json is boxes_json). There is a whole export at the end, or
nothing.
The terms (rights/) and the manifest (source-manifest.json) are copied beside
the samples. What is removed from the delivery later must be removed from the
export as well: export the new version, and delete the old export.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("delivery", metavar="DELIVERY", help="folder or s3:// prefix")
    parser.add_argument(
        "--to",
        required=True,
        choices=sorted(FORMATS),
        help="lance: a Lance data set (needs fairshard[export]); parquet: plain Parquet files with "
        "the media in a column; mds: shards for Mosaic's StreamingDataset",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="a new or empty local folder")
    add_pinning_options(parser)
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    if "://" in options.out:
        raise InputError(
            "An export is written to a local folder",
            f"--out {options.out}",
            "Give a local folder, and copy it to the bucket afterwards.",
        )
    if in_delivery(options.out):
        raise InputError(
            "An export cannot be added to a signed delivery",
            options.out,
            "Give --out another folder.",
        )
    pinned = read_pinned_keys(options.vkey)
    made = export_delivery(
        options.delivery, options.to, Path(options.out), pinned, options.allow_unpinned
    )
    if options.json:
        place = str(made.place)
        facts = {"delivery": made.delivery, "samples": made.samples, "vkey": made.vkey}
        print_json({**facts, "format": options.to, "place": place})
        return 0
    text = f"{made.place}: {counted(made.samples, 'sample')} of {made.delivery} as {options.to}"
    results.print(f"{text}, every digest checked", soft_wrap=True, highlight=False)
    return 0
