"""What Beam costs: a pipeline against the same functions in a plain loop.

`python -m tests.bench.overhead` runs each part of a run both ways in turn, in one process:
screening a library's tables, packaging pictures whose features are stored, and computing those
features as well. Both ways run within `package`, from the lease to the manifest; only what Beam
runs is timed. Processor time is that of this process and its decoders. A ratio of 1 means that Beam
costs nothing.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import apache_beam as beam

from pipelines.commands.common import parse_as_of
from pipelines.features.store import FeatureStore, open_feature_store
from pipelines.features.tags import Tagger
from pipelines.features.vision_models import LazyVisionModels
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.run.counts import StepCounts
from pipelines.run.job import Job
from pipelines.run.prepare import prepare_job
from pipelines.run.receipts import ScreenReceipt, UnitReceipt
from pipelines.run.request import JobRequest
from pipelines.steps import graph
from pipelines.steps.catalogue_transforms import (
    CountScreened,
    JudgeCatalogue,
    ReadCatalogue,
    ScreenRights,
)
from pipelines.steps.enrich import enrich_unit
from pipelines.steps.graph import build_graph
from pipelines.steps.package import package
from pipelines.steps.read import checks_of_run, ingest_part, judge_catalogue
from pipelines.steps.runner import run_graph
from pipelines.steps.screen import load_index, screen_stored_batch
from pipelines.steps.second_reading import SecondReader
from pipelines.steps.select import plan_run
from pipelines.steps.units import UnitTables
from pipelines.steps.write import write_shard
from pipelines.storage.open import open_store
from pipelines.storage.recent import RecentFiles
from pipelines.storage.store import Store
from pipelines.storage.tables import RowBlock, json_bytes
from tests.bench.first_run_sides import tree_processor_s
from tests.bench.img2dataset_library import AS_OF, make_library, write_deal
from tests.bench.scale_library import DEAL, make_tables
from tests.bench.suite import Figure, speedups
from tests.bench.weights import ARCHITECTURE, make_weights

Way = Callable[[Job], None]


class _MeasuredError(Exception):
    """Ends a run of which only the beginning is measured."""


def screen_with_beam(job: Job) -> None:
    """Runs the graph up to the screened batches."""

    def build(root: beam.Pipeline, job: Job) -> None:
        parts = job.catalogue.parts("assets")
        create = beam.Create(parts, reshuffle=len(parts) > 1)  # type: ignore[no-untyped-call]
        created = root | "Parts" >> create
        batches = created | "ReadCatalogue" >> ReadCatalogue(job)
        verdict = batches | "JudgeCatalogue" >> JudgeCatalogue(job)
        screened = batches | "ScreenRights" >> ScreenRights(job, verdict)
        screened | "CountScreened" >> CountScreened(job)

    run_graph(job, build)


def package_with_beam(job: Job) -> None:
    """Runs the whole graph."""
    run_graph(job, build_graph)


def screen_in_a_loop(job: Job) -> None:
    """Does what the graph does up to the screened batches."""
    _screen(open_store(job.output_uri), job)


def package_in_a_loop(job: Job) -> None:
    """Does what the whole graph does."""
    store = open_store(job.output_uri)
    blocks = defaultdict(list)
    for receipt in _screen(store, job):
        for unit, block in receipt.blocks:
            blocks[unit].append(block)
    units = list(_enrich(store, job, blocks))
    tables, reader, features = (
        UnitTables(store, job),
        SecondReader(store, job),
        _features(store, job),
    )
    for spec in plan_run(store, job, units):
        write_shard(store, features, tables, reader, job, spec)


def _screen(store: Store, job: Job) -> list[ScreenReceipt]:
    checks = checks_of_run(job)
    batches = [
        receipt
        for part in job.catalogue.parts("assets")
        for receipt in ingest_part(store, job, part, checks)
    ]
    verdict = judge_catalogue(store, job, checks, batches)
    index = load_index(job)
    screened = [screen_stored_batch(store, job, index, one.name, verdict) for one in batches]
    counts = StepCounts()
    for receipt in screened:
        counts.add(receipt.counts)
    units = {unit for receipt in screened for unit, _ in receipt.blocks}
    record = {**counts.to_json(), "units": len(units), "cost": {}}
    store.write_bytes(f"{job.work}/screen.json", json_bytes(record))
    return screened


def _enrich(store: Store, job: Job, blocks: dict[int, list[RowBlock]]) -> Iterator[UnitReceipt]:
    models = job.models
    vision, origin_files = LazyVisionModels(models), OriginFileCache()
    features = _features(store, job, models.vocabulary_id)
    tagger = Tagger(models.vocabulary, features.concepts, vision)
    for unit, locations in blocks.items():
        yield enrich_unit(
            store, features, vision, tagger, origin_files, job, unit, locations, RecentFiles(0)
        )


def _features(store: Store, job: Job, vocabulary_id: str = "") -> FeatureStore:
    models = job.models
    ids = (models.clip_id, models.captioner_id, job.reader_id, job.rendition_id)
    return open_feature_store(store, *ids, vocabulary_id)


@dataclass
class Part:
    """A part of a run, and how long both ways took in each round.

    Attributes:
        name: Its name.
        beam: The way with Beam.
        loop: The way without.
        only: Whether the run ends after it.
        forget: Whether stored features are removed before.
        clock_s: Elapsed seconds by way.
        processor_s: Processor seconds by way.
    """

    name: str
    beam: Way
    loop: Way
    only: bool = False
    forget: bool = False
    clock_s: dict[Way, list[float]] = field(default_factory=lambda: defaultdict(list))
    processor_s: dict[Way, list[float]] = field(default_factory=lambda: defaultdict(list))

    def measure(self, way: Way, request: JobRequest, keep: bool) -> None:
        """Runs it one way."""

        def timed(job: Job, _: object) -> None:
            clock, processor = time.perf_counter(), tree_processor_s()
            way(job)
            if keep:
                self.processor_s[way].append(tree_processor_s() - processor)
                self.clock_s[way].append(time.perf_counter() - clock)
            if self.only:
                raise _MeasuredError

        if self.forget:
            shutil.rmtree(Path(request.output) / "agency" / "features", ignore_errors=True)
        prepared = prepare_job(request)
        with patch.object(graph, "run_graph", timed):
            try:
                package(prepared.job, prepared.log_key)
            except _MeasuredError:
                return

    def figures(self) -> Iterator[Figure]:
        """Yields the ratios."""
        sides = (("clock", self.clock_s), ("processor time", self.processor_s))
        for what, seconds in sides:
            yield speedups(f"{self.name}, {what}", seconds[self.loop], seconds[self.beam])


def overhead_figures(
    folder: Path, assets: int, pictures: int, rounds: int, names: Sequence[str]
) -> Iterator[Figure]:
    """Measures the parts.

    Args:
        folder: For all files.
        assets: Size of the library that is screened.
        pictures: Number of pictures that are packaged, of 2 megapixels.
        rounds: How often each way is run.
        names: Which parts: `screening`, `packaging`, `vision`.
    """
    tables = folder / "tables"
    if "screening" in names:
        (tables / "catalogue").mkdir(parents=True, exist_ok=True)
        make_tables(tables / "catalogue", assets)
    library = make_library(folder, pictures, 1) if {"packaging", "vision"} & {*names} else None
    parts = (
        Part("screening", screen_with_beam, screen_in_a_loop, only=True),
        Part("packaging", package_with_beam, package_in_a_loop),
        Part("vision", package_with_beam, package_in_a_loop, forget=True),
    )
    for part in parts:
        if part.name not in names:
            continue
        for number in range(-1, rounds):  # the first round loads and warms up
            for way in (part.loop, part.beam):
                deal_id = f"{part.name}-{number + 1}-{way.__name__.replace('_', '-')}"
                if library is None or part.only:
                    deal, catalogue = tables / f"{deal_id}.toml", tables / "catalogue"
                    deal.write_text(DEAL.replace('"scale"', f'"{deal_id}"'))
                else:
                    deal, catalogue = write_deal(folder, deal_id), library.catalogue
                    if part.forget:
                        model = f'clip = "{ARCHITECTURE}:{make_weights(folder)}"'
                        deal.write_text(deal.read_text().replace('clip = "demo"', model))
                request = JobRequest(
                    catalogue=str(catalogue),
                    deal=deal,
                    as_of=parse_as_of(AS_OF),
                    output=str(folder / "overhead-out"),
                )
                part.measure(way, request, keep=number >= 0)
        yield from part.figures()


def main() -> None:
    """Parses the options and runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["screening", "packaging", "vision"])
    parser.add_argument("--assets", type=int, default=1_000_000)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep library and weights here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-") as temporary:
        folder = options.folder or Path(temporary)
        sizes = (options.assets, options.pictures, options.rounds)
        for figure in overhead_figures(folder, *sizes, options.names):
            rounds = ", ".join(f"{one:.2f}" for one in figure.rounds)
            print(f"{figure.name}: {figure.median:.2f} of the plain loop's speed ({rounds})")


if __name__ == "__main__":
    main()
