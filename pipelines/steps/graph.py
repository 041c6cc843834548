"""The whole pipeline on one page: the Beam graph of every step that handles rows or media.

Ledger and manifest are made from the receipts that it leaves (`pipelines.steps.package`).
"""

from __future__ import annotations

from dataclasses import replace

import apache_beam as beam

from pipelines.run.failures import recorded_failure
from pipelines.run.job import Job
from pipelines.run.receipts import ShardSpec
from pipelines.steps.catalogue_transforms import (
    CountScreened,
    JudgeCatalogue,
    ReadCatalogue,
    ScreenRights,
)
from pipelines.steps.doubts import has_doubts, start_over
from pipelines.steps.media_transforms import EnrichAssets, SelectSamples, WriteShards
from pipelines.steps.runner import Graph, run_graph
from pipelines.storage.store import Store


def build_graph(root: beam.Pipeline, job: Job) -> None:
    """Builds the Beam graph of every step that handles rows or media."""
    select_graph(root, job) | "WriteShards" >> WriteShards(job)


def select_graph(root: beam.Pipeline, job: Job) -> beam.PCollection[ShardSpec]:
    """Builds the same graph up to the plan of the shards, which are then not written."""
    asset_parts = job.catalogue.parts("assets")
    parts = root | "Parts" >> beam.Create(asset_parts, reshuffle=len(asset_parts) > 1)
    batches = parts | "ReadCatalogue" >> ReadCatalogue(job)
    verdict = batches | "JudgeCatalogue" >> JudgeCatalogue(job)
    screened = batches | "ScreenRights" >> ScreenRights(job, verdict)
    screened | "CountScreened" >> CountScreened(job)
    return screened | "EnrichAssets" >> EnrichAssets(job) | "SelectSamples" >> SelectSamples(job)


def run_until_settled(store: Store, job: Job) -> dict[str, int] | None:
    """Runs the graph, and again while servers change media that it has read.

    Each round fails an asset or adds a statement about it, and an origin has few rounds.

    Returns:
        Beam's counters of the last round; None on engines without metrics.
    """
    start_over(store, job)  # an interrupted run may have left notes
    job = replace(job, doubted=has_doubts(store, job.work))
    counters = run_pipeline(store, job)
    while start_over(store, job):
        job = replace(job, doubted=True, round=job.round + 1)
        counters = run_pipeline(store, job)
    return counters


def run_pipeline(store: Store, job: Job, build: Graph = build_graph) -> dict[str, int] | None:
    """Runs the graph to its end, and returns Beam's counters; None on engines without metrics.

    Raises:
        FairshardError: The error that a worker recorded, with its parts.
    """
    try:
        return run_graph(job, build)
    except Exception as error:
        failure = recorded_failure(store, job.work, job.progress_path)
        if failure is None:
            raise
        raise failure from error
