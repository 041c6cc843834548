"""WriteShards: the fifth step of the walk as a Beam transform."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam

from pipelines.config import Job
from pipelines.delivery.stores import open_store
from pipelines.features.store import FeatureStore, open_features
from pipelines.gathering.transforms import SpreadKeyed
from pipelines.shards.plan import ShardSpec
from pipelines.shards.write import ShardReceipt, write_shard
from pipelines.work import noting_failure


class _Numbered(beam.DoFn):
    def process(self, element: ShardSpec) -> Iterator[tuple[int, ShardSpec]]:
        yield element.index, element


class _WriteShard(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job
        self._features: FeatureStore | None = None

    def process(self, element: ShardSpec) -> Iterator[ShardReceipt]:
        models = self._job.models
        store = open_store(self._job.output_uri)
        # Opened with the first shard, not in setup: the list of features must be of after the
        # units' end. Nor with each, since the list is as long as the library.
        if self._features is None:
            self._features = open_features(
                store, models.clip_id, models.captioner_id, self._job.reader_id
            )
        with noting_failure(store, self._job.work, self._job.progress_path):
            yield write_shard(store, self._features, self._job, element)


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
            | "Numbered" >> beam.ParDo(_Numbered())
            | "SpreadShards" >> SpreadKeyed()
            | "WriteShard" >> beam.ParDo(_WriteShard(self.job))
        )
