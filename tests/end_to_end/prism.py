"""Prism and pools of workers as processes of this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.end_to_end.command import environment

VERSION = "2.77.0"
_READY_S = 60.0


def binary() -> Path:
    """Returns where `make prism` builds Prism, or what the variable PRISM names."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("PRISM") or cache / "fairshard" / f"prism-{VERSION}" / "prism")


needs_prism = pytest.mark.skipif(
    not binary().is_file(), reason="Prism is not built: `make prism` does it, and needs Go"
)


@dataclass(frozen=True)
class Portable:
    """A job service and pools.

    Attributes:
        service: The job service's process.
        pools: The pools' processes.
        options: The options of `fairshard package` for them.
    """

    service: subprocess.Popen[bytes]
    pools: tuple[subprocess.Popen[bytes], ...]
    options: tuple[str, ...]

    def workers(self) -> list[int]:
        """Returns the processes of the pools' workers."""
        return [pid for pool in self.pools for pid in children(pool.pid)]


def children(pid: int) -> list[int]:
    """Returns the processes that a process has started and that still run."""
    words = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(word) for path in words for word in path.read_text().split()]
    return [child for child in found if _runs(child)]


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@contextmanager
def portable(
    service: str,
    pools: tuple[str, ...] = (),
    logs: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Portable]:
    """Starts a job service, `prism` or `beam`, and a pool on each of some hosts.

    Args:
        service: Which job service.
        pools: Hosts; without any, the command does the work itself (`LOOPBACK`).
        logs: Folder for what they print; nothing is kept without it.
        variables: Environment variables of the pools, for the workers.
    """
    with ExitStack() as stack:
        port = free_port("127.0.0.1")
        if service == "prism":
            command = [str(binary()), f"--job_port={port}", "--serve_http=false"]
        else:
            module = "apache_beam.runners.portability.local_job_service_main"
            command = [sys.executable, "-m", module, f"--port={port}"]
        jobs = stack.enter_context(process(command, "127.0.0.1", port, logs))
        options = ["--runner=PortableRunner", f"--job_endpoint=127.0.0.1:{port}"]
        started, addresses = [], []
        for host in pools:
            own = free_port(host)
            # Isolated, in a folder without our code: only the installed package can be found.
            words = [sys.executable, "-m", "pipelines.steps.pool", f"--listen={host}:{own}"]
            started.append(stack.enter_context(process(words, host, own, logs, variables)))
            addresses.append(f"{host}:{own}")
        options += (
            ["--environment_type=EXTERNAL", f"--environment_config={','.join(addresses)}"]
            if pools
            else ["--environment_type=LOOPBACK"]
        )
        yield Portable(jobs, tuple(started), tuple(f"--beam={option}" for option in options))


def free_port(host: str) -> int:
    """Returns a port of a host that nothing listens on."""
    with socket.socket() as taken:
        taken.bind((host, 0))
        return int(taken.getsockname()[1])


@contextmanager
def process(
    command: list[str],
    host: str,
    port: int,
    logs: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a server until the block ends, and waits until it listens."""
    log = (logs / f"{port}.log").open("wb") if logs else None
    started = subprocess.Popen(
        command,
        env=environment(variables),
        cwd="/",
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=log or subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    try:
        until = monotonic() + _READY_S
        while True:
            assert started.poll() is None, f"{command} ended with {started.returncode}"
            assert monotonic() < until, f"{command} does not listen"
            with socket.socket() as probe:
                if probe.connect_ex((host, port)) == 0:
                    break
            sleep(0.05)
        yield started
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
        if log:
            log.close()
