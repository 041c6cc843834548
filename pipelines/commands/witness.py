"""`fairshard witness`: has witnesses cosign the newest checkpoint of the agency's log."""

from __future__ import annotations

import argparse

from pipelines.accounts.log import require_records
from pipelines.accounts.witnessing import WitnessError, witness_checkpoint
from pipelines.commands.books import add_books_options, open_books
from pipelines.commands.common import add_general_options, consoles, print_json
from pipelines.commands.evidence import (
    add_timeout_option,
    add_witness_options,
    cosignatures_json,
    witness_keys,
)
from pipelines.ledger.cosignature import check_quorum

EXAMPLES = """\
examples:
  fairshard witness --out out/ --url https://witness.example \\
      --witness witness.vkey
  two of three must cosign:
    fairshard witness --out out/ --url https://w1.example \\
        --url https://w2.example \\
        --url https://w3.example --witness witnesses.txt --quorum 2
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_books_options(parser)
    parser.add_argument(
        "--url",
        action="append",
        required=True,
        metavar="URL",
        help="a witness's submission address, without /add-checkpoint; may be repeated",
    )
    add_witness_options(parser, required=True)
    add_timeout_option(parser)
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    witnesses = witness_keys(options)
    wanted = check_quorum(witnesses, options.quorum)
    store, log = open_books(options)
    require_records(log)
    done = witness_checkpoint(log, store, options.url, witnesses, options.timeout)
    if len(done.cosignatures) < wanted:
        why = " ".join(str(error) for error in done.failures.values())
        raise WitnessError(
            "Too few witnesses have cosigned the checkpoint",
            f"{len(done.cosignatures)} of {wanted}. {why}".strip().removesuffix("."),
            "What was cosigned is kept." if done.cosignatures else "Nothing was written.",
        )
    if options.json:
        print_json(
            {
                "size": done.size,
                "root": done.root,
                "witnesses": cosignatures_json(done.cosignatures),
                "failures": {url: str(error) for url, error in done.failures.items()},
                "file": done.key,
            }
        )
        return 0
    records = "1 record" if done.size == 1 else f"{done.size:,} records"
    lines = [f"Checkpoint with {records} and root {done.root}:"]
    lines += [f"  cosigned by {one.witness.name} on {one.cosigned_at}" for one in done.cosignatures]
    lines += [f"  not cosigned: {error}" for error in done.failures.values()]
    lines.append(f"Stored: {store.uri}/{done.key}")
    for line in lines:
        results.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0
