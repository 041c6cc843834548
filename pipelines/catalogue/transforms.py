"""ReadCatalogue and JudgeCatalogue: the first step of the walk as Beam transforms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam

from pipelines.catalogue.batches import BatchReceipt, Verdict
from pipelines.catalogue.ingest import ingest_part, judge
from pipelines.catalogue.read import Part
from pipelines.catalogue.suite import check_divert, load_suite
from pipelines.config import Job
from pipelines.delivery.stores import open_store
from pipelines.gathering.transforms import GatherAll
from pipelines.work import noting_failure


class _IngestPart(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        self._store = open_store(self._job.output_uri)
        self._suite = load_suite("assets")
        self._divert = check_divert(self._suite, self._job.deal.gate.divert)

    def process(self, element: Part) -> Iterator[BatchReceipt]:
        with noting_failure(self._store, self._job.work, self._job.progress_path):
            yield from ingest_part(self._store, self._job, element, self._suite, self._divert)


@dataclass
class ReadCatalogue(beam.PTransform):
    """Reads parts of the catalogue into gated batches in the work area.

    Args:
        job: The run.
    """

    job: Job

    def expand(self, pcoll: beam.PCollection[Part]) -> beam.PCollection[BatchReceipt]:
        """From parts to receipts of batches."""
        return pcoll | "IngestPart" >> beam.ParDo(_IngestPart(self.job))


class _Judge(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def process(self, element: list[BatchReceipt]) -> Iterator[Verdict]:
        store = open_store(self._job.output_uri)
        with noting_failure(store, self._job.work, self._job.progress_path):
            yield judge(store, self._job, load_suite("assets"), element)


@dataclass
class JudgeCatalogue(beam.PTransform):
    """Makes one verdict of the receipts of all batches: go on, or stop before any fetch.

    Args:
        job: The run.
    """

    job: Job

    def expand(self, pcoll: beam.PCollection[BatchReceipt]) -> beam.PCollection[Verdict]:
        """From receipts to the one verdict."""
        return pcoll | "GatherReceipts" >> GatherAll() | "Judge" >> beam.ParDo(_Judge(self.job))
