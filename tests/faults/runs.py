"""Starts runs of the command that can be killed at any moment, forked from one warm process."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.end_to_end.command import environment
from tests.faults.zygote import RunRequest

_START_S = 300.0
_END_S = 300.0
# Importing must not create thread pools, since the process forks afterwards.
_QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class CommandRun:
    """A run of the command in its own process group."""

    def __init__(self, out: Path, status_fd: int) -> None:
        self._out = out
        self._status = os.fdopen(status_fd, "r", encoding="ascii")
        self.pid = int(self._status.readline())
        self.code: int | None = None

    def ended(self) -> bool:
        """Whether it has ended."""
        if self.code is None and select.select([self._status], [], [], 0)[0]:
            self._read()
        return self.code is not None

    def wait(self, limit_s: float = _END_S) -> int:
        """Waits until it ends; returns its exit code, negative if a signal ended it."""
        if self.code is None:
            if not select.select([self._status], [], [], limit_s)[0]:
                text = self.output_text()
                self.kill()
                raise AssertionError(f"the run did not end within {limit_s:g} s: {text}")
            self._read()
        assert self.code is not None
        return self.code

    def kill(self) -> bool:
        """Kills the whole group; returns False if the run had ended before."""
        before = self.ended()
        self.strike()
        return self.wait() < 0 and not before

    def strike(self) -> None:
        """Sends SIGKILL to the whole group without waiting."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def members(self) -> list[int]:
        """Returns the processes of the group that have not ended."""
        return sorted(pid for pid, group, state in _processes() if group == self.pid != 0 and state)

    def workers(self) -> list[int]:
        """Returns its worker processes that have not ended; each was forked from another one."""
        origins = [pid for pid in self.members() if parent_of(pid) == self.pid]
        return [pid for pid in self.members() if parent_of(pid) in origins]

    def output_text(self) -> str:
        """What it wrote to stdout and stderr."""
        texts = [
            self._out.with_suffix(kind).read_text(errors="replace") for kind in (".out", ".err")
        ]
        return "\n".join(texts).strip()

    def json(self) -> Any:
        """What it wrote to stdout, as JSON."""
        return json.loads(self._out.with_suffix(".out").read_text())

    def errors(self) -> str:
        """What it wrote to stderr."""
        return self._out.with_suffix(".err").read_text(errors="replace").strip()

    def _read(self) -> None:
        self.code = int(self._status.readline())
        self._status.close()


def _processes() -> Iterator[tuple[int, int, bool]]:
    """Yields every process's id, its group and whether it is alive."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                text = (folder / "stat").read_text(errors="replace")
                fields = text.rpartition(")")[2].split()
                yield int(folder.name), int(fields[2]), fields[0] not in "ZX"


def parent_of(pid: int) -> int:
    """Returns the process that started another one; 0 if that has ended."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return int(text.rpartition(")")[2].split()[1])
    return 0


def command_of(pid: int) -> str:
    """Returns a process's command line; empty if it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


class RunStarter:
    """Starts runs."""

    def __init__(self, control: socket.socket, folder: Path) -> None:
        self._control = control
        self._folder = folder
        self._count = 0

    def start(
        self,
        *arguments: object,
        env: Mapping[str, str] | None = None,
        attributes: Mapping[str, int | float] | None = None,
    ) -> CommandRun:
        """Starts a run of `fairshard` with these arguments."""
        request = RunRequest(list(map(str, arguments)), environment(env), attributes or {})
        self._count += 1
        out = self._folder / f"{self._count:05d}"
        reading, writing = os.pipe()
        files = [
            os.open(out.with_suffix(kind), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            for kind in (".out", ".err")
        ]
        try:
            socket.send_fds(self._control, [request.to_bytes()], [*files, writing])
        finally:
            for descriptor in (*files, writing):
                os.close(descriptor)
        return CommandRun(out, reading)


@contextmanager
def run_starter(env: Mapping[str, str] | None = None) -> Iterator[RunStarter]:
    """Yields a starter with a warm process that lives as long as the block."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with tempfile.TemporaryDirectory(prefix="fairshard-runs-") as folder, ours:
        log = Path(folder) / "log"
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.zygote", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**environment(env), **_QUIET},
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )
        theirs.close()
        try:
            ours.settimeout(_START_S)
            text = ours.recv(1 << 16)
            assert text, log.read_text(errors="replace")[-2_000:]
            # A fork of a process with busy threads may differ from a new process.
            assert json.loads(text) == {"threads": []}, text
            yield RunStarter(ours, Path(folder))
        finally:
            ours.close()
            process.wait(_END_S)


def wait_until(happened: object, limit_s: float) -> bool:
    """Waits until a callable returns true; returns False if it did not in time."""
    assert callable(happened)
    until = time.monotonic() + limit_s
    while not happened():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
