"""SelectSamples: the fourth step of the walk as a Beam transform."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam

from pipelines.config import Job
from pipelines.delivery.stores import open_store
from pipelines.features.unit import UnitReceipt
from pipelines.gathering.transforms import GatherAll
from pipelines.selection.plan_run import plan_run
from pipelines.shards.plan import ShardSpec
from pipelines.work import noting_failure


class _PlanRun(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def process(self, element: list[UnitReceipt]) -> Iterator[ShardSpec]:
        # The stopped verdict leaves no receipts and nothing to select from.
        job = self._job
        store = open_store(job.output_uri)
        with noting_failure(store, job.work, job.progress_path):
            yield from plan_run(store, job, element).shards


@dataclass
class SelectSamples(beam.PTransform):
    """Chooses among the enriched assets and plans the shards.

    Args:
        job: The run.
    """

    job: Job

    def expand(self, pcoll: beam.PCollection[UnitReceipt]) -> beam.PCollection[ShardSpec]:
        """From enriched units to shards to be written."""
        return pcoll | "GatherUnits" >> GatherAll() | "PlanRun" >> beam.ParDo(_PlanRun(self.job))
