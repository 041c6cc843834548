"""WriteShards: the fifth step of the walk as a Beam transform."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam

from pipelines.config import Job
from pipelines.delivery.stores import open_store
from pipelines.features.store import open_features
from pipelines.shards.plan import ShardSpec
from pipelines.shards.write import ShardReceipt, write_shard
from pipelines.work import noting_failure


class _WriteShard(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def process(self, element: ShardSpec) -> Iterator[ShardReceipt]:
        # Opened here, not in setup: the store's list of features must be of now.
        models = self._job.models
        store = open_store(self._job.output_uri)
        features = open_features(store, models.clip_id, models.captioner_id, self._job.reader_id)
        with noting_failure(store, self._job.work, self._job.progress_path):
            yield write_shard(store, features, self._job, element)


@dataclass
class WriteShards(beam.PTransform):
    """Writes each planned shard: one element, one tar.

    Args:
        job: The run.
    """

    job: Job

    def expand(self, pcoll: beam.PCollection[ShardSpec]) -> beam.PCollection[ShardReceipt]:
        """From shards to be written to receipts of shards that were."""
        return (
            pcoll
            | "SpreadShards" >> beam.Reshuffle()
            | "WriteShard" >> beam.ParDo(_WriteShard(self.job))
        )
