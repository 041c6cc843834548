"""Starts, watches and stops the worker processes of the embedded runner.

Beam 2.77 does not notice when a worker dies: it waits for the response for minutes or for ever.
Here, as soon as one worker dies, all pending requests are answered with an error and the other
workers are killed, so that the run ends immediately. What it has committed is kept.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from functools import cache
from typing import Any, cast

from apache_beam.portability.api import beam_fn_api_pb2, endpoints_pb2
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    ControlConnection,
    ControlFuture,
    GrpcServer,
    GrpcWorkerHandler,
)
from apache_beam.transforms.environments import Environment, SubprocessSDKEnvironment
from google.protobuf import json_format, text_format

from pipelines.process.fork_server import ForkServer
from pipelines.process.watched import Death, Watched
from pipelines.steps.beam_defaults import silence_lost_connections, start_workers_by
from pipelines.steps.worker import PROGRESS_VARIABLE
from pipelines.steps.worker_origin import kept_origin, start_origin
from schemas.errors import RunError

# A dying process loses its connections shortly before its death can be observed.
_DYING_S = 0.5
# A worker has answered all requests before it is asked to exit, so killing it loses nothing. A
# worker that has not connected yet does not receive the request to exit.
_END_S = 5.0


class WorkerProcesses:
    """The workers of one run, forked from a process that the command has started, or else from one
    that is started here.

    Args:
        debug: Whether to copy the workers' output to stderr.
        progress_path: Local file to which workers report in the end what they sent to S3, or "".
    """

    def __init__(self, debug: bool = False, progress_path: str = "") -> None:
        self._debug = debug
        self._progress_path = progress_path
        self._lock = threading.Lock()
        self._handlers: list[_Handler] = []
        self._death: Death | None = None
        self._told = threading.Event()
        self._settled = False
        self._origin: ForkServer | None = None

    def environment(self) -> Environment:
        """Returns the environment that makes the embedded runner use these; one run at a time."""
        if not self._debug:
            silence_lost_connections()
        self._origin = kept_origin() or start_origin(self._debug)
        self._origin.tell_deaths(self._end)
        start_workers_by(self._handler)
        return SubprocessSDKEnvironment.from_command_string("")

    def error(self) -> RunError | None:
        """Returns the error for a worker that died; None if none died unexpectedly."""
        return None if self._death is None else self._death.error()

    def start(self, handler: _Handler, variables: dict[str, str]) -> None:
        """Starts a worker, unless another worker has died."""
        with self._lock:
            if self._death is not None:
                handler.line.fail(self._death.cause)
                return
            self._handlers.append(handler)
            if self._origin is None:
                raise AssertionError("a worker is started only in this environment")
            worker = self._origin.fork(
                {**os.environ, **variables, PROGRESS_VARIABLE: self._progress_path}
            )
            handler.process = Watched(handler.worker_id, worker, self._end, self._debug)

    def close(self) -> None:
        """Ends the process that workers were forked from, if it was started for this run."""
        if self._origin is not None and self._origin is not kept_origin():
            self._origin.close()

    def settle(self) -> None:
        """Waits briefly, once per run, so that a worker's death can be recognised as the cause."""
        if not self._settled:
            self._settled = True
            self._told.wait(_DYING_S)

    def _handler(self, _: bytes, state: Any, provision: Any, server: GrpcServer) -> _Handler:
        return _Handler(self, state, provision, server)

    def _end(self, death: Death) -> None:
        """Ends the run because a worker has died."""
        with self._lock:
            if self._death is not None:
                return
            self._death = death
            for handler in self._handlers:
                if handler.process is not None:
                    handler.process.kill()
                handler.line.fail(death.cause)
        self._told.set()


@cache
class _Line:
    """The control connection of a worker; it answers requests itself once a worker has died."""

    def __init__(self, connection: ControlConnection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._asked: weakref.WeakSet[ControlFuture] = weakref.WeakSet()
        self._fault = ""

    def push(self, request: Any) -> ControlFuture:
        """Sends a request, as Beam's connection does."""
        with self._lock:
            if self._fault:
                return ControlFuture(request.instruction_id, self._answer(request.instruction_id))
            future = self._connection.push(request)
            self._asked.add(future)
            return future

    def fail(self, fault: str) -> None:
        """Answers all pending and future requests with an error."""
        with self._lock:
            self._fault = fault
            for future in self._asked:
                if not future.is_done():
                    future.set(self._answer(future.instruction_id))

    def close(self) -> None:
        """Tells the worker to exit, as Beam's connection does."""
        self._connection.close()

    def _answer(self, instruction_id: str) -> Any:
        return beam_fn_api_pb2.InstructionResponse(
            instruction_id=instruction_id, error=f"a worker process died: {self._fault}"
        )


class _Handler(GrpcWorkerHandler):
    """The runner's handle of a worker."""

    def __init__(
        self, workers: WorkerProcesses, state: Any, provision: Any, server: GrpcServer
    ) -> None:
        super().__init__(state, provision, server)
        connection = server.control_handler.get_conn_by_worker_id(self.worker_id)
        self.line = _Line(connection)
        self.control_conn = cast(ControlConnection, self.line)  # the runner needs no more
        self.process: Watched | None = None
        self._workers = workers

    def start_worker(self) -> None:
        """Starts the worker with the environment variables that Beam's worker expects."""
        descriptor = endpoints_pb2.ApiServiceDescriptor
        variables = {
            "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(
                descriptor(url=self.control_address)
            ),
            "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(
                self.logging_api_service_descriptor()
            ),
            "PIPELINE_OPTIONS": json_format.MessageToJson(
                self.provision_info.provision_info.pipeline_options
            ),
            "WORKER_ID": self.worker_id,
        }
        self._workers.start(self, variables)

    def close(self) -> None:
        """Asks the worker to exit, and makes sure that it does."""
        if sys.exc_info()[0] is not None:  # the run is ending with an error
            self._workers.settle()
        if self.process is not None:
            self.process.expect_end()
        try:
            super().close()
        finally:
            self.stop_worker()

    def stop_worker(self) -> None:
        """Waits for the worker to exit, and kills it if that takes too long."""
        if self.process is not None and not self.process.wait(_END_S):
            self.process.kill()
            self.process.wait(_END_S)
