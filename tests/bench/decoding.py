"""Decoding in the guarded child beside decoding without it: `python -m tests.bench.decoding`.

Both sides prepare the same JPEGs with two threads, in turn, round after round, so that what else
the machine does meets them alike. The children are started before the first round, as a run reuses
them for all its files. Beside the time on the clock stands that of the processor, of all processes:
on a machine that others use too, only that says what guarding costs.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.features.prepare import prepare_media
from pipelines.media.limits import MediaLimits
from tests.bench.rounds import median_speedup
from tests.bench.scale_watch import process_tree

_THREADS = 2
_LIMITS = MediaLimits(max_bytes=2**30, max_pixels=178_956_970)


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


def _processor_s() -> float:
    """Returns the processor time that this process and its children have used."""
    ticks = 0
    for pid in process_tree(os.getpid()):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _seconds(
    pool: ThreadPoolExecutor, pictures: Sequence[bytes], limits: MediaLimits
) -> tuple[float, float]:
    """Returns the time on the clock and that of the processor."""
    started, used = time.perf_counter(), _processor_s()
    for _ in pool.map(lambda data: prepare_media(data, "", "image", None, limits), pictures):
        pass
    return time.perf_counter() - started, _processor_s() - used


def bench_decoding(pictures: int, repeats: int, rounds: int) -> None:
    """Prints both sides' speed and their ratio, for three sizes of picture.

    Args:
        pictures: Distinct pictures of each size.
        repeats: How often each is decoded in a round.
        rounds: Rounds of both sides.
    """
    unguarded = replace(_LIMITS, guard_images=False)
    with ThreadPoolExecutor(_THREADS) as pool:
        for megapixels in (1.0, 4.0, 12.0):
            data = make_pictures(pictures, megapixels)
            work = data * repeats
            _seconds(pool, data, _LIMITS)
            _seconds(pool, data, unguarded)
            guarded_s: list[tuple[float, float]] = []
            unguarded_s: list[tuple[float, float]] = []
            for number in range(rounds):
                sides = [(guarded_s, _LIMITS), (unguarded_s, unguarded)]
                for taken, limits in sides if number % 2 else sides[::-1]:
                    taken.append(_seconds(pool, work, limits))
            on_clock, of_processor = (
                median_speedup([one[at] for one in unguarded_s], [one[at] for one in guarded_s])
                for at in (0, 1)
            )
            guarded, plain = (
                len(work) / statistics.median(clock for clock, _ in taken)
                for taken in (guarded_s, unguarded_s)
            )
            size = sum(map(len, data)) / len(data) / 1e6
            print(
                f"{megapixels:4.1f} megapixels, {size:.2f} MB: guarded {guarded:6.1f}/s, "
                f"unguarded {plain:6.1f}/s; guarded/unguarded {on_clock:.3f} by the clock, "
                f"{of_processor:.3f} by the processor"
            )


def main() -> None:
    """Parses the options and runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=8, help="distinct pictures of each size")
    parser.add_argument("--repeats", type=int, default=8, help="of each picture in a round")
    parser.add_argument("--rounds", type=int, default=9, help="of both sides")
    options = parser.parse_args()
    bench_decoding(options.pictures, options.repeats, options.rounds)


if __name__ == "__main__":
    main()
