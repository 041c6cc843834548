"""Decoding in guarded child processes and without them: `python -m tests.bench.decoding`.

Both sides prepare the same JPEGs, in turn, round after round, so that other load on the machine
meets them alike. They do so as `fairshard package` does: in one or several worker processes, of
which each fetches in two threads. The children are started before the first round, as a run reuses
them for all its files. Processor time is that of all processes; on a machine that others use too,
only that says what guarding costs.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Barrier

import numpy as np
from PIL import Image

from pipelines.features.prepare import prepare_media
from pipelines.media.limits import MediaLimits
from tests.bench.rounds import median_speedup
from tests.bench.scale_watch import process_tree
from tests.bench.suite import Figure, speedups

_THREADS = 2  # as in pipelines/steps/fetch_ahead.py
_GUARDED = MediaLimits(max_bytes=2**30, max_pixels=178_956_970)
_UNGUARDED = replace(_GUARDED, guard_images=False)


@dataclass(frozen=True)
class _Worker:
    """A worker process's part of the benchmark."""

    together: Barrier
    threads: ThreadPoolExecutor
    pictures: list[bytes]


_worker: list[_Worker] = []


def make_pictures(count: int, megapixels: float) -> list[bytes]:
    """Returns JPEGs of quality 90 with the detail of photographs: smooth noise of several sizes."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    width = round(height * 1.5)
    pictures = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        layers = [
            np.asarray(
                Image.fromarray(rng.integers(0, 256, (size, size, 3), np.uint8)).resize(
                    (width, height), Image.Resampling.BICUBIC
                ),
                np.float64,
            )
            for size in (4, 32, 256)
        ]
        pixels = (0.5 * layers[0] + 0.3 * layers[1] + 0.2 * layers[2]).clip(0, 255)
        out = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(out, "JPEG", quality=90)
        pictures.append(out.getvalue())
    return pictures


def _start_worker(together: Barrier, pictures: list[bytes]) -> None:
    _worker.append(_Worker(together, ThreadPoolExecutor(_THREADS), pictures))


def _prepare(limits: MediaLimits, repeats: int) -> tuple[float, float]:
    """Prepares the worker's pictures and returns when it began and ended, in seconds."""
    (me,) = _worker
    work = me.pictures * repeats
    me.together.wait()
    started = time.perf_counter()
    for _ in me.threads.map(lambda data: prepare_media(data, "", "image", None, limits), work):
        pass
    return started, time.perf_counter()


def _processor_s() -> float:
    """Returns the processor time that this process and its descendants have used."""
    # Linux's clock of another process, see clock_getcpuclockid(3); /proc counts only centiseconds.
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in process_tree(os.getpid()))


def _round(
    pool: ProcessPoolExecutor, workers: int, limits: MediaLimits, repeats: int
) -> tuple[float, float]:
    """Returns the elapsed time and the processor time of a round, in seconds."""
    used = _processor_s()
    # The barrier gives each worker exactly one of the tasks.
    tasks = [pool.submit(_prepare, limits, repeats) for _ in range(workers)]
    times = [task.result() for task in tasks]
    elapsed = max(ended for _, ended in times) - min(started for started, _ in times)
    return elapsed, _processor_s() - used


Taken = dict[MediaLimits, list[tuple[float, float]]]  # clock and processor seconds of each round


def measure_decoding(data: list[bytes], workers: int, repeats: int, rounds: int) -> Taken:
    """Returns what each round of both sides took; see `bench_decoding`."""
    spawn = multiprocessing.get_context("spawn")
    sides: Taken = {_GUARDED: [], _UNGUARDED: []}
    together = spawn.Barrier(workers)
    with ProcessPoolExecutor(workers, spawn, _start_worker, (together, data)) as pool:
        for limits in sides:
            _round(pool, workers, limits, 2)
        for number in range(rounds):
            for limits in list(sides)[:: 1 if number % 2 else -1]:
                sides[limits].append(_round(pool, workers, limits, repeats))
    return sides


def decoding_figures(megapixels: float, repeats: int, rounds: int) -> list[Figure]:
    """Returns guarded decoding's speed to unguarded decoding's, for pictures of a size."""
    data = make_pictures(8, megapixels)
    sides = measure_decoding(data, os.cpu_count() or 1, repeats, rounds)
    return [
        speedups(
            f"guarded to unguarded, {megapixels:g} MP, {name}",
            [taken[at] for taken in sides[_UNGUARDED]],
            [taken[at] for taken in sides[_GUARDED]],
        )
        for at, name in enumerate(("clock", "processor"))
    ]


def bench_decoding(data: list[bytes], workers: int, repeats: int, rounds: int) -> str:
    """Returns both sides' speed and their ratio, in words.

    Args:
        data: The pictures that each worker decodes.
        workers: Worker processes.
        repeats: How often each picture is decoded in a round.
        rounds: Rounds of both sides.
    """
    sides = measure_decoding(data, workers, repeats, rounds)
    by_clock, by_processor = (
        median_speedup(
            [taken[at] for taken in sides[_UNGUARDED]], [taken[at] for taken in sides[_GUARDED]]
        )
        for at in (0, 1)
    )
    count = len(data) * repeats * workers
    guarded, unguarded = (
        [statistics.median(taken[at] for taken in sides[limits]) / count for at in (0, 1)]
        for limits in (_GUARDED, _UNGUARDED)
    )
    speed = f"{1 / guarded[0]:.1f} of {1 / unguarded[0]:.1f} pictures/s, {by_clock:.3f}"
    cost = f"{1e3 * guarded[1]:.2f} for {1e3 * unguarded[1]:.2f} ms of processor time"
    return f"{speed}; {cost}, {by_processor:.3f}"


def bench_sizes(
    megapixels: Sequence[float], pictures: int, workers: Sequence[int], repeats: int, rounds: int
) -> None:
    """Prints both sides' speed for pictures of each size, by each number of worker processes."""
    for each in megapixels:
        data = make_pictures(pictures, each)
        size = sum(map(len, data)) / len(data) / 1e6
        for processes in workers:
            found = bench_decoding(data, processes, repeats, rounds)
            print(f"{each:g} MP, {size:.2f} MB, {processes} workers: {found}", flush=True)


def main() -> None:
    """Parses the options and runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=8, help="distinct pictures of each size")
    parser.add_argument("--repeats", type=int, default=16, help="of each picture in a round")
    parser.add_argument("--rounds", type=int, default=9, help="of both sides")
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[1, os.cpu_count() or 1], help="processes"
    )
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1.0, 4.0, 12.0])
    options = parser.parse_args()
    bench_sizes(
        options.megapixels, options.pictures, options.workers, options.repeats, options.rounds
    )


if __name__ == "__main__":
    main()
