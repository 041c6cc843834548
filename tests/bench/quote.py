"""Quotes a library of ten million rows, and compares every count with the generator's answer key.

`python -m tests.bench.quote` needs 300 MB of disk and a few minutes, nearly all for the library.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.demo.metadata_only import make_metadata_only

AS_OF = "2026-06-30"


def quote(folder: Path, workers: int) -> Any:
    """Quotes the first deal of a library by the command itself."""
    words = ["quote", "--catalogue", folder / "catalogue", "--deal", folder / "deal.toml"]
    words += ["--as-of", AS_OF, "--workers", workers, "--json"]
    command = [sys.executable, "-m", "pipelines.cli", *map(str, words)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(ended.stdout)["quotes"][0]


def answer(folder: Path) -> tuple[int, dict[str, int]]:
    """Returns how many assets the answer key clears, and how many have each reason."""
    reasons = pq.read_table(folder / "answer_key.parquet", columns=["reasons_main"])["reasons_main"]
    counts: Any = pc.value_counts(pc.list_flatten(reasons))
    cleared = int((pc.list_value_length(reasons).to_numpy() == 0).sum())
    return cleared, {item["values"]: item["counts"] for item in counts.to_pylist()}


def bench(folder: Path, workers: int, rounds: int) -> None:
    """Prints the time of each round, and whether the counts are right."""
    cleared, wanted = answer(folder)
    for _ in range(rounds):
        start, used = time.perf_counter(), _children_s()
        found = quote(folder, workers)
        wall_s, cpu_s = time.perf_counter() - start, _children_s() - used
        right = found["cleared"]["assets"] == cleared and wanted == {
            line["reason"]: line["assets"] for line in found["reasons"]
        }
        print(
            f"{found['assets']:,} rows: {wall_s:.1f} s by the clock, {cpu_s:.1f} s of processor "
            f"time in {workers} processes on {os.cpu_count()} cores; counts "
            f"{'as in the answer key' if right else 'WRONG'}",
            flush=True,
        )
        if not right:
            raise SystemExit("The quote is not what the answer key says")


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Parses the options and runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=10_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--library", type=Path, help="a library that was made before")
    options = parser.parse_args()
    if options.library:
        bench(options.library, options.workers, options.rounds)
        return
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-") as name:
        folder = Path(name) / "library"
        make_metadata_only(folder, seed=1, assets=options.assets)
        bench(folder, options.workers, options.rounds)


if __name__ == "__main__":
    main()
