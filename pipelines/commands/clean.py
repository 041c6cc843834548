"""`fairshard clean`: what interrupted runs left in an output is shown and removed."""

from __future__ import annotations

import argparse
import re

from rich.console import Console
from rich.table import Table

from pipelines.commands.common import add_general_options, consoles, print_json
from pipelines.run.leftovers import Leftover, clean_output
from pipelines.storage.open import open_store

EXAMPLES = """\
examples:
  fairshard clean out/ --dry-run
  fairshard clean s3://agency/out --older-than 7d
"""

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d{1,6})([smhd])")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("out", metavar="OUT", help="output of runs: folder or s3:// prefix")
    parser.add_argument(
        "--older-than",
        type=duration_s,
        default="24h",
        metavar="TIME",
        help="leave alone what was written to since, such as 90m, 24h, 7d (default: %(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="remove nothing")
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    results, _ = consoles(options)
    found = clean_output(open_store(options.out), options.older_than, dry_run=options.dry_run)
    if options.json:
        print_json(_as_json(found, options.dry_run))
    else:
        _show(results, found, options.dry_run)
    return 0


def duration_s(text: str) -> float:
    """Seconds of a duration such as `24h`, for argparse."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 90m, 24h or 7d")
    return float(int(match[1]) * _UNITS_S[match[2]])


def _as_json(found: list[Leftover], dry_run: bool) -> dict[str, object]:
    gone = [item for item in found if not item.kept]
    return {
        "dry_run": dry_run,
        "removed": 0 if dry_run else len(gone),
        "bytes": sum(item.size_bytes for item in gone),
        "found": [
            {
                "kind": str(item.kind),
                "name": item.name,
                "objects": item.objects,
                "bytes": item.size_bytes,
                "age_s": round(item.age_s),
                "kept": item.kept,
            }
            for item in found
        ],
    }


def _show(console: Console, found: list[Leftover], dry_run: bool) -> None:
    if not found:
        console.print("Nothing was left behind.")
        return
    done = "would be removed" if dry_run else "removed"
    table = Table(box=None, pad_edge=False)
    table.add_column("what")
    table.add_column("name", overflow="fold")
    for title in ("objects", "bytes", "age"):
        table.add_column(title, justify="right")
    table.add_column("", overflow="fold")
    for item in found:
        table.add_row(
            str(item.kind),
            item.name,
            f"{item.objects:,}",
            f"{item.size_bytes:,}",
            _age(item.age_s),
            f"kept: {item.kept}" if item.kept else done,
        )
    console.print(table)
    gone = [item for item in found if not item.kept]
    console.print(f"{len(gone)} {done}, {sum(item.size_bytes for item in gone):,} bytes.")


def _age(seconds: float) -> str:
    for unit in ("d", "h", "m"):
        if seconds >= _UNITS_S[unit]:
            return f"{seconds / _UNITS_S[unit]:.1f} {unit}"
    return f"{seconds:.0f} s"
