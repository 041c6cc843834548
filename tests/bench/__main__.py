"""Runs the suite: `python -m tests.bench [--quick] [--json FILE] [NAME …]`.

Prints a table for each benchmark and writes all figures as JSON; `python -m tests.bench.compare`
compares two such files. Each figure is a ratio of two sides that were measured in turn, round after
round, so that other load meets them alike. Every benchmark is also a command of its own, with more
options and in more words: `python -m tests.bench.tar` and so on.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.bench.decoding import decoding_figures
from tests.bench.img2dataset import has_peer, img2dataset_figures
from tests.bench.reader import bench_reader
from tests.bench.screening import screening_figures
from tests.bench.suite import Bench, Figure, Measuring, machine, result_json, table
from tests.bench.tar import bench_tar


def _tar(folder: Path, quick: bool) -> Iterable[Figure]:
    return bench_tar(folder, 800 if quick else 4_000, 5)


def _reader(folder: Path, quick: bool) -> Iterable[Figure]:
    return bench_reader(folder, 1_000 if quick else 4_000, 5)


def _screening(folder: Path, quick: bool) -> Iterable[Figure]:
    return screening_figures(folder, 200_000 if quick else 1_000_000, 3)


def _decoding(_: Path, quick: bool) -> Iterable[Figure]:
    for megapixels in (1.0,) if quick else (1.0, 12.0):
        yield from decoding_figures(megapixels, 4 if quick else 8, 5)


def _packaging(folder: Path, quick: bool) -> Iterable[Figure]:
    return img2dataset_figures(folder, 300 if quick else 2_000, 3 if quick else 5, 2)


def _no_peer() -> str:
    return "" if has_peer() else "its environment does not exist: run make bench-peers"


SUITE: tuple[Bench, ...] = (
    Measuring("tar", _tar),
    Measuring("reader", _reader),
    Measuring("screening", _screening),
    Measuring("decoding", _decoding),
    Measuring("packaging", _packaging, _no_peer),
)


def main() -> int:
    """Parses the options and runs the benchmarks."""
    names = [bench.name for bench in SUITE]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="less of each, in under three minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    logging.disable(logging.CRITICAL)
    shared_memory = Path("/dev/shm")  # in memory, so that the disk's speed is not measured
    base = shared_memory if shared_memory.is_dir() else None
    on = {**machine(), "files_in": "memory" if base else "the temporary folder"}
    print("\n".join(f"{name}: {value}" for name, value in on.items()))
    figures: dict[str, list[Figure]] = {}
    skipped: dict[str, str] = {}
    took_s: dict[str, float] = {}
    for bench in SUITE:
        if options.names and bench.name not in options.names:
            continue
        if why := bench.why_not():
            skipped[bench.name] = why
            print(f"\n{bench.name}: skipped, {why}")
            continue
        started_s = time.perf_counter()
        print(f"\n{bench.name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="fairshard-bench-", dir=base) as folder:
            figures[bench.name] = list(bench.run(Path(folder), options.quick))
        took_s[bench.name] = time.perf_counter() - started_s
        print(table(figures[bench.name]), flush=True)
    text = result_json(options.quick, on, figures, skipped, took_s)
    if options.json:
        options.json.write_text(text, encoding="utf-8")
        print(f"\nwritten: {options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
