"""`fairshard check-proof`: checks a proof offline and says in one sentence what it shows."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from pipelines.commands.common import add_general_options, consoles, print_json
from pipelines.ledger.agency_check import check_proof_file
from pipelines.ledger.agency_proof import Finding
from pipelines.ledger.ed25519 import parse_vkey
from pipelines.storage.open import open_store
from pipelines.verify.signer import read_pinned_keys
from schemas import layout
from schemas.errors import InputError, RunError

EXAMPLES = """\
examples:
  fairshard check-proof a-17.proof.json --key agency.vkey
  fairshard check-proof a-17.proof.json --key agency.vkey --delivery acme-2026-01/v0001/delivery
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the proof")
    parser.add_argument(
        "--key",
        action="append",
        required=True,
        metavar="VKEY|FILE",
        help="the agency's verifier key, or a file with one key per line; may be repeated. Get it "
        "from the agency itself, not with the proof",
    )
    parser.add_argument(
        "--delivery",
        metavar="DELIVERY",
        help="also check that the proof is about this delivery: folder or s3:// prefix",
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    trusted = read_pinned_keys(options.key) or ()
    try:
        data = options.file.read_bytes()
    except OSError as error:
        raise InputError(
            "The proof cannot be read",
            f"{options.file} ({error.strerror or error})",
            "Give the path of a proof file.",
        ) from error
    found = check_proof_file(data, trusted)
    if options.delivery is not None:
        _check_delivery(found, options.delivery)
    if options.json:
        print_json(found.to_json())
        return 0
    for line in (found.sentence(), *_details(found, options.delivery)):
        results.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


def _details(found: Finding, delivery: str | None) -> list[str]:
    key = parse_vkey(found.key)
    lines = [
        f"Signed by {key.name}+{key.key_id.hex()}, as of the checkpoint with {found.size} records "
        f"and root {found.root}."
    ]
    if delivery is not None:
        lines.append(f"The delivery's manifest is the recorded one: {delivery}")
    if not found.included:
        lines.append(
            "An absence is proved for the salt in the file. Compare it with the salt in an earlier "
            "proof about the same id: it must never change."
        )
    return lines


def _check_delivery(found: Finding, address: str) -> None:
    if not found.manifest_sha256:
        raise InputError(
            "The proof is not about one delivery",
            f"it is about all deliveries up to {found.recorded_at}",
            "Leave out --delivery.",
        )
    store = open_store(address)
    try:
        digest = hashlib.sha256(store.read_bytes(layout.MANIFEST)).hexdigest()
    except FileNotFoundError as error:
        raise InputError(
            "There is no delivery here", f"{address}/{layout.MANIFEST}", "Give its folder."
        ) from error
    if digest != found.manifest_sha256:
        raise RunError(
            "The proof is about another delivery",
            f"{found.delivery} with the manifest {found.manifest_sha256}; here it is {digest}",
            "Get the proof for this delivery from the agency.",
        )
