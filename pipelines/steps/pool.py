"""A pool of workers on this machine for engines that run elsewhere: `fairshard-pool`.

An engine asks it to start and stop workers (Beam's `EXTERNAL` environment). Each is a process of
its own with this program's code (`pipelines/steps/boot.py`). All end with the pool.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

from pipelines.process.identity import this_process
from pipelines.process.isolated import python_command
from pipelines.process.watched import Death, Watched
from pipelines.steps.portable import PROGRAM

_END_S = 5.0
_THREADS = 8


class Pool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Starts and stops workers as an engine asks.

    Args:
        debug: Whether workers print what Beam logs.
    """

    def __init__(self, debug: bool = False) -> None:
        self._debug = debug
        self._lock = threading.Lock()
        self._workers: dict[str, Watched] = {}

    def StartWorker(self, request: Any, context: Any) -> Any:  # noqa: N802  # Beam's name
        """Starts a worker; it reports its own errors to the engine."""
        me = this_process()
        words = [
            f"--id={request.worker_id}",
            f"--provision_endpoint={request.provision_endpoint.url}",
            f"--control_endpoint={request.control_endpoint.url}",
            f"--logging_endpoint={request.logging_endpoint.url}",
            f"--artifact_endpoint={request.artifact_endpoint.url}",
            f"--program={request.params.get(PROGRAM, '')}",
            f"--parent={me.pid}:{me.started_ticks}",
            *(["--debug"] if self._debug else []),
        ]
        command = python_command("pipelines.steps.boot", *words)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        with self._lock:
            self._workers[request.worker_id] = Watched(
                request.worker_id, process, self._ended, self._debug
            )
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, request: Any, context: Any) -> Any:  # noqa: N802  # Beam's name
        """Stops a worker and waits for its end; what it has committed is kept."""
        with self._lock:
            worker = self._workers.pop(request.worker_id, None)
        if worker is not None:
            worker.kill()
            worker.wait(_END_S)
        return beam_fn_api_pb2.StopWorkerResponse()

    def stop(self) -> None:
        """Stops all workers."""
        with self._lock:
            workers = list(self._workers.values())
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.wait(_END_S)

    def _ended(self, death: Death) -> None:
        with self._lock:
            self._workers.pop(death.name, None)
        if death.status == 0:  # its runner closed the connection
            return
        lines = "".join(f"\n  {line}" for line in death.lines)
        text = f"fairshard-pool: worker {death.name}, process {death.pid}, {death.cause}{lines}"
        print(text, file=sys.stderr, flush=True)  # noqa: T201


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until it is interrupted or terminated."""
    parser = argparse.ArgumentParser(prog="fairshard-pool", description=__doc__)
    parser.add_argument(
        "--listen",
        required=True,
        metavar="HOST:PORT",
        help="where the engine asks for workers. Whoever reaches this address can have code run "
        "here, so it must be one of a network that only the engine is in; port 0 takes a free one",
    )
    parser.add_argument("--debug", action="store_true", help="print what workers print")
    options = parser.parse_args(arguments)
    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdecimal():
        parser.error(f"--listen {options.listen}: an address is HOST:PORT")
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=[("grpc.so_reuseport", 0)])
    pool = Pool(options.debug)
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    try:
        bound = server.add_insecure_port(options.listen)
    except RuntimeError:
        parser.error(f"--listen {options.listen}: the address is taken, or not of this machine")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    server.start()
    print(f"listening on {host}:{bound}", flush=True)  # noqa: T201
    ended.wait()
    server.stop(0)
    pool.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
