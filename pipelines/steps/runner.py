"""Runs the graph on an engine: Beam's FnApiRunner, Dask, or one named by Beam's own options.

Three problems of Beam 2.77 are worked around. The default DirectRunner would fetch and execute a
binary from the network, so the runner is always named. The timed output buffer races its writer
and can lose rows, so it is off. `multi_threading` mode loses rows, so it is never used.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import cast

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines.run.job import Job
from pipelines.steps.beam_defaults import (
    RunOptions,
    disable_timed_output,
    end_stages_promptly,
    look_for_state_once,
    silence_loopback_workers,
    silence_lost_connections,
)
from pipelines.steps.beam_metrics import beam_counters
from pipelines.steps.beam_options import check_read_here, read_beam_options
from pipelines.steps.engine_options import EMBEDDED_RUNNER, dask_scheduler
from pipelines.steps.named_engine import check_named_engine, start_fault
from pipelines.steps.portable import PORTABLE_OPTIONS, PoolsRunner, finish, nothing_left_at_work
from pipelines.steps.worker_processes import WorkerProcesses
from schemas.errors import InputError, RunError

Graph = Callable[[beam.Pipeline, Job], object]

_PORTABLE = "PortableRunner"
_FETCHING = ("DirectRunner", "PrismRunner", "SwitchingDirectRunner", "TestDirectRunner")
_ANSWER_S = 10.0


def run_graph(job: Job, build: Graph) -> dict[str, int] | None:
    """Builds the graph and runs it to its end.

    Args:
        job: The run. If `job.beam_options` names a runner, that one is used; otherwise the embedded
            one, with `job.workers` processes on this machine.
        build: Builds the graph.

    Returns:
        Beam's counters of the graph, by name; None on engines without metrics.

    Raises:
        InputError: If the options name an engine or a mode that must not be used.
        RunError: If a worker process dies, the engine does not start, or the connection to it is
            lost.
    """
    disable_timed_output()
    end_stages_promptly()
    look_for_state_once()
    if scheduler := dask_scheduler(job.beam_options):
        from pipelines.steps.dask_run import run_on_dask  # Dask is an extra

        run_on_dask(job, build, scheduler)
        return None
    more = PORTABLE_OPTIONS if job.beam_options else ()
    options = RunOptions([*_embedded(job.workers), *more, *job.beam_options])
    # A single worker needs no other process: everything runs in this one.
    workers = WorkerProcesses(job.debug, job.progress_path) if job.workers > 1 else None
    engine = check_engine(job.beam_options) or FnApiRunner(
        default_environment=workers.environment() if workers else None
    )
    pipeline = beam.Pipeline(
        runner=PoolsRunner() if engine == _PORTABLE else engine, options=options
    )
    try:
        build(pipeline, job)
        if not isinstance(engine, str):
            result = pipeline.run()
            result.wait_until_finish()
            return beam_counters(result)
        if not job.debug:
            silence_lost_connections()
            silence_loopback_workers()
        with nothing_left_at_work():
            result = pipeline.run()
            finish(result)
        return beam_counters(result)
    except Exception as error:
        if workers is not None and (died := workers.error()) is not None:
            raise died from error
        if (fault := start_fault(error, job.beam_options)) is not None:
            raise fault from error
        if not isinstance(error, grpc.RpcError):
            raise
        raise RunError(
            "The connection to the engine was lost",
            " ".join(job.beam_options),
            "Check that the engine is running, then run the same command again: it continues.",
        ) from error
    finally:
        if workers is not None:
            workers.close()


def engine_name(beam_options: Sequence[str]) -> str:
    """Returns the name of the runner that Beam's options ask for."""
    asked = cast("str | None", read_beam_options(beam_options)["runner"])
    return _full_name(asked).rpartition(".")[2] or EMBEDDED_RUNNER


def check_engine(beam_options: Sequence[str]) -> str | None:
    """Returns the runner that Beam's options name; None for the embedded one.

    Raises:
        InputError: If there is no such runner or option, the runner or mode must not be used, or
            the service that it needs does not answer.
    """
    asked = read_beam_options(beam_options)
    runner = _full_name(cast("str | None", asked["runner"]))
    name = runner.rpartition(".")[2]
    if name in _FETCHING:
        raise InputError(
            "This runner fetches and executes a binary from the network",
            f"--runner={asked['runner']}",
            "Leave the runner out for the embedded one, or name FlinkRunner, PortableRunner or "
            "DataflowRunner.",
        )
    if name == "DaskRunner":
        raise InputError(
            "Beam's own Dask runner silently skips parts of the graph",
            f"--runner={asked['runner']}",
            "Use --engine dask --scheduler tcp://HOST:PORT.",
        )
    if asked["direct_running_mode"] == "multi_threading":
        raise InputError(
            "This mode loses rows in Beam 2.77",
            "--direct_running_mode=multi_threading",
            "Leave it out; set the number of processes with --workers.",
        )
    if name == _PORTABLE:
        _check_endpoint(cast("str | None", asked["job_endpoint"]))
    if name not in ("", EMBEDDED_RUNNER):
        if not dask_scheduler(beam_options):  # whose runner is ours
            check_named_engine(runner, beam_options, asked)
        return runner
    check_read_here(beam_options)
    return None


def worker_count(beam_options: Sequence[str], processes: int) -> int:
    """Returns how many workers share a run when it begins, as far as its engine says.

    Args:
        beam_options: Beam's options for the engine.
        processes: How many processes of this machine the embedded engine uses.

    Raises:
        InputError: If no Dask scheduler answers, it has no workers, or one has another version of
            the program.
    """
    if scheduler := dask_scheduler(beam_options):
        from pipelines.steps.dask_run import check_cluster  # Dask is an extra

        return check_cluster(scheduler)
    return processes


def knows_workers(beam_options: Sequence[str]) -> bool:
    """Whether the number of workers is known, as it is not of engines behind a job service."""
    return bool(dask_scheduler(beam_options)) or engine_name(beam_options) == EMBEDDED_RUNNER


def _full_name(given: str | None) -> str:
    """Returns a runner's name as Beam spells it, whatever its case or ending; "" for none."""
    if not given or "." in given:
        return given or ""
    names: list[str] = StandardOptions.KNOWN_RUNNER_NAMES
    known = {name.lower(): name for name in names}
    found = known.get(given.lower()) or known.get(f"{given.lower()}runner")
    if found is None:
        raise InputError(
            "Beam has no such runner",
            f"--runner={given}",
            "Leave it out for the embedded one, or name FlinkRunner, PortableRunner or "
            "DataflowRunner.",
        )
    return found


def _check_endpoint(endpoint: str | None) -> None:
    """Checks that a service answers, since Beam would wait for minutes for a missing one."""
    host, _, port = (endpoint or "").rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(
            "PortableRunner needs the address of a job service",
            f"--job_endpoint={endpoint or ''}",
            "Give --beam=--job_endpoint=HOST:PORT.",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            "No job service answers",
            f"--job_endpoint={endpoint}: {error}",
            "Start it, or correct the address.",
        ) from error


def _embedded(workers: int) -> list[str]:
    # This only sets the number of processes; the environment in `run_graph` creates them.
    return ["--direct_running_mode=in_memory", f"--direct_num_workers={workers}"]
