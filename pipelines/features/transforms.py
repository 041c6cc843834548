"""EnrichAssets: the third step of the walk as a Beam transform."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam

from pipelines.config import Job
from pipelines.delivery.stores import open_store
from pipelines.features.compute import LazyVision
from pipelines.features.store import open_features
from pipelines.features.unit import UnitReceipt, enrich_unit
from pipelines.rights.store_screened import ScreenReceipt
from pipelines.work import Block, noting_failure


class _SpreadBlocks(beam.DoFn):
    def process(self, element: ScreenReceipt) -> Iterator[tuple[int, tuple[str, int, int]]]:
        for unit, block in element.blocks:
            yield unit, (block.key, block.offset, block.length)


class _EnrichUnit(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        models = self._job.models
        self._store = open_store(self._job.output_uri)
        self._features = open_features(
            self._store, models.clip_id, models.captioner_id, self._job.reader_id
        )
        self._vision = LazyVision(models.clip, models.captioner)

    def process(self, element: tuple[int, Iterable[tuple[str, int, int]]]) -> Iterator[UnitReceipt]:
        unit, places = element
        blocks = [Block(*place) for place in places]
        with noting_failure(self._store, self._job.work, self._job.progress_path):
            yield enrich_unit(self._store, self._features, self._vision, self._job, unit, blocks)


@dataclass
class EnrichAssets(beam.PTransform):
    """Fetches, prepares, embeds and captions the cleared assets, a unit at a time.

    What crosses the shuffle is where a unit's rows lie, never the rows or the media.

    Args:
        job: The run.
    """

    job: Job

    def expand(self, pcoll: beam.PCollection[ScreenReceipt]) -> beam.PCollection[UnitReceipt]:
        """From screened batches to units that were enriched."""
        return (
            pcoll
            | "SpreadBlocks" >> beam.ParDo(_SpreadBlocks())
            | "GroupByUnit" >> beam.GroupByKey()
            | "EnrichUnit" >> beam.ParDo(_EnrichUnit(self.job))
        )
