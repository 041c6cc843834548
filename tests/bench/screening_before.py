"""Compares screening in this checkout with another checkout, in turn, on one library.

`python -m tests.bench.screening_before ../old` makes a library of 5 million assets, which both
read, and runs each side's own `tests.bench.screening.screen_library` with the interpreter of its
`.venv`. CPU time says more than elapsed time if the machine has other work.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import cast

from tests.bench.rounds import median_speedup
from tests.bench.screening import library
from tests.bench.screening_library import LibrarySize

ROOT = Path(__file__).parents[2]
_FIGURES = ("wall_s", "cpu_s", "index_s", "read_s", "screen_s")
# Both checkouts have this function and these figures, though other names may differ.
_PROGRAM = """
import json, sys
from pathlib import Path
from tests.bench.screening import screen_library
print(json.dumps(vars(screen_library(Path(sys.argv[1])))))
"""


def screen_in(checkout: Path, folder: Path) -> dict[str, float]:
    """Screens a library with the code of a checkout; returns its figures."""
    shutil.rmtree(folder / "ours", ignore_errors=True)
    done = subprocess.run(
        [checkout / ".venv" / "bin" / "python", "-c", _PROGRAM, folder],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    return cast("dict[str, float]", json.loads(done.stdout))


def compare(other: Path, folder: Path, rounds: int, say: Callable[[str], None] = print) -> None:
    """Screens a library in both checkouts, round after round, and reports medians and ratios."""
    theirs, ours = [], []
    for _ in range(rounds):
        theirs.append(screen_in(other, folder))
        ours.append(screen_in(ROOT, folder))
    for name in _FIGURES:
        before, now = ([figures[name] for figures in side] for side in (theirs, ours))
        say(
            f"{name:10}{statistics.median(before):10.2f}{statistics.median(now):10.2f}"
            f"   as fast as the other: {median_speedup(before, now):.3f}"
        )


def main() -> None:
    """Parses the options and runs the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="the other checkout, with its .venv")
    parser.add_argument("--assets", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--dir", type=Path, help="folder for the temporary library")
    options = parser.parse_args()
    with library(LibrarySize(options.assets), options.dir) as folder:
        compare(options.other.resolve(), folder.resolve(), options.rounds)


if __name__ == "__main__":
    main()
