"""Runs the graph on a Dask cluster, from the connection to the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import apache_beam as beam

from pipelines.run.job import Job
from pipelines.steps.beam_defaults import RunOptions
from pipelines.steps.dask_cluster import check_shared, check_workers, clear_errors, connected
from pipelines.steps.dask_engine import DaskEngine
from pipelines.steps.engine_options import seen_everywhere


def run_on_dask(job: Job, build: Callable[[beam.Pipeline, Job], object], scheduler: str) -> None:
    """Builds the graph and runs it to its end; cancels it on an error or on Ctrl-C.

    Workers share nothing with this machine but the output, the catalogue and the media, so they
    send their progress, which is appended to the job's progress file here.

    Args:
        job: The run.
        build: Builds the graph.
        scheduler: Address of the scheduler.

    Raises:
        InputError: If the cluster cannot make the run's bytes.
        RunError: If a worker does not see the run's files, or the cluster is lost.
    """
    with connected(scheduler, job.debug) as client, clear_errors(client, scheduler):
        check_workers(client, scheduler)
        shared = replace(job, progress_path="", output_uri=seen_everywhere(job.output_uri))
        check_shared(client, shared)
        pipeline = beam.Pipeline(
            runner=DaskEngine(client, scheduler, job.progress_path), options=RunOptions([])
        )
        build(pipeline, shared)
        pipeline.run().wait_until_finish()


def check_cluster(scheduler: str) -> int:
    """Checks that a cluster can make a run's bytes, and returns its number of workers.

    Raises:
        InputError: If no scheduler answers, it has no workers, or one has another program.
    """
    with connected(scheduler) as client, clear_errors(client, scheduler):
        return check_workers(client, scheduler)
