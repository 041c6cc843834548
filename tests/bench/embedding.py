"""Embedding pictures of 1 to 12 megapixels: `make bench-peers; python -m tests.bench.embedding`.

Three sides get the same JPEGs, the same cores and the same ViT-B-32 with fixed random weights, in
alternating rounds; each is a whole command, with the start of its processes and the loading of the
model: open_clip's plain loop and ours in a process per core with one thread each, and
clip-retrieval's inference, which decodes in processes of its own and embeds in one process with a
thread per core, with the number of decoding processes that was fastest.

Ours is what a run does: pictures are digested, decoded and hashed in guarded processes while others
are embedded, in the precision that a run would choose. Then the parts are measured as in
`tests.bench.first_run`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipelines.vision.models import parse_model
from pipelines.vision.precision import choose_precision
from tests.bench.first_run import bench_parts
from tests.bench.first_run_sides import BATCH, Vectors
from tests.bench.img2dataset_sides import ROOT, PackingTime, run_command
from tests.bench.photographs import make_photographs
from tests.bench.rounds import median_speedup
from tests.bench.weights import ARCHITECTURE, make_weights

_PEER = ROOT / ".venv-clip-retrieval" / "bin" / "python"
_PEER_SCRIPT = ROOT / "tests" / "bench" / "peer" / "clip_retrieval_peer.py"


@dataclass
class _Side:
    """One side of the comparison, and its timings round after round."""

    name: str
    run: Callable[[], PackingTime]
    times: list[PackingTime] = field(default_factory=list)

    def clock(self) -> list[float]:
        return [one.clock_s for one in self.times]

    def processor(self) -> list[float]:
        return [one.processor_s for one in self.times]


@dataclass(frozen=True)
class _Files:
    """Where the pictures and weights are, and where the sides write."""

    pictures: Path
    weights: Path
    out: Path

    def vectors(self, side: str) -> Vectors:
        """Returns what a side wrote, in the order of the pictures' names."""
        read: Vectors = np.load(self.out / f"{side}.npy")
        return read


def bench_embedding(files: _Files, count: int, rounds: int, workers: int) -> None:
    """Prints each side's rate and how it compares with the plain loop and with ours."""
    precision = choose_precision(parse_model(f"{ARCHITECTURE}:{files.weights}")).precision
    sides = [
        _Side("open_clip's plain loop", lambda: _ours(files, "plain", "fp32", workers)),
        _Side(f"ours, {precision}", lambda: _ours(files, "ours", precision, workers)),
    ]
    if _PEER.exists():
        tried = [_Side(str(n), _peer_with(files, n)) for n in (1, workers)]
        best = min(tried, key=lambda side: side.run().clock_s)
        sides.append(_Side(f"clip-retrieval, {best.name} decoding", best.run))
    else:
        print("clip-retrieval: skipped, since its environment does not exist: make bench-peers")
    for _ in range(rounds):
        for side in sides:
            side.times.append(side.run())
    print(
        f"{count:,} pictures of 1 to 12 megapixels, {workers} processes, {rounds} rounds, medians"
    )
    ours = sides[1]
    for side in sides:
        clock, processor = statistics.median(side.clock()), statistics.median(side.processor())
        print(
            f"  {side.name:<30} {count / clock:6.1f} pictures/s, {1e3 * processor / count:6.1f} ms "
            f"of processor time each; ours is {median_speedup(side.clock(), ours.clock()):.2f} "
            f"times as fast, {median_speedup(side.processor(), ours.processor()):.2f} by "
            "processor time"
        )
    cosines = (files.vectors("ours") * files.vectors("plain")).sum(axis=1)
    print(f"  cosine of ours with the plain loop's: at least {cosines.min():.5f}")


def _ours(files: _Files, side: str, precision: str, workers: int) -> PackingTime:
    command = [sys.executable, "-m", "tests.bench.first_run_sides", str(files.pictures)]
    command += [str(files.weights), "--workers", str(workers), "--side", side]
    command += ["--precision", precision, "--to", str(files.out / f"{side}.npy")]
    return run_command(command)


def _peer_with(files: _Files, readers: int) -> Callable[[], PackingTime]:
    def run() -> PackingTime:
        target = files.out / "clip-retrieval"
        shutil.rmtree(target, ignore_errors=True)
        command = [str(_PEER), str(_PEER_SCRIPT), str(files.pictures), str(target)]
        command += ["--model", f"{ARCHITECTURE}/{files.weights}", "--batch", str(BATCH)]
        taken = run_command([*command, "--readers", str(readers)])
        if not (target / "img_emb" / "img_emb_0.npy").exists():
            raise RuntimeError("clip-retrieval wrote no vectors")
        return taken

    return run


def main() -> None:
    """Parses the options and runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2_000)
    parser.add_argument("--part-pictures", type=int, default=2_000, help="for the parts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, help="keep pictures and weights here")
    options = parser.parse_args()
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}")
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        count = max(options.pictures, options.part_pictures)
        paths = make_photographs(folder / "photographs", count, options.workers)
        weights = make_weights(folder)
        if options.part_pictures:
            bench_parts(paths[: options.part_pictures], weights, options.rounds)
        if options.pictures:
            files = _Files(folder / "photographs", weights, folder)
            bench_embedding(files, len(paths), options.rounds, options.workers)


if __name__ == "__main__":
    main()
