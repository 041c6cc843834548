"""Watches a child process and reports how it ended and what it printed last."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Protocol

from schemas.errors import RunError

_LINES = 10
_LINE_CHARACTERS = 300
_TAIL_BYTES = 16_384  # enough for that many lines, however many bytes a character has
_DRAIN_S = 1.0


@dataclass(frozen=True)
class Death:
    """The unexpected end of a process.

    Attributes:
        name: Name of the process.
        pid: Its process id.
        status: Its exit status; if negative, the number of the signal that killed it.
        lines: The last lines it printed, at most ten.
    """

    name: str
    pid: int
    status: int
    lines: tuple[str, ...]

    @property
    def cause(self) -> str:
        """Describes the status in words."""
        if self.status >= 0:
            return f"ended with exit status {self.status}"
        if -self.status == signal.SIGKILL:
            return f"killed by signal {-self.status} (perhaps out of memory)"
        try:
            return f"killed by signal {-self.status} ({signal.Signals(-self.status).name})"
        except ValueError:  # a real-time signal
            return f"killed by signal {-self.status}"

    def error(self) -> RunError:
        """Returns the error that a run ends with because of it."""
        remedy = "Run the same command again: it continues from what is done."
        if self.lines:
            remedy += " The worker's last lines:" + "".join(f"\n  {line}" for line in self.lines)
        which = f"{self.name}, process {self.pid}, {self.cause}"
        return RunError("A worker process died", which, remedy)


class Child(Protocol):
    """What is needed of a process: `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def stdout(self) -> IO[bytes] | None:
        """Where its output can be read, without a buffer."""

    def poll(self) -> int | None:
        """Returns its exit status, or None if it has not ended."""

    def wait(self) -> int:
        """Returns its exit status as soon as it has ended."""

    def kill(self) -> None:
        """Kills it, unless it has ended."""


class Watched:
    """A process that was started, and is watched from then on. It prints nothing to the terminal.

    Args:
        name: Its name in messages.
        process: The process; its output goes to a pipe.
        died: Called once, from a thread, if the process ends unexpectedly.
        echo: Whether to copy its output to this process's stderr.
    """

    def __init__(
        self, name: str, process: Child, died: Callable[[Death], None], echo: bool = False
    ) -> None:
        self._name = name
        self._died = died
        self._echo = echo
        self._asked = False
        self._tail = b""
        self._process = process
        self._reader = threading.Thread(target=self._read, name=f"read-{name}", daemon=True)
        self._reader.start()
        self._watcher = threading.Thread(target=self._watch, name=f"watch-{name}", daemon=True)
        self._watcher.start()

    def expect_end(self) -> None:
        """Marks the end of the process as expected, unless it has already ended."""
        if self._process.poll() is None:
            self._asked = True

    def wait(self, limit_s: float | None) -> bool:
        """Waits for the process and the `died` callback; returns False if it is still running.

        Args:
            limit_s: How long to wait; None for as long as it takes.
        """
        self._watcher.join(limit_s)
        return not self._watcher.is_alive()

    def kill(self) -> None:
        """Kills the process; its end is then expected."""
        self.expect_end()
        self._process.kill()

    def _read(self) -> None:
        pipe = self._process.stdout
        if pipe is None:
            raise AssertionError("the process was started with a pipe")
        with pipe:
            while chunk := pipe.read(_TAIL_BYTES):
                self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
                if self._echo:
                    os.write(2, chunk)

    def _watch(self) -> None:
        status = self._process.wait()
        # A grandchild may keep the pipe open for longer.
        self._reader.join(_DRAIN_S)
        if not self._asked:
            self._died(Death(self._name, self._process.pid, status, _last_lines(self._tail)))


def _last_lines(tail: bytes) -> tuple[str, ...]:
    """Returns the last non-empty lines, without terminal control characters."""
    lines = tail.decode("utf-8", "replace").splitlines()
    printable = ("".join(c if c.isprintable() else " " for c in line).rstrip() for line in lines)
    return tuple(line[:_LINE_CHARACTERS] for line in printable if line)[-_LINES:]
