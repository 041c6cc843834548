"""`fairshard verify`: recompute everything a delivery says of itself."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from pipelines.commands.common import add_general_options, consoles, print_json
from pipelines.progress import show_progress
from pipelines.verify import verify_delivery
from schemas.errors import InputError

EXAMPLES = """\
examples:
  fairshard verify out/acme-2026-01/v0001/delivery
  fairshard verify s3://bucket/acme-2026-01/v0001/delivery --vkey agency.vkey
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("delivery", metavar="DELIVERY", help="folder or s3:// prefix")
    parser.add_argument(
        "--vkey",
        metavar="KEY",
        help="the agency's verifier key, or a file that holds it; without it the delivery's own "
        "key is used, which shows that nothing was damaged but not who made it",
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    results, progress = consoles(options)
    with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
        path = Path(folder) / "progress"
        with show_progress(path, progress, options.quiet):
            report = verify_delivery(options.delivery, _read_vkey(options.vkey), str(path))
    if options.json:
        print_json(report.to_json())
        return 0 if report.sound else 1
    for problem in report.problems:
        results.print(f"{problem.path}: {problem.message}", markup=False, soft_wrap=True)
    if not report.sound:
        results.print(f"FAILED: {len(report.problems)} problem(s) in {options.delivery}")
        return 1
    results.print(
        f"OK: {options.delivery}: {report.files:,} files, {report.bytes:,} bytes, "
        f"{report.shards:,} shards, {report.samples:,} samples, {report.entries:,} ledger entries, "
        f"signed by {report.signer}",
        soft_wrap=True,
        highlight=False,
    )
    return 0


def _read_vkey(text: str | None) -> str | None:
    if text is None or "+" in text:
        return text
    try:
        return Path(text).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "The verifier key cannot be read", text, "Give the key itself, or its file."
        ) from error
