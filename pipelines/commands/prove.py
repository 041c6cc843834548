"""`fairshard prove`: writes a proof of what is, or is not, in the agency's deliveries."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from pipelines.accounts.deliveries import record_missing
from pipelines.accounts.log import open_log
from pipelines.accounts.proofs import Question, prove
from pipelines.accounts.witnessing import cosigned_checkpoint
from pipelines.commands.common import (
    add_general_options,
    consoles,
    print_json,
    refuse_public_folder,
)
from pipelines.ledger.agency_check import check_proof_file
from pipelines.run.signing_key import default_key_path, load_key, log_key
from pipelines.storage.open import open_store
from schemas.errors import InputError

EXAMPLES = """\
examples:
  that an asset is, or is not, in a delivery:
    fairshard prove --out out/ --asset a-17 --in acme-2026-01/v0001
  that a contributor is in none of the deliveries so far:
    fairshard prove --out out/ --contributor c-9 --as-of-log --to c-9.proof.json
  that a delivery is recorded:
    fairshard prove --out s3://agency/out --key keys/agency.key \\
        --delivery acme-2026-01/v0001
"""

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--out", required=True, metavar="OUT", help="folder or s3:// prefix")
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument("--asset", metavar="ID", help="prove something about this asset")
    subject.add_argument("--contributor", metavar="ID", help="prove something about this person")
    subject.add_argument("--delivery", metavar="DELIVERY", help="prove that it is recorded")
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument(
        "--in", dest="delivery_in", metavar="DELIVERY", help="in this delivery, such as acme/v0001"
    )
    scope.add_argument(
        "--as-of-log", action="store_true", help="in all deliveries so far (the default)"
    )
    parser.add_argument(
        "--to", type=Path, metavar="FILE", help="where to write the proof (default: by its subject)"
    )
    parser.add_argument(
        "--key", default="", metavar="FILE", help="signing key (default: the output's own)"
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    question = _question(options)
    target = options.to or Path(_file_name(question))
    refuse_public_folder(target, "Proofs")
    path = Path(options.key) if options.key else default_key_path(options.out.rstrip("/") or "/")
    store, key = open_store(options.out), log_key(load_key(path), path)
    if not question.delivery and question.subject != "delivery":
        record_missing(store, key)  # or it would not be about all deliveries
    log = open_log(store, key)
    data = prove(log, question, cosigned_checkpoint(log, store) if log.size else "")
    found = check_proof_file(data, [log.vkey])  # what is handed out has been checked
    try:
        target.write_bytes(data)
    except OSError as error:
        raise InputError(
            "The proof cannot be written",
            f"{target} ({error.strerror or error})",
            "Give another file with --to.",
        ) from error
    if options.json:
        print_json(found.to_json() | {"file": str(target), "bytes": len(data)})
    else:
        results.print(found.sentence(), markup=False, highlight=False, soft_wrap=True)
        results.print(
            f"Proof: {target} ({len(data):,} bytes)", markup=False, highlight=False, soft_wrap=True
        )
    return 0


def _question(options: argparse.Namespace) -> Question:
    for option in ("asset", "contributor", "delivery", "delivery_in"):
        if getattr(options, option) == "":
            name = option.removeprefix("delivery_")
            raise InputError(f"--{name} is empty", "''", "Name what is to be proved.")
    if options.delivery is not None:
        if options.delivery_in or options.as_of_log:
            raise InputError(
                "--delivery proves that a delivery is recorded",
                "--in or --as-of-log was given as well",
                "Leave it out, or ask about an --asset or --contributor.",
            )
        return Question("delivery", options.delivery)
    subject = "asset" if options.asset is not None else "contributor"
    identifier = options.asset if options.asset is not None else options.contributor
    return Question(subject, identifier, options.delivery_in or "")


def _file_name(question: Question) -> str:
    parts = (question.subject, question.identifier, question.delivery)
    return "-".join(_UNSAFE.sub("_", part)[:60] for part in parts if part) + ".proof.json"
