"""Which engine runs the graph: Beam's FnApiRunner by name, or any other by Beam's own options.

Three findings about Beam 2.77 are built in. The default DirectRunner would fetch and execute a
binary from the network, so the runner is always named. The timed output buffer races its writer
and can lose rows, so it is off. `multi_threading` mode loses rows, so it is never used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, worker_handlers
from apache_beam.transforms.environments import Environment, SubprocessSDKEnvironment

from pipelines.config import Job
from pipelines.worker import worker_command
from schemas.errors import InputError

Graph = Callable[[beam.Pipeline, Job], None]


def run_graph(job: Job, build: Graph, beam_options: Sequence[str] = ()) -> None:
    """Builds the graph and runs it to its end.

    Args:
        job: The run; `job.workers` processes of this machine are used.
        build: Lays the graph.
        beam_options: Options of Beam, such as `--runner=FlinkRunner`; with none of them the
            embedded runner is used.

    Raises:
        InputError: If the options ask for a mode that loses rows.
    """
    worker_handlers.DATA_BUFFER_TIME_LIMIT_MS = 0
    options = PipelineOptions(list(beam_options) or _embedded(job.workers))
    if options.get_all_options().get("direct_running_mode") == "multi_threading":
        raise InputError(
            "This mode loses rows in Beam 2.77",
            "--direct_running_mode=multi_threading",
            "Use in_memory or multi_processing.",
        )
    runner = None if beam_options else FnApiRunner(default_environment=_environment(job))
    pipeline = beam.Pipeline(runner=runner, options=options)
    build(pipeline, job)
    pipeline.run().wait_until_finish()


def _embedded(workers: int) -> list[str]:
    # What makes it many processes is the environment below; this says only how many.
    return ["--direct_running_mode=in_memory", f"--direct_num_workers={workers}"]


def _environment(job: Job) -> Environment | None:
    """Worker processes of our own starting; with one worker, none: all is done in this process."""
    if job.workers == 1:
        return None
    return SubprocessSDKEnvironment.from_command_string(worker_command(job.debug))
