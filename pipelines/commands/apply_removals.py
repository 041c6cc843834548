"""`fairshard apply-removals`: takes removed samples out of a buyer's copy and certifies it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from pipelines.commands.common import (
    add_general_options,
    consoles,
    parse_as_of,
    print_json,
)
from pipelines.format.notice import open_notice
from pipelines.reader.buyer_key import load_buyer_key
from pipelines.removal.apply import apply_removals, check_removed
from pipelines.removal.certificate_form import certificate
from pipelines.removal.staged_files import Update
from pipelines.storage.open import open_store
from pipelines.verify.signer import read_pinned_keys
from schemas.errors import InputError, counted
from schemas.manifest import Manifest
from schemas.notice import Notice

EXAMPLES = """\
examples:
  fairshard apply-removals delivery/ --notice acme-2026-01-000001.json \\
      --from s3://agency/acme-2026-01/v0002/delivery --vkey agency.vkey
  with a certificate for the agency, once no other copy is left:
    fairshard apply-removals delivery/ --notice acme-2026-01-000001.json \\
        --from s3://agency/acme-2026-01/v0002/delivery --vkey agency.vkey \\
        --key buyer.pem --name buyer.example --signer "Head of Data"
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the copy of the delivery")
    parser.add_argument(
        "--notice",
        action="append",
        required=True,
        type=Path,
        metavar="FILE",
        help="the agency's notice; may be repeated, for all removals since the copy's version",
    )
    parser.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="URI",
        help="the version without the samples: folder or s3:// prefix",
    )
    parser.add_argument(
        "--vkey",
        action="append",
        required=True,
        metavar="KEY|FILE",
        help="the agency's verifier key, got from the agency itself; may be repeated",
    )
    reply = parser.add_argument_group("a certificate that everything was deleted")
    reply.add_argument("--key", metavar="FILE", help="your private Ed25519 key, as PEM")
    reply.add_argument("--name", default="", help="your key's name, without spaces or +")
    reply.add_argument("--signer", help="who signs for you, such as a person's role")
    reply.add_argument("--date", metavar="DATE", help="the day (default: today)")
    reply.add_argument(
        "--to", type=Path, metavar="FILE", help="default: beside the notice, …certificate.json"
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    if (options.key is None) != (options.signer is None):
        raise InputError(
            "--key and --signer must be given together",
            f"{options.key or options.signer}",
            "Nothing was changed. A certificate is signed by a key and says who signs.",
        )
    if options.key is None and (options.name or options.date or options.to):
        raise InputError(
            "--name, --date and --to belong to a certificate",
            "without --key",
            "Nothing was changed. Give --key and --signer, or leave them out.",
        )
    key = None if options.key is None else load_buyer_key(options.key, options.name)
    signed_at = parse_as_of(options.date, "--date").date().isoformat()
    pinned = read_pinned_keys(options.vkey) or ()
    notices = [_read_notice(path, pinned) for path in options.notice]
    own = [notice for _, notice in notices]
    update, now = apply_removals(options.folder, open_store(options.source), own, pinned)
    check_removed(options.folder, now, own)
    written: Path | None = None
    if key is not None:
        written = options.to or options.notice[0].with_suffix(".certificate.json")
        written.write_bytes(certificate(notices, now, key, options.signer, signed_at))
        Path(options.key).with_suffix(".vkey").write_text(f"{key.vkey}\n", encoding="utf-8")
    if options.json:
        path = None if written is None else str(written)
        print_json({**asdict(update), "certificate": path})
    else:
        _show(results, update, now, written)
    return 0


def _read_notice(path: Path, pinned: tuple[str, ...]) -> tuple[bytes, Notice]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            "The notice cannot be read", str(error), "Give the file that the agency sent."
        ) from error
    notice = open_notice(data)
    if notice.vkey not in pinned:
        raise InputError(
            "The notice is signed by another key than the pinned ones",
            f"{path}: {notice.vkey[:200]!a}, pinned: {', '.join(pinned)}",
            "Nothing was changed. Do nothing before the agency has confirmed its key.",
        )
    return data, notice


def _show(console: Console, update: Update, now: Manifest, written: Path | None) -> None:
    if update.before == update.delivery:
        lines = [f"Nothing to do: the copy is {now.delivery}."]
    else:
        lines = [
            f"The copy was {update.before} and is {update.delivery}: "
            f"{counted(update.samples, 'sample')} removed"
            + (", completed after it was cut off." if update.completed else "."),
            f"  {counted(update.kept, 'file')} kept, {update.made:,} made here, "
            f"{update.fetched:,} fetched: {update.fetched_bytes:,} bytes",
        ]
    if written is not None:
        lines.append(f"Certificate: {written}, to be checked with your verifier key")
        lines.append("  It says that no other copy is left, backups included.")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
