"""Beam transforms of reading and screening, before any fetch: thin wrappers of the functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import apache_beam as beam
from apache_beam.pvalue import AsSingleton

from pipelines.catalogue.read import TablePart
from pipelines.run.costs import total_cost
from pipelines.run.counts import StepCounts
from pipelines.run.job import Job
from pipelines.run.receipts import BatchReceipt, CatalogueVerdict, ScreenReceipt, ScreenSums
from pipelines.steps.at_work import at_work
from pipelines.steps.gathering import GatherAll
from pipelines.steps.read import checks_of_run, ingest_part, judge_catalogue
from pipelines.steps.screen import load_index, screen_stored_batch
from pipelines.storage.open import open_store
from pipelines.storage.tables import json_bytes


class _IngestPart(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        self._store = open_store(self._job.output_uri)
        self._checks = checks_of_run(self._job)

    def process(self, element: TablePart) -> Iterator[BatchReceipt]:
        job = self._job
        with at_work(self._store, job, "read") as piece:
            for receipt in ingest_part(self._store, job, element, self._checks):
                replace(piece, name=receipt.name).done(receipt.counts, receipt.cost)
                yield receipt


@dataclass
class ReadCatalogue(beam.PTransform):
    """Reads parts of the catalogue into checked batches in the work area.

    Args:
        job: The run.
    """

    job: Job

    def expand(self, pcoll: beam.PCollection[TablePart]) -> beam.PCollection[BatchReceipt]:
        """Turns catalogue parts into receipts of batches."""
        return pcoll | "IngestPart" >> beam.ParDo(_IngestPart(self.job))


class _Judge(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def process(self, element: list[BatchReceipt]) -> Iterator[CatalogueVerdict]:
        store = open_store(self._job.output_uri)
        with at_work(store, self._job, "read"):
            yield judge_catalogue(store, self._job, checks_of_run(self._job), element)


@dataclass
class JudgeCatalogue(beam.PTransform):
    """Combines the receipts of all batches into one verdict: continue, or stop before any fetch.

    Args:
        job: The run.
    """

    job: Job

    def expand(self, pcoll: beam.PCollection[BatchReceipt]) -> beam.PCollection[CatalogueVerdict]:
        """Turns batch receipts into a single verdict."""
        return pcoll | "GatherReceipts" >> GatherAll() | "Judge" >> beam.ParDo(_Judge(self.job))


class _ScreenBatch(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def setup(self) -> None:
        self._store = open_store(self._job.output_uri)
        self._index = load_index(self._job)

    def process(self, element: BatchReceipt, verdict: CatalogueVerdict) -> Iterator[ScreenReceipt]:
        if not verdict.stopped:
            job = self._job
            with at_work(self._store, job, "screen", element.name) as piece:
                name = element.name
                receipt = screen_stored_batch(self._store, job, self._index, name, verdict)
                piece.done(receipt.counts, receipt.cost)
                yield receipt


@dataclass
class ScreenRights(beam.PTransform):
    """Decides on every asset of every batch, from the catalogue alone.

    Args:
        job: The run.
        verdict: The verdict of the catalogue checks, a collection of one.
    """

    job: Job
    verdict: beam.PCollection[CatalogueVerdict]

    def expand(self, pcoll: beam.PCollection[BatchReceipt]) -> beam.PCollection[ScreenReceipt]:
        """Turns receipts of read batches into receipts of screened batches."""
        return pcoll | "ScreenBatch" >> beam.ParDo(
            _ScreenBatch(self.job), AsSingleton(self.verdict)
        )


class _CountsOfBatch(beam.DoFn):
    def process(self, element: ScreenReceipt) -> Iterator[ScreenSums]:
        units = sum(1 << unit for unit in {unit for unit, _ in element.blocks})
        yield ScreenSums(element.counts, units, element.cost)


class _CountScreened(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self._job = job

    def process(self, element: list[ScreenSums]) -> Iterator[StepCounts]:
        counts = StepCounts()
        units = 0
        for batch in element:
            counts.add(batch.counts)
            units |= batch.units
        job = self._job
        cost = total_cost(batch.cost for batch in element)
        more = {"units": units.bit_count(), "cost": cost.to_json()}
        store = open_store(job.output_uri)
        with at_work(store, job, "screen"):
            store.write_bytes(f"{job.work}/screen.json", json_bytes({**counts.to_json(), **more}))
        yield counts


@dataclass
class CountScreened(beam.PTransform):
    """Writes the sum of all batches' counts to the work area, for reconciliation.

    Args:
        job: The run.
    """

    job: Job

    def expand(self, pcoll: beam.PCollection[ScreenReceipt]) -> beam.PCollection[StepCounts]:
        """Turns receipts of screened batches into their summed counts."""
        return (
            pcoll
            # Without the blocks, of which a large library has many times as many as batches.
            | "CountsOfBatch" >> beam.ParDo(_CountsOfBatch())
            | "GatherScreened" >> GatherAll()
            | "CountScreened" >> beam.ParDo(_CountScreened(self.job))
        )
