"""`fairshard check-proof`: checks a proof offline and says in one sentence what it shows."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

from pipelines.commands.common import add_general_options, consoles, print_json
from pipelines.commands.evidence import (
    add_ca_option,
    add_witness_options,
    cosignatures_json,
    read_input,
    trusted_certificates,
    witness_keys,
)
from pipelines.ledger.agency_check import check_proof_file
from pipelines.ledger.agency_proof import Finding
from pipelines.ledger.anchor import Anchored
from pipelines.ledger.cosignature import Cosignature, require_cosignatures
from pipelines.ledger.ed25519 import parse_vkey
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.signed_note import NoteError, bare_note
from pipelines.ledger.timestamp import check_timestamp
from pipelines.storage.open import open_store
from pipelines.verify.signer import read_pinned_keys
from schemas import layout
from schemas.errors import InputError, RunError

EXAMPLES = """\
examples:
  fairshard check-proof a-17.proof.json --vkey agency.vkey
  fairshard check-proof a-17.proof.json --vkey agency.vkey \\
      --delivery acme-2026-01/v0001/delivery
  two of three witnesses must have cosigned the log:
    fairshard check-proof a-17.proof.json --vkey agency.vkey \\
        --witness witnesses.txt --quorum 2
  an authority must have timestamped it:
    fairshard check-proof a-17.proof.json --vkey agency.vkey --anchor 9.tsr \\
        --ca tsa-ca.pem
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the proof")
    parser.add_argument(
        "--vkey",
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
    add_witness_options(parser)
    parser.add_argument(
        "--anchor",
        type=Path,
        metavar="FILE",
        help="also check this RFC 3161 timestamp of the checkpoint; with --ca",
    )
    add_ca_option(parser)
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    trusted = read_pinned_keys(options.vkey) or ()
    if (options.anchor is None) != (options.ca is None):
        raise InputError(
            "--anchor and --ca must be given together",
            f"{options.anchor or options.ca}",
            "Give both.",
        )
    found = _check(options.file, trusted)
    cosigned = _cosigned(found, options)
    anchored = _anchored(found, options)
    if options.delivery is not None:
        _check_delivery(found, options.delivery)
    if options.json:
        print_json(found.to_json() | _evidence_json(cosigned, anchored))
        return 0
    evidence = [f"Cosigned by {one.witness.name} on {one.cosigned_at}." for one in cosigned]
    if anchored is not None:
        evidence.append(f"It existed on {anchored.at.isoformat()}, according to {anchored.by}.")
    for line in (found.sentence(), *_details(found, options.delivery, evidence)):
        results.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


def _check(file: Path, trusted: Sequence[str]) -> Finding:
    try:
        return check_proof_file(read_input(file, "The proof"), trusted)
    except (NoteError, ProofError) as error:
        raise RunError(
            "The file proves nothing",
            f"{file}: {str(error).rstrip('.')}",
            "It was changed or damaged, or is signed by another key. Ask the agency for it again.",
        ) from error


def _details(found: Finding, delivery: str | None, evidence: Sequence[str]) -> list[str]:
    key = parse_vkey(found.key)
    lines = [
        f"Signed by {key.name}+{key.key_id.hex()}, as of the checkpoint with {found.size} records "
        f"and root {found.root}.",
        *evidence,
    ]
    if delivery is not None:
        lines.append(f"The delivery's manifest is the recorded one: {delivery}")
    if not found.included:
        lines.append(
            "An absence is proved for the salt in the file. Compare it with the salt in an earlier "
            "proof about the same id: it must never change."
        )
    return lines


def _cosigned(found: Finding, options: argparse.Namespace) -> list[Cosignature]:
    if not options.witness:
        if options.quorum is not None:
            raise InputError("--quorum needs --witness", f"{options.quorum}", "Give the keys.")
        return []
    return require_cosignatures(found.checkpoint, witness_keys(options), options.quorum)


def _anchored(found: Finding, options: argparse.Namespace) -> Anchored | None:
    if options.anchor is None:
        return None
    checkpoint = bare_note(found.checkpoint, found.key).encode()
    evidence = read_input(options.anchor, "The timestamp")
    return check_timestamp(checkpoint, evidence, trusted_certificates(options))


def _evidence_json(cosigned: Sequence[Cosignature], anchored: Anchored | None) -> dict[str, object]:
    found: dict[str, object] = {}
    if cosigned:
        found["witnesses"] = cosignatures_json(cosigned)
    if anchored is not None:
        found["anchor"] = {"time": anchored.at.isoformat(), "by": anchored.by}
    return found


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
