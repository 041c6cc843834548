"""Ways to run the same graph: the embedded engine, Dask, or Beam's portable one as a service."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from tests.end_to_end.command import environment
from tests.end_to_end.dask_cluster import cluster

_READY_S = 60.0


@dataclass(frozen=True)
class EngineOptions:
    """The options of one way: the number of processes, Beam's own options, and others."""

    workers: int
    beam: tuple[str, ...] = ()
    more: tuple[object, ...] = ()

    @property
    def options(self) -> list[object]:
        """Returns them as options of `fairshard package`."""
        beam = [f"--beam={option}" for option in self.beam]
        return [*(self.more or ("--workers", self.workers)), *beam]


EMBEDDED = {
    "in memory": EngineOptions(1),
    "two processes": EngineOptions(2),
    "four processes": EngineOptions(4),
}
PORTABLE = ("portable, loopback", "portable, external")
DASK = {"dask, one worker": 1, "dask, two workers": 2, "dask, four workers": 4}
ENGINES = (*EMBEDDED, *PORTABLE, *DASK)


@contextmanager
def engine(name: str) -> Iterator[EngineOptions]:
    """Starts the services that a way needs, and stops them afterwards."""
    if name in EMBEDDED:
        yield EMBEDDED[name]
        return
    if name in DASK:
        with cluster(DASK[name]) as dask:
            yield EngineOptions(1, more=tuple(dask.options))
        return
    with ExitStack() as stack:
        jobs = stack.enter_context(
            _service("apache_beam.runners.portability.local_job_service_main", "--port")
        )
        options = ["--runner=PortableRunner", f"--job_endpoint=127.0.0.1:{jobs}"]
        if name == "portable, external":
            pool = stack.enter_context(
                _service("apache_beam.runners.worker.worker_pool_main", "--service_port")
            )
            options += ["--environment_type=EXTERNAL", f"--environment_config=127.0.0.1:{pool}"]
        else:
            options.append("--environment_type=LOOPBACK")
        yield EngineOptions(1, tuple(options))


@contextmanager
def _service(module: str, option: str) -> Iterator[int]:
    """Runs one of Beam's services in its own process; yields its port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    words = [sys.executable, "-m", module, f"{option}={port}"]
    process = subprocess.Popen(
        words,
        # A pool starts its workers as plain `python`.
        env=environment({"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}),
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(module, process, port)
        yield port
    finally:
        os.killpg(
            process.pid, signal.SIGTERM
        )  # including a pool's workers, which it would leave behind
        process.wait()


def _await(module: str, process: subprocess.Popen[bytes], port: int) -> None:
    until = monotonic() + _READY_S
    while monotonic() < until:
        assert process.poll() is None, f"{module} ended with {process.returncode}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.05)
    raise AssertionError(f"{module} does not listen")
