"""Runs the graph through a job service: spreads it over worker pools, and cancels what it leaves.

Beam's `--environment_config` is one address, and a job service starts workers there once for each
environment of the graph. Prism starts one worker for each environment, so that its steps are given
to several pools by giving each pool an environment of its own. Flink starts workers at that address
on every task manager: `localhost:50000` is then the pool beside each.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import grpc
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.runner import PipelineResult, PipelineState

from pipelines.steps.pieces import PIECES
from pipelines.steps.program import program_digest
from schemas.errors import RunError

PROGRAM = "fairshard_program"
# A list of all packages, which takes a second to make; workers compare the program itself.
PORTABLE_OPTIONS = ("--experiments=disable_logging_submission_environment",)
INTERRUPTED = 130  # the exit status that shells expect
_TOGETHER = 2
_CANCEL_S = 30.0
_POLL_S = 0.1
_REASON_CHARACTERS = 300


class PoolsRunner(PortableRunner):
    """Beam's PortableRunner, with `--environment_config=HOST:PORT,HOST:PORT` for several pools."""

    def run_portable_pipeline(self, pipeline: Any, options: Any) -> Any:
        """Submits the graph, as Beam's runner does, with its steps spread over the pools."""
        spread_over_pools(pipeline, program_digest())
        return super().run_portable_pipeline(pipeline, options)


def spread_over_pools(pipeline: Any, program: str) -> None:
    """Gives each external pool an environment and the steps of the graph in turn, two at a time.

    Args:
        pipeline: The graph as Beam's `Pipeline` message, which is changed.
        program: The digest of this program, which a pool compares with that of its own.
    """
    environments = pipeline.components.environments
    for name, environment in list(environments.items()):
        if environment.urn != common_urns.environments.EXTERNAL.urn:
            continue
        payload = beam_runner_api_pb2.ExternalPayload.FromString(environment.payload)
        names = []
        for number, address in enumerate(payload.endpoint.url.split(",")):
            own = beam_runner_api_pb2.ExternalPayload()
            own.CopyFrom(payload)
            own.endpoint.url = address.strip()
            own.params[PROGRAM] = program
            names.append(name if number == 0 else f"{name}_pool_{number + 1}")
            if number:
                environments[names[-1]].CopyFrom(environment)
            environments[names[-1]].payload = own.SerializeToString()
        if len(names) > 1:
            _give_in_turn(pipeline, name, names)


def _give_in_turn(pipeline: Any, before: str, names: Sequence[str]) -> None:
    transforms = pipeline.components.transforms
    roots = (transforms[name] for name in pipeline.root_transform_ids)
    steps = [step for root in roots for step in root.subtransforms]
    for number, step in enumerate(steps):
        for part in _with_parts(transforms, step):
            if part.environment_id == before:
                part.environment_id = names[number // _TOGETHER % len(names)]


def _with_parts(transforms: Any, name: str) -> Iterator[Any]:
    yield transforms[name]
    for part in transforms[name].subtransforms:
        yield from _with_parts(transforms, part)


def finish(result: PipelineResult) -> None:
    """Waits for a job to end, and cancels it if this command is interrupted or terminated.

    Raises:
        RunError: If the engine ended the job.
    """
    try:
        with _terminated_like_interrupted():
            result.wait_until_finish()
    except grpc.RpcError:
        raise
    except RuntimeError as error:
        raise RunError(
            "The engine ended the run",
            _reason(str(error)),
            "Look at what its workers printed, then run the same command again: it continues.",
        ) from error
    except BaseException as error:
        if not isinstance(error, Exception):
            _cancel(result)
        raise


@contextmanager
def nothing_left_at_work() -> Iterator[None]:
    """Lets an error leave the block only when nothing of the run is at work in this process.

    With `LOOPBACK`, threads of this process do the work, and cannot be ended. If they do not end in
    time, the process does, which leaves the lease to whoever finds it dead.
    """
    PIECES.allow()
    try:
        yield
    except BaseException as error:
        ended = False
        with suppress(KeyboardInterrupt):  # a second one, for those who will not wait
            ended = PIECES.end(_CANCEL_S)
        if ended:
            raise
        interrupted = not isinstance(error, Exception)
        what = "interrupted" if interrupted else _reason(str(error))
        print(f"{what}; run the same command again to continue", file=sys.stderr)  # noqa: T201
        sys.stderr.flush()
        os._exit(INTERRUPTED if interrupted else 1)


def _cancel(result: PipelineResult) -> None:
    """Cancels a job and waits until it has stopped, since its workers write to the output."""
    until = time.monotonic() + _CANCEL_S
    try:
        result.cancel()
        while not PipelineState.is_terminal(result.state) and time.monotonic() < until:
            time.sleep(_POLL_S)
    except (grpc.RpcError, RuntimeError, NotImplementedError):
        return  # the engine is gone, too, or has ended the job


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Lets SIGTERM end this process as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _reason(text: str) -> str:
    """Returns an engine's message without tracebacks, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next((line for line in lines if "disconnected" in line), lines[0] if lines else text)
    return said[:_REASON_CHARACTERS]
