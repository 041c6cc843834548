"""`fairshard scan`: makes a catalogue of a folder of media, from their embedded metadata."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from pipelines.commands.common import add_general_options, consoles, print_json
from pipelines.features.scan import find_media, scan_media
from pipelines.features.scan_tables import (
    CREATORS,
    MAPPING,
    ScanResult,
    check_target,
    write_catalogue,
)
from pipelines.rights.formatting import one_line
from schemas.errors import counted

_MAX_NAMED = 8

EXAMPLES = """\
examples:
  fairshard scan pictures/
  fairshard scan pictures/ --to library/
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder with media")
    parser.add_argument(
        "--to",
        type=Path,
        metavar="CATALOGUE",
        help="where to write the tables (default: the folder itself)",
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, progress = consoles(options)
    target = options.to or options.folder
    found = find_media(options.folder)
    check_target(target)
    progress.print(f"Reading {counted(len(found.names), 'file')}.", highlight=False)
    files = list(scan_media(options.folder, found))
    result = write_catalogue(files, found.other, target, _MAX_NAMED)
    if options.json:
        print_json({"catalogue": str(target), **asdict(result)})
        return 0
    _show(results, result, options.folder, target)
    return 0


def _show(console: Console, result: ScanResult, folder: Path, target: Path) -> None:
    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    say(f"{counted(result.files, 'file')} of media, {result.other:,} others; written to {target}")
    for name, count in result.with_value.items():
        say(f"  {name:<22} {count:,}")
    notes = (("contradictions", result.conflicts), ("problems", result.problems))
    for title, found in notes:
        if found:
            say(f"{title}: {len(found):,}, all of them in {target / 'scan.jsonl'}")
            for name, text in found[:_MAX_NAMED]:
                say(f"  {one_line(name)}: {one_line(text)}")
    if result.unconfirmed_count:
        say(
            f"{counted(result.creators, 'creator')}, not confirmed: {result.unconfirmed_count:,}. "
            f"Write who made the files into {target / CREATORS}, column contributor_id, and run "
            "the command again:"
        )
        for name, count in result.unconfirmed:
            say(f"  {one_line(name) or '(no creator named)'} ({counted(count, 'file')})")
    if result.not_listed:
        listed = ", ".join(map(one_line, result.not_listed[:_MAX_NAMED]))
        say(f"Add to contributors.csv: {listed}")
    say(f"Then complete {target / MAPPING}, and check the catalogue:")
    prefix = "" if target.resolve() == folder.resolve() else f" --media-prefix {folder.resolve()}/"
    say(f"  fairshard check --catalogue {target} --deal DEAL.toml{prefix}")
