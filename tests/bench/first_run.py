"""A whole first run against open_clip's plain loop: `python -m tests.bench.first_run`.

Both sides get the same JPEGs of 2 megapixels, the same cores and the same ViT-B-32 with fixed
random weights, in alternating rounds. The plain loop decodes and embeds, in one process per core
with one thread each. Ours is the command `fairshard package`: it also checks the catalogue, decides
on rights, digests, hashes, captions by the demonstration model, embeds captions and titles, and
writes shards, ledger and a signed manifest. The start of every process counts on both sides.
A second deal on the same pictures shows what stored features save.

Then the parts are measured, each alone in the same round on one worker: decoding, the forward pass,
and embedding end to end, whose limit is the sum of the two. Processor time is that of all
processes, so that a busy machine can be used.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipelines.commands.common import default_workers
from pipelines.vision.models import parse_model
from pipelines.vision.precision import choose_precision
from tests.bench.first_run_sides import (
    BATCH,
    Part,
    decode_part,
    embed_part,
    forward_part,
    input_part,
    plain_loop,
)
from tests.bench.img2dataset_library import AS_OF, BenchLibrary, make_library, write_deal
from tests.bench.img2dataset_sides import PackingTime, run_command
from tests.bench.measure import measure
from tests.bench.rounds import median_speedup
from tests.bench.weights import ARCHITECTURE, make_weights


@dataclass
class _Rounds:
    """The timings of one side, round after round."""

    times: list[PackingTime] = field(default_factory=list)

    def clock(self) -> list[float]:
        return [one.clock_s for one in self.times]

    def processor(self) -> list[float]:
        return [one.processor_s for one in self.times]


def bench_first_run(folder: Path, library: BenchLibrary, rounds: int, workers: int) -> None:
    """Prints both sides' times and the ratios.

    Args:
        folder: Folder for all files: twice the pictures and 600 MB.
        library: The pictures.
        rounds: Rounds of both sides.
        workers: Processes of each side.
    """
    weights = make_weights(folder)
    plain, ours, second = _Rounds(), _Rounds(), _Rounds()
    output = folder / "first-out"
    for number in range(rounds):
        plain.times.append(_run_plain(library, weights, workers))
        ours.times.append(_run_ours(folder, library, weights, workers, f"first-{number}"))
        second.times.append(_run_ours(folder, library, weights, workers, f"second-{number}"))
        shutil.rmtree(output)  # with the features, so that the next run is a first one too
    print(f"{library.pictures:,} pictures, {workers} processes, {rounds} rounds, medians")
    sides = {
        "open_clip's plain loop": plain,
        "fairshard package": ours,
        "the same, a second deal": second,
    }
    for name, side in sides.items():
        clock, processor = statistics.median(side.clock()), statistics.median(side.processor())
        print(
            f"  {name:<24} {library.pictures / clock:6.1f} pictures/s, {clock:7.1f} s; processor "
            f"time {processor:7.1f} s, {1e3 * processor / library.pictures:6.1f} ms each"
        )
    by_clock = median_speedup(plain.clock(), ours.clock())
    by_processor = median_speedup(plain.processor(), ours.processor())
    print(f"  ours is {by_clock:.2f} times as fast, {by_processor:.2f} by processor time")
    saved = median_speedup(ours.processor(), second.processor())
    print(f"  a second deal takes 1/{saved:.1f} of the first one's processor time")


def _run_plain(library: BenchLibrary, weights: Path, workers: int) -> PackingTime:
    media = str(library.catalogue / "media")
    module = "tests.bench.first_run_sides"
    return run_command(
        [sys.executable, "-m", module, media, str(weights), "--workers", str(workers)]
    )


def _run_ours(
    folder: Path, library: BenchLibrary, weights: Path, workers: int, deal_id: str
) -> PackingTime:
    deal = write_deal(folder, deal_id)
    text = deal.read_text(encoding="utf-8")
    deal.write_text(text.replace('clip = "demo"', f'clip = "{ARCHITECTURE}:{weights}"'))
    command = [sys.executable, "-m", "pipelines", "package", "--quiet", "--as-of", AS_OF]
    command += ["--catalogue", str(library.catalogue), "--deal", str(deal)]
    command += ["--out", str(folder / "first-out")]
    if workers != default_workers():  # without the option, a second deal needs fewer
        command += ["--workers", str(workers)]
    return run_command(command)


def bench_parts(paths: Sequence[Path], weights: Path, rounds: int) -> None:
    """Prints what decoding, the forward pass and embedding end to end take, and the cosines.

    Args:
        paths: The pictures.
        weights: The file of the model's weights.
        rounds: How often each part is measured.
    """
    chosen = choose_precision(parse_model(f"{ARCHITECTURE}:{weights}"))
    print(f"parts, one worker, {len(paths)} pictures, {rounds} rounds: {chosen.reason}")
    sides: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(rounds):
        for side, times in sides.items():
            times.append(_each(measure(input_part, paths, weights, side).answer, len(paths)))
    print(
        f"  file to model input: open_clip {_ms(sides['plain'])}, ours {_ms(sides['ours'])} ms "
        "of processor time each: "
        f"{median_speedup(sides['plain'], sides['ours']):.2f} times as fast"
    )
    expected = measure(plain_loop, paths, weights).answer
    for precision in dict.fromkeys(("fp32", chosen.precision)):
        decode, forward, whole = [], [], []
        vectors = np.empty((0, 0), np.float32)
        for _ in range(rounds):
            decode.append(_each(measure(decode_part, paths).answer, len(paths)))
            part = measure(forward_part, len(paths), weights, precision).answer
            forward.append(_each(part, len(paths) // BATCH * BATCH))
            embedded = measure(embed_part, paths, weights, precision).answer
            whole.append(_each(embedded, len(paths)))
            vectors = embedded.vectors
        limit = [one + other for one, other in zip(decode, forward, strict=True)]
        cosines = (vectors * expected).sum(axis=1)
        print(
            f"  {precision}: decoding {_ms(decode)}, forward {_ms(forward)}, end to end "
            f"{_ms(whole)} ms of processor time each: {median_speedup(limit, whole):.2f} of the "
            f"limit; cosine with open_clip's own path at least {cosines.min():.5f}, "
            f"median {np.median(cosines):.5f}"
        )


def _each(part: Part, pictures: int) -> float:
    return part.processor_s / pictures


def _ms(seconds: Sequence[float]) -> str:
    return f"{1e3 * statistics.median(seconds):.1f}"


def main() -> None:
    """Parses the options and runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1_000)
    parser.add_argument("--part-pictures", type=int, default=256, help="for the parts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, help="keep library and weights here")
    options = parser.parse_args()
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}")
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        count = max(options.pictures, options.part_pictures)
        library = make_library(folder, count, options.workers)
        if options.part_pictures:
            paths = sorted((library.catalogue / "media").iterdir())[: options.part_pictures]
            bench_parts(paths, make_weights(folder), options.rounds)
        if options.pictures:
            bench_first_run(folder, library, options.rounds, options.workers)


if __name__ == "__main__":
    main()
