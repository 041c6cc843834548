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


class _PlanRun(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def process(self, element: list[UnitReceipt]) -> Iterator[ShardSpec]:
        # The stopped verdict leaves no receipts and nothing to select from.
        store = open_store(self._job.output_uri)
        yield from plan_run(store, self._job, element).shards


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
