"""`fairshard clean`: shows and removes what interrupted runs left in an output."""

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

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d{1,6})([smhd])")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument(
        "out", metavar="OUT", help="where runs write their output: folder or s3:// prefix"
    )
    parser.add_argument(
        "--older-than",
        type=duration_s,
        default="24h",
        metavar="TIME",
        help="keep what was written within this time, such as 90m, 24h, 7d (default: %(default)s)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be removed, remove nothing"
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    leftovers = clean_output(open_store(options.out), options.older_than, dry_run=options.dry_run)
    if options.json:
        print_json(_as_json(leftovers, options.dry_run))
    else:
        _print_leftovers(results, leftovers, options.dry_run)
    return 0


def duration_s(text: str) -> float:
    """Returns the seconds of a duration such as `24h`; used as an argparse type."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: write 90m, 24h or 7d")
    return float(int(match[1]) * _UNIT_SECONDS[match[2]])


def _as_json(leftovers: list[Leftover], dry_run: bool) -> dict[str, object]:
    removable = [item for item in leftovers if not item.kept_reason]
    return {
        "dry_run": dry_run,
        "removed": 0 if dry_run else len(removable),
        "bytes": sum(item.size_bytes for item in removable),
        "found": [
            {
                "kind": str(item.kind),
                "name": item.name,
                "objects": item.objects,
                "bytes": item.size_bytes,
                "age_s": round(item.age_s),
                "kept": item.kept_reason,
            }
            for item in leftovers
        ],
    }


def _print_leftovers(console: Console, leftovers: list[Leftover], dry_run: bool) -> None:
    if not leftovers:
        console.print("Nothing was left behind.")
        return
    action = "would be removed" if dry_run else "removed"
    table = Table(box=None, pad_edge=False)
    table.add_column("what")
    table.add_column("name", overflow="fold")
    for title in ("objects", "bytes", "age"):
        table.add_column(title, justify="right")
    table.add_column("", overflow="fold")
    for item in leftovers:
        table.add_row(
            str(item.kind),
            item.name,
            f"{item.objects:,}",
            f"{item.size_bytes:,}",
            _format_age(item.age_s),
            f"kept: {item.kept_reason}" if item.kept_reason else action,
        )
    console.print(table)
    removable = [item for item in leftovers if not item.kept_reason]
    console.print(
        f"{len(removable)} {action}, {sum(item.size_bytes for item in removable):,} bytes."
    )


def _format_age(seconds: float) -> str:
    for unit in ("d", "h", "m"):
        if seconds >= _UNIT_SECONDS[unit]:
            return f"{seconds / _UNIT_SECONDS[unit]:.1f} {unit}"
    return f"{seconds:.0f} s"
