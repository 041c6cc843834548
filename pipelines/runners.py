"""Which engine runs the graph: Beam's FnApiRunner by name, or any other by Beam's own options.

Three findings about Beam 2.77 are built in. The default DirectRunner would fetch and execute a
binary from the network, so the runner is always named. The timed output buffer races its writer
and can lose rows, so it is off. `multi_threading` mode loses rows, so it is never used.
"""

from __future__ import annotations

from collections.abc import Callable

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, worker_handlers
from apache_beam.transforms.environments import Environment, SubprocessSDKEnvironment

from pipelines.config import Job
from pipelines.worker import end_stages_promptly, worker_command
from schemas.errors import InputError

Graph = Callable[[beam.Pipeline, Job], None]

_FETCHING = ("DirectRunner", "PrismRunner", "SwitchingDirectRunner")


def run_graph(job: Job, build: Graph) -> None:
    """Builds the graph and runs it to its end.

    Args:
        job: The run. Where `job.beam_options` names a runner, that one is used; else the embedded
            one, in `job.workers` processes of this machine.
        build: Lays the graph.

    Raises:
        InputError: If the options ask for an engine or a mode that is not to be trusted.
    """
    worker_handlers.DATA_BUFFER_TIME_LIMIT_MS = 0
    end_stages_promptly()
    options = PipelineOptions([*_embedded(job.workers), *job.beam_options])
    asked = options.get_all_options()
    runner = check_engine(asked.get("runner"), asked.get("direct_running_mode"))
    engine = runner or FnApiRunner(default_environment=_environment(job))
    pipeline = beam.Pipeline(runner=engine, options=options)
    build(pipeline, job)
    pipeline.run().wait_until_finish()


def check_engine(runner: str | None, mode: str | None) -> str | None:
    """The runner that was asked for, unless it or its mode must not be used.

    Raises:
        InputError: If so.
    """
    if runner in _FETCHING:
        raise InputError(
            "This runner fetches and executes a binary from the network",
            f"--runner={runner}",
            "Leave the runner out for the embedded one, or name FlinkRunner, PortableRunner or "
            "DataflowRunner.",
        )
    if mode == "multi_threading":
        raise InputError(
            "This mode loses rows in Beam 2.77",
            "--direct_running_mode=multi_threading",
            "Leave it out; --workers says how many processes are used.",
        )
    return runner


def _embedded(workers: int) -> list[str]:
    # What makes it many processes is the environment below; this says only how many.
    return ["--direct_running_mode=in_memory", f"--direct_num_workers={workers}"]


def _environment(job: Job) -> Environment | None:
    """Worker processes of our own starting; with one worker, none: all is done in this process."""
    if job.workers == 1:
        return None
    return SubprocessSDKEnvironment.from_command_string(worker_command(job.debug))
