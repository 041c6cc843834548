"""Whether an asset of a large library costs as much as one of a small library: quotes of metadata.

`python -m tests.bench.flat [--assets 100000 1000000 10000000] [--workers 2] [--rounds 3]`

Libraries are those of `fairshard demo --metadata-only`; each is quoted by the command itself, which
reads every row, checks it and screens it. Of the whole command, the start is the same for any
size. So the cost of a further asset is printed as well: the difference to the next smaller library.
The memory of every process is sampled; pages that processes share are counted once. It needs 30
bytes of disk an asset, and some minutes for the library of ten million.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pipelines.demo.metadata_only import make_metadata_only
from tests.bench.scale_watch import memory_bytes, process_tree

AS_OF = "2026-06-30"
_POLL_S = 0.05
_WANTED = 1.15


@dataclass(frozen=True)
class QuoteCost:
    """The cost of one quote.

    Attributes:
        clock_s: Elapsed time of the command.
        processor_s: Processor time of all its processes.
        peaks: The most memory of each process in bytes, the command's first.
        peak_bytes: The most memory of all together.
    """

    clock_s: float
    processor_s: float
    peaks: tuple[int, ...]
    peak_bytes: int


def quote(folder: Path, workers: int) -> QuoteCost:
    """Quotes the first deal of a library by the command itself, and watches it."""
    words = ["quote", "--catalogue", folder / "catalogue", "--deal", folder / "deal.toml"]
    words += ["--as-of", AS_OF, "--workers", workers, "--json"]
    command = [sys.executable, "-m", "pipelines.cli", *map(str, words)]
    began, used = time.perf_counter(), _children_s()
    peaks: dict[int, int] = {}
    most = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            held = {pid: memory_bytes(pid) for pid in process_tree(process.pid)}
            most = max(most, sum(held.values()))
            for pid, size in held.items():
                peaks[pid] = max(peaks.get(pid, 0), size)
            time.sleep(_POLL_S)
    clock_s = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"the quote failed, exit code {process.returncode}")
    own = peaks.pop(process.pid, 0)
    others = sorted(peaks.values(), reverse=True)
    return QuoteCost(clock_s, _children_s() - used, (own, *others), most)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def show(found: dict[int, list[QuoteCost]]) -> None:
    """Prints the costs of all sizes, and how they grow."""
    sizes = sorted(found)
    for what in ("clock_s", "processor_s"):
        whole = {
            size: statistics.median(getattr(cost, what) for cost in found[size]) for size in sizes
        }
        print(f"{what.removesuffix('_s')}, medians of {len(found[sizes[0]])} rounds")
        for size in sizes:
            print(
                f"  {size:>12,} assets {whole[size]:8.2f} s{1e6 * whole[size] / size:8.2f} µs each"
            )
        further = [
            (whole[large] - whole[small]) / (large - small)
            for small, large in itertools.pairwise(sizes)
        ]
        for large, cost in zip(sizes[1:], further, strict=True):
            print(f"  a further asset, up to {large:,}: {1e6 * cost:.3f} µs")
        for before, after in itertools.pairwise(further):
            print(f"  ratio {after / before:.3f} ({_WANTED} wanted)")
    for size in sizes:
        cost = max(found[size], key=lambda one: one.peak_bytes)
        parts = ", ".join(f"{peak / 2**20:,.0f}" for peak in cost.peaks)
        print(f"  {size:>12,} assets: {cost.peak_bytes / 2**20:,.0f} MiB; each process: {parts}")


def main() -> None:
    """Parses the options and measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = [100_000, 1_000_000, 10_000_000]
    parser.add_argument("--assets", type=int, nargs="+", default=sizes, help="sizes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", type=Path, help="keeps the libraries, or has them already")
    options = parser.parse_args()
    found: dict[int, list[QuoteCost]] = {size: [] for size in options.assets}
    print(f"{options.workers} processes, {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-") as temporary:
        base = options.dir or Path(temporary)
        for size in options.assets:
            if not (base / str(size)).exists():
                make_metadata_only(base / str(size), seed=1, assets=size)
        for _ in range(options.rounds):
            for size in options.assets:
                found[size].append(quote(base / str(size), options.workers))
    show(found)


if __name__ == "__main__":
    main()
