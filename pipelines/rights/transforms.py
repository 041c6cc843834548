"""ScreenRights: the second step of the walk as a Beam transform, and the count of what it did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import AsSingleton

from pipelines.catalogue.batches import BatchReceipt, Verdict
from pipelines.config import Job
from pipelines.decisions import Counts
from pipelines.delivery.stores import open_store
from pipelines.gathering.transforms import GatherAll
from pipelines.rights.store_screened import ScreenReceipt, load_index, screen_stored_batch
from pipelines.work import json_bytes, noting_failure


class _ScreenBatch(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        self._store = open_store(self._job.output_uri)
        self._index = load_index(self._job)

    def process(self, element: BatchReceipt, verdict: Verdict) -> Iterator[ScreenReceipt]:
        if not verdict.stopped:
            job = self._job
            with noting_failure(self._store, job.work, job.progress_path):
                yield screen_stored_batch(self._store, job, self._index, element.name, verdict)


@dataclass
class ScreenRights(beam.PTransform):
    """Decides on every asset of every batch, from the catalogue alone.

    Args:
        job: The run.
        verdict: The gate's verdict, a collection of one.
    """

    job: Job
    verdict: beam.PCollection[Verdict]

    def expand(self, pcoll: beam.PCollection[BatchReceipt]) -> beam.PCollection[ScreenReceipt]:
        """From batches that were read to batches that were screened."""
        return pcoll | "ScreenBatch" >> beam.ParDo(
            _ScreenBatch(self.job), AsSingleton(self.verdict)
        )


class _CountScreened(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def process(self, element: list[ScreenReceipt]) -> Iterator[Counts]:
        counts = Counts()
        for receipt in element:
            counts.add(receipt.counts)
        job = self._job
        store = open_store(job.output_uri)
        with noting_failure(store, job.work, job.progress_path):
            store.write_bytes(f"{job.work}/screen.json", json_bytes(counts.to_json()))
        yield counts


@dataclass
class CountScreened(beam.PTransform):
    """Leaves the sum of all batches' counts in the work area, to be reconciled.

    Args:
        job: The run.
    """

    job: Job

    def expand(self, pcoll: beam.PCollection[ScreenReceipt]) -> beam.PCollection[Counts]:
        """From screened batches to their counts in sum."""
        return (
            pcoll
            | "GatherScreened" >> GatherAll()
            | "CountScreened" >> beam.ParDo(_CountScreened(self.job))
        )
