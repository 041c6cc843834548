"""What a second worker gives: `python -m tests.bench.workers [packaging] [vision]`.

Packages the same pictures with one worker and with several, in turn; all must give the same bytes.
`packaging` finds the features of the pictures in the store, `vision` computes them with ViT-B-32
each time. The process that workers are forked from runs before, as a command has it imported while
it prepares the run. It has the models in memory and the vectors of the vocabulary's prompts, and so
has the process that is the only worker; of other texts, none is remembered from an earlier round.

The ratio by the clock means something only while nothing else runs. That of processor time shows on
a busy machine, too, what is lost: work that several workers do and one does not.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.commands.common import parse_as_of
from pipelines.features.remembered_checks import recall_checks
from pipelines.features.vision_models import LazyVisionModels
from pipelines.run.job import Models
from pipelines.run.prepare import prepare_job
from pipelines.run.request import JobRequest
from pipelines.run.signing_key import demonstration_key, save_key
from pipelines.steps.package import package
from pipelines.steps.worker_models import choose_by, load_if_new
from pipelines.steps.worker_origin import kept_origin, workers_to_come
from pipelines.vision.remembered_texts import remembered_texts
from schemas.run_record import RunRecord
from tests.bench.img2dataset_library import AS_OF, BenchLibrary, make_library, write_deal
from tests.bench.scale_watch import process_tree, processor_s
from tests.bench.suite import Figure, speedups
from tests.bench.weights import ARCHITECTURE, make_weights

NAMES = ("packaging", "vision")
_SHARDS = 4  # of equal size, so that two workers write as many
_MEMBERS_PERCENT = 105  # a shard's size, of its media's: a tar has headers, texts and padding too


@dataclass
class Measured:
    """What packaging with a number of workers took in each round.

    Attributes:
        clock_s: Elapsed seconds.
        processor_s: Seconds of processor time of all processes.
        steps_s: Elapsed seconds of each step, from its first piece to its last, and the rest.
    """

    clock_s: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)
    steps_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, clock_s: float, processor_s: float, record: RunRecord) -> None:
        """Adds a round."""
        self.clock_s.append(clock_s)
        self.processor_s.append(processor_s)
        attempt = record.attempt
        for name, step in attempt.steps.items():
            self.steps_s[name].append(step.elapsed_s)
        self.steps_s["other"].append(attempt.other_s)

    def line(self, workers: int) -> str:
        """Returns the medians as a line of text."""
        steps = ", ".join(
            f"{name} {statistics.median(seconds):.2f}" for name, seconds in self.steps_s.items()
        )
        clock_s, processor_s = map(statistics.median, (self.clock_s, self.processor_s))
        return f"  {workers} workers: {clock_s:.2f} s, {processor_s:.2f} s of CPU ({steps})"


def workers_figures(
    folder: Path, name: str, pictures: int, workers: int, rounds: int
) -> Iterator[Figure]:
    """Measures one part with one worker and with several, prints both, and yields the ratios.

    Args:
        folder: For all files.
        name: `packaging` or `vision`.
        pictures: Number of pictures, of 2 megapixels, unless the folder has a library.
        workers: Number of workers on the other side.
        rounds: How often each side is run.

    Raises:
        RuntimeError: If the sides do not give the same bytes.
    """
    library = make_library(folder, pictures, 1)
    shard_mib = library.media_bytes * _MEMBERS_PERCENT // (100 * _SHARDS * 2**20) + 1
    deal = write_deal(folder, f"workers-{name}")
    text = deal.read_text().replace('"512MiB"', f'"{shard_mib}MiB"')
    if name == "vision":
        text = text.replace('clip = "demo"', f'clip = "{ARCHITECTURE}:{make_weights(folder)}"')
    deal.write_text(text)
    sides = {count: Measured() for count in (1, workers)}
    digests = set()
    models: Models | None = None
    base = folder / "workers-base"  # its features are stored
    with workers_to_come(workers):
        if name == "packaging" and not base.exists():
            _package(library, deal, base, 1)
        for number in range(-1, rounds):  # the first round warms up
            for count, measured in sides.items():
                output = folder / "workers-out"
                if name == "packaging":
                    stored = "agency/features"
                    shutil.copytree(base / stored, output / stored, copy_function=os.link)
                if name == "vision" and models is not None:
                    _forget_texts(models)
                clock_s, spent_s, record, models = _package(library, deal, output, count)
                digests.add(_digest(output / deal.stem))
                shutil.rmtree(output)
                if number >= 0:
                    measured.add(clock_s, spent_s, record)
    if len(digests) != 1:
        raise RuntimeError(f"1 and {workers} workers made other bytes")
    print(f"{name}, {library.pictures:,} pictures:")
    for count, measured in sides.items():
        print(measured.line(count))
    one, several = sides.values()
    yield speedups(f"{name}, clock", one.clock_s, several.clock_s)
    yield speedups(f"{name}, processor time", one.processor_s, several.processor_s)


def _package(
    library: BenchLibrary, deal: Path, output: Path, workers: int
) -> tuple[float, float, RunRecord, Models]:
    """Packages; returns elapsed seconds, those of processor time, the run's record and models."""
    key = output.with_suffix(".key")
    save_key(key, demonstration_key(1))
    clock, processor = time.perf_counter(), _processor_s()
    origin = kept_origin() if workers > 1 else None
    request = JobRequest(
        catalogue=str(library.catalogue),
        deal=deal,
        as_of=parse_as_of(AS_OF),
        output=str(output),
        key=str(key),
        workers=workers,
        choose=choose_by(origin),
        recall=recall_checks,
    )
    prepared = prepare_job(request)
    load_if_new(prepared, origin)
    packaged = package(prepared.job, prepared.log_key)
    taken = time.perf_counter() - clock, _processor_s() - processor
    if packaged.run is None:
        raise RuntimeError("the run has no record")
    for path in key.parent.glob(f"{key.name}*"):
        path.unlink()
    return *taken, packaged.run, prepared.job.models


def _forget_texts(models: Models) -> None:
    """Makes this process forget the texts of earlier rounds, which new workers do not know."""
    remembered_texts.cache_clear()
    LazyVisionModels(models).load()


def _processor_s() -> float:
    """Returns the processor time of this process and its descendants, ended ones included."""
    return sum(map(processor_s, process_tree(os.getpid())))


def _digest(version: Path) -> str:
    """Returns a digest of a delivery's files."""
    total = hashlib.sha256()
    for path in sorted((version / "delivery").rglob("*")):
        if path.is_file():
            data = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.relative_to(version)} {data}\n".encode())
    return total.hexdigest()


def main() -> None:
    """Parses the options and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, help=f"of {', '.join(NAMES)}")
    parser.add_argument("--pictures", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep library, features and weights here")
    options = parser.parse_args()
    if unknown := {*options.names} - {*NAMES}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    logging.disable(logging.CRITICAL)
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}")
    shared_memory = Path("/dev/shm")  # in memory, so that the disk's speed is not measured
    base = shared_memory if shared_memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-", dir=base) as temporary:
        folder = options.folder or Path(temporary)
        for name in options.names:
            sizes = (options.pictures, options.workers, options.rounds)
            for figure in workers_figures(folder, name, *sizes):
                rounds = ", ".join(f"{one:.2f}" for one in figure.rounds)
                print(f"  {figure.name}: {figure.median:.2f} times as fast ({rounds})")


if __name__ == "__main__":
    main()
