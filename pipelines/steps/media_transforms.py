"""Beam transforms of the steps from enrich to write: thin wrappers of the functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam

from pipelines.features.store import FeatureStore, open_feature_store
from pipelines.features.tags import Tagger
from pipelines.features.vision_models import LazyVisionModels
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.run.costs import Cost
from pipelines.run.counts import StepCounts
from pipelines.run.job import Job
from pipelines.run.receipts import ScreenReceipt, ShardReceipt, ShardSpec, UnitReceipt
from pipelines.steps.at_work import at_work
from pipelines.steps.enrich import enrich_unit
from pipelines.steps.gathering import GatherAll, SpreadByKey
from pipelines.steps.second_reading import SecondReader
from pipelines.steps.select import plan_run
from pipelines.steps.units import UnitTables
from pipelines.steps.write import write_shard
from pipelines.storage.open import open_store
from pipelines.storage.recent import RecentFiles
from pipelines.storage.tables import RowBlock, read_json
from schemas.layout import unit_name

_KEPT_BYTES = 32 << 20  # of files with the rows of many units, in each process


class _SpreadBlocks(beam.DoFn):
    def process(self, element: ScreenReceipt) -> Iterator[tuple[int, tuple[str, int, int, int]]]:
        for unit, block in element.blocks:
            yield unit, (block.key, block.offset, block.length, block.file_bytes)


class _EnrichUnit(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        models = self._job.models
        self._store = open_store(self._job.output_uri)
        self._features = open_feature_store(
            self._store,
            models.clip_id,
            models.captioner_id,
            self._job.reader_id,
            self._job.rendition_id,
            models.vocabulary_id,
        )
        self._vision = LazyVisionModels(models)
        self._tagger = Tagger(models.vocabulary, self._features.concepts, self._vision)
        self._origin_files = OriginFileCache()
        self._recent = RecentFiles(_KEPT_BYTES)

    def process(
        self, element: tuple[int, Iterable[tuple[str, int, int, int]]]
    ) -> Iterator[UnitReceipt]:
        unit, locations = element
        blocks = [RowBlock(*location) for location in locations]
        with at_work(self._store, self._job, "enrich", unit_name(unit)) as piece:
            receipt = enrich_unit(
                self._store,
                self._features,
                self._vision,
                self._tagger,
                self._origin_files,
                self._job,
                unit,
                blocks,
                self._recent,
            )
            piece.done(receipt.counts, receipt.cost)
            yield receipt


@dataclass
class EnrichAssets(beam.PTransform):
    """Fetches, prepares, embeds and captions the cleared assets, a unit at a time.

    Only the locations of a unit's rows cross the shuffle, never the rows or the media.

    Args:
        job: The run.
    """

    job: Job

    def expand(self, pcoll: beam.PCollection[ScreenReceipt]) -> beam.PCollection[UnitReceipt]:
        """Turns receipts of screened batches into receipts of enriched units."""
        return (
            pcoll
            | "SpreadBlocks" >> beam.ParDo(_SpreadBlocks())
            | "GroupByUnit" >> beam.GroupByKey()
            | "EnrichUnit" >> beam.ParDo(_EnrichUnit(self.job))
        )


class _PlanRun(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def process(self, element: list[UnitReceipt]) -> Iterator[ShardSpec]:
        # If the verdict stopped the run, there are no receipts and nothing to select from.
        job = self._job
        store = open_store(job.output_uri)
        with at_work(store, job, "select") as piece:
            shards = plan_run(store, job, element)
            plan = read_json(store, f"{job.work}/plan.json")
            if not plan["stopped"]:
                cost = Cost.from_json(plan["costs"]["select"])
                piece.done(StepCounts.from_json(plan["select"]), cost)
            yield from shards


@dataclass
class SelectSamples(beam.PTransform):
    """Chooses among the enriched assets and plans the shards.

    Args:
        job: The run.
    """

    job: Job

    def expand(self, pcoll: beam.PCollection[UnitReceipt]) -> beam.PCollection[ShardSpec]:
        """Turns receipts of enriched units into the shards to write."""
        return pcoll | "GatherUnits" >> GatherAll() | "PlanRun" >> beam.ParDo(_PlanRun(self.job))


class _Numbered(beam.DoFn):
    def process(self, element: ShardSpec) -> Iterator[tuple[int, ShardSpec]]:
        yield element.index, element


class _WriteShard(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job
        self._features: FeatureStore | None = None

    def setup(self) -> None:
        self._store = open_store(self._job.output_uri)
        self._units = UnitTables(self._store, self._job)
        self._reader = SecondReader(self._store, self._job)

    def process(self, element: ShardSpec) -> Iterator[ShardReceipt]:
        models, store = self._job.models, self._store
        # Opened with the first shard rather than in setup, since features must be listed after all
        # units have ended, and only once, since the list grows with the library.
        if self._features is None:
            self._features = open_feature_store(
                store,
                models.clip_id,
                models.captioner_id,
                self._job.reader_id,
                self._job.rendition_id,
            )
        with at_work(store, self._job, "write", element.name) as piece:
            receipt = write_shard(
                store, self._features, self._units, self._reader, self._job, element
            )
            if receipt is not None:
                samples = receipt.shard.samples
                piece.done(StepCounts(samples, samples), receipt.cost)
                yield receipt


@dataclass
class WriteShards(beam.PTransform):
    """Writes each planned shard: one element, one tar.

    Args:
        job: The run.
    """

    job: Job

    def expand(self, pcoll: beam.PCollection[ShardSpec]) -> beam.PCollection[ShardReceipt]:
        """Turns the shards to write into receipts of written shards."""
        return (
            pcoll
            | "Numbered" >> beam.ParDo(_Numbered())
            | "SpreadShards" >> SpreadByKey()
            | "WriteShard" >> beam.ParDo(_WriteShard(self.job))
        )
