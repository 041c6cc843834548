"""Runs the benchmarks and prints their figures: `python -m tests.bench`.

Screening is measured at a size that takes a minute; `python -m tests.bench.screening` runs it in
full. The comparison with img2dataset runs if its environment exists: `make bench-peers` creates it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from tests.bench.decoding import bench_sizes
from tests.bench.img2dataset import bench_img2dataset, has_peer
from tests.bench.screening import bench as bench_screening
from tests.bench.tar import bench_tar


def main() -> None:
    """Parses the options and runs every benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=4_000, help="samples in a tar")
    parser.add_argument("--assets", type=int, default=1_000_000, help="assets to screen")
    parser.add_argument("--pictures", type=int, default=2_000, help="pictures to package")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of tars and packaging")
    options = parser.parse_args()
    shared_memory = Path("/dev/shm")  # in memory, so that the disk's speed is not measured
    base = shared_memory if shared_memory.is_dir() else None
    print(f"{os.cpu_count()} cores; files in {'memory' if base else 'the temporary folder'}")
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-", dir=base) as folder:
        bench_tar(Path(folder), options.samples, options.rounds)
    bench_screening(options.assets, 0, base)
    bench_sizes([1.0, 12.0], 8, [os.cpu_count() or 1], 8, options.rounds)
    if not has_peer():
        print("img2dataset: skipped, since its environment does not exist: run make bench-peers")
        return
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-", dir=base) as folder:
        bench_img2dataset(Path(folder), options.pictures, options.rounds, 2)


if __name__ == "__main__":
    main()
