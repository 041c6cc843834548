"""`fairshard demo`: creates a small library with deals and runs the whole pipeline offline.

What takes seconds to import is imported after the first line, so that it comes at once.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from pipelines.commands.common import (
    add_general_options,
    add_run_options,
    consoles,
    positive_int,
)
from pipelines.commands.logging_options import add_log_options
from pipelines.demo import DEFAULT_ASSETS
from schemas.errors import InputError

_BEAM = "apache_beam"

EXAMPLES = """\
examples:
  fairshard demo --out demo-out
  fairshard demo --out /tmp/big --assets 1000000 --metadata-only
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options.

    Raises:
        ModuleNotFoundError: Beam, which is imported later, is not installed.
    """
    if find_spec(_BEAM) is None:
        raise ModuleNotFoundError(f"No module named {_BEAM!r}", name=_BEAM)
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="a new or empty folder"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--assets",
        type=positive_int,
        default=DEFAULT_ASSETS,
        metavar="N",
        help="assets in the library (default: %(default)s)",
    )
    parser.add_argument(
        "--metadata-only",
        action="store_true",
        help="write only the tables of a library of any size, without media, and run nothing",
    )
    add_run_options(parser)
    add_log_options(parser)
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, progress = consoles(options)
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        raise InputError(
            "The demo requires a new or empty folder",
            f"{options.out} exists and is not empty",
            "Give --out a new folder.",
        )
    # Before what follows is imported, which takes seconds.
    progress.print(f"Generating a library of {options.assets:,} assets…")
    from pipelines.commands import demo_run

    if options.metadata_only:
        return demo_run.metadata_only(options, results)
    return demo_run.make_and_package(options, results, progress)
