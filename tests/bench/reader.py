"""Compares the reader for training with webdataset: `python -m tests.bench.reader`.

Both hand over the same samples as bytes, in alternating rounds. Ours compares every member with
its signed digest, drops removed samples by a list of a million, mixes shards and counts exposure;
theirs does nothing of it. Neither decodes. Ours has two figures: the first epoch, with SHA-256, and
later ones of the same reader, with tags. Processor time is compared, of all threads, since it
hardly depends on other load; elapsed time is shown beside it, where ours has the cores of its
threads. The library stays in the page cache for both.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import webdataset

from pipelines.reader import Delivery, Removals, SampleReader, open_delivery
from pipelines.reader.removals import CommitmentSet
from tests.bench.suite import Figure, speedups
from tests.reader.copies import AGENCY, make_copy

_SHARDS = 4
_REMOVED = 1_000_000
_LIST_COST_BOUND_US = 1.0


@dataclass
class Side:
    """One side, with the seconds of its rounds."""

    name: str
    read: Callable[[], int]
    clock_s: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)

    def measure(self, samples: int) -> None:
        """Reads all samples once."""
        clock, processor = time.perf_counter(), time.process_time()
        assert self.read() == samples
        self.clock_s.append(time.perf_counter() - clock)
        self.processor_s.append(time.process_time() - processor)


def removed_list() -> Removals:
    """Returns a list of a million removed assets, none of which the library has."""
    made = (hashlib.sha256(b"removed %d" % number).hexdigest() for number in range(_REMOVED))
    return Removals("acme", "2026-12-01", date(9999, 12, 31), CommitmentSet(made))


def reader_sides(
    folder: Path, removals: Removals, samples: int, media_bytes: int, threads: int
) -> tuple[list[Side], Delivery]:
    """Makes a library, and returns the reader's sides, first and later epochs, and webdataset's."""
    copy = make_copy(folder / f"{media_bytes}", [samples // _SHARDS] * _SHARDS, media_bytes)
    delivery = open_delivery(copy, [AGENCY.vkey])
    tars = sorted(map(str, copy.glob("shards/*.tar")))
    own = SampleReader(delivery, removals, run="bench", threads=threads)

    def first() -> int:
        return sum(1 for _ in SampleReader(delivery, removals, run="bench", threads=threads))

    def later() -> int:
        return sum(1 for _ in own)

    def theirs() -> int:
        return sum(1 for _ in webdataset.WebDataset(tars, shardshuffle=False))

    sides = [Side("first epoch", first), Side("later", later), Side("webdataset", theirs)]
    return sides, delivery


def reader_figures(
    folder: Path, removals: Removals, samples: int, rounds: int, sizes: Iterable[int], threads: int
) -> list[Figure]:
    """Measures both sides at each size of media, in bytes, and prints them."""
    figures = []
    for media_bytes in sizes:
        sides, _ = reader_sides(folder, removals, samples, media_bytes, threads)
        for side in sides:  # fills the page cache, and the tags of later epochs
            side.read()
        for _ in range(rounds):
            for side in sides:
                side.measure(samples)
        for side in sides:
            each = statistics.median(side.processor_s) / samples * 1e6
            wall = statistics.median(side.clock_s) / samples * 1e6
            print(f"{media_bytes:>8,} B  {side.name:<11}  {each:7.1f} µs of CPU  {wall:7.1f} µs")
        *own, theirs = sides
        for ours in own:
            size = f"media of {media_bytes // 1000} kB, {ours.name}"
            name = f"samples a CPU second, {size}, by webdataset's"
            figures.append(speedups(name, theirs.processor_s, ours.processor_s))
            clock = speedups("", theirs.clock_s, ours.clock_s)
            print(f"{'':10}  {ours.name}: {figures[-1].median:.2f} by CPU time", end="")
            print(f", {clock.median:.2f} by the clock with {threads} threads")
    return figures


def cost_of_list(delivery: Delivery, removals: Removals) -> float:
    """Returns what the look-up among a million removed assets takes a sample, in µs of CPU."""
    assets = [asset for shard in delivery.manifest.shards for asset in delivery.rows(shard).assets]
    rounds = []
    for _ in range(9):
        start = time.process_time()
        removals.assets.contains(assets)
        rounds.append((time.process_time() - start) / len(assets) * 1e6)
    return statistics.median(rounds)


def cost_of_counting(delivery: Delivery) -> float:
    """Returns what counting exposure takes a sample, in µs of CPU, by itself."""
    assets = [asset for shard in delivery.manifest.shards for asset in delivery.rows(shard).assets]
    rounds = []
    for _ in range(9):
        seen: Counter[str] = Counter()
        start = time.process_time()
        for _ in assets:
            pass
        loop, start = time.process_time() - start, time.process_time()
        for asset in assets:
            seen[asset] += 1
        rounds.append((time.process_time() - start - loop) / len(assets) * 1e6)
    return statistics.median(rounds)


def bench_reader(folder: Path, samples: int, rounds: int) -> list[Figure]:
    """Returns the ratios for the suite."""
    return reader_figures(folder, removed_list(), samples, rounds, (50_000,), 2)


def main() -> int:
    """Parses the options, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8_000, 50_000, 112_000])
    options = parser.parse_args()
    removals = removed_list()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reader_figures(
            folder, removals, options.samples, options.rounds, options.sizes, options.threads
        )
        [_, later, _], delivery = reader_sides(
            folder / "list", removals, options.samples, 50_000, 0
        )
        later.read()
        later.measure(options.samples)
        each = later.processor_s[0] / options.samples * 1e6
        looked_up, counted = cost_of_list(delivery, removals), cost_of_counting(delivery)
        print(f"look-up among {_REMOVED:,} removed: {looked_up:.3f} µs a sample")
        print(f"counting exposure: {counted:.3f} µs a sample, {counted / each:.2%} of {each:.1f}")
    return 0 if looked_up <= _LIST_COST_BOUND_US else 1


if __name__ == "__main__":
    sys.exit(main())
