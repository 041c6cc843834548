"""A Dask cluster of processes on this machine, for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, Security

from tests.end_to_end.command import environment

START = Path(__file__).parents[2] / "infra" / "dask" / "local_cluster.py"


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Attributes:
        address: The scheduler's address.
        variables: By which a command finds the certificates.
        pids: The processes of the scheduler and of what starts each worker again when it dies.
        folder: Where the processes log.
    """

    address: str
    variables: Mapping[str, str]
    pids: Mapping[str, Any]
    folder: Path

    @property
    def options(self) -> list[object]:
        """The options of `fairshard package` for it."""
        return ["--engine", "dask", "--scheduler", self.address]

    def client(self) -> Client:
        """Returns a client, to be closed."""
        tls = "DASK_DISTRIBUTED__COMM__TLS__"
        files = self.variables
        security = Security(
            require_encryption=bool(files),
            tls_ca_file=files.get(f"{tls}CA_FILE"),
            tls_client_cert=files.get(f"{tls}CLIENT__CERT"),
            tls_client_key=files.get(f"{tls}CLIENT__KEY"),
        )
        return Client(self.address, set_as_default=False, security=security)

    def worker_pids(self) -> list[int]:
        """Asks each worker for its process, which changes when it is started again."""
        with self.client() as client:
            return sorted(client.run(os.getpid).values())

    def busy(self) -> bool:
        """Whether any worker runs a step."""
        with self.client() as client:
            return any(client.processing().values()) or any(client.run(_is_busy).values())

    def tasks(self) -> int:
        """How many tasks the scheduler knows."""
        with self.client() as client:
            return int(client.run_on_scheduler(_tasks))


def _is_busy() -> bool:
    from pipelines.steps.dask_bundle import _one_at_a_time

    return _one_at_a_time.locked()


def _tasks(dask_scheduler: Any) -> int:
    return len(dask_scheduler.tasks)


@contextmanager
def cluster(workers: int, *more: str, env: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """Starts a scheduler and workers, and stops them when the block ends."""
    process = subprocess.Popen(
        [sys.executable, START, "--workers", str(workers), *more],
        env=environment(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        made = json.loads(process.stdout.readline())
        yield Cluster(made["scheduler"], made["environment"], made["pids"], Path(made["folder"]))
    finally:
        process.communicate()


@contextmanager
def another_worker(
    joins: Cluster, folder: Path, *more: str, code: Path | None = None
) -> Iterator[None]:
    """Has one more worker join within the block.

    Args:
        joins: The cluster.
        folder: For its files.
        more: Further options of `dask worker`.
        code: A folder whose `pipelines` and `schemas` it has instead of ours.
    """
    log = folder / "worker.log"
    words = [sys.executable, "-m", "distributed.cli.dask_worker", joins.address, "--no-nanny"]
    own = {"PYTHONPATH": str(code)} if code else {}
    with log.open("wb") as stream:
        worker = subprocess.Popen(
            [*words, "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder), *more],
            cwd=folder,
            env=environment({**joins.variables, **own}),
            stdout=stream,
            stderr=stream,
        )
    try:
        until = time.monotonic() + 60
        while b"Registered to" not in log.read_bytes():
            assert worker.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        worker.terminate()
        worker.wait()


def kill(pid: int) -> None:
    """Kills one process."""
    os.kill(pid, signal.SIGKILL)
