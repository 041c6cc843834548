"""Forks this process, for what would otherwise import again everything that it has imported."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import NoReturn

from pipelines.process.leave import leave

# Arrow's allocator has a thread of its own; OpenBLAS's have the name of the process.
_HARMLESS = {"jemalloc_bg_thd"}


def can_fork() -> bool:
    """Whether this process runs no thread but its own and those of NumPy and Arrow.

    These libraries end or replace their threads when a process forks; others, such as gRPC, do not.
    """
    if threading.active_count() > 1:
        return False
    try:
        names = {path.read_text() for path in Path("/proc/self/task").glob("*/comm")}
        own = Path("/proc/self/comm").read_text()
    except OSError:
        return False
    return bool(names) and {name.strip() for name in names - {own}} <= _HARMLESS


class ForkedHere:
    """A process that was forked from this one; to its user like one that was started by a command.

    `can_fork` must hold. The other one has the same memory, and does nothing of what this one would
    do when it exits.

    Args:
        run: What it does; it exits with status 0 when this returns.
        closed: Descriptors of this process that it closes.
    """

    def __init__(self, run: Callable[[], None], closed: Sequence[int] = ()) -> None:
        reading, writing = os.pipe()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # or both processes would write what they share
        self._lock = threading.Lock()
        self._status: int | None = None
        self.pid = os.fork()
        if not self.pid:
            _be_forked(run, [reading, *closed], writing)
        os.close(writing)
        self.stdout = FileIO(reading)

    def poll(self) -> int | None:
        """Returns its exit status, or None if it has not ended."""
        with self._lock:
            if self._status is None:
                ended, status = os.waitpid(self.pid, os.WNOHANG)
                if ended:
                    self._status = os.waitstatus_to_exitcode(status)
            return self._status

    def wait(self) -> int:
        """Returns its exit status as soon as it has ended."""
        while (status := self.poll()) is None:
            with suppress(ChildProcessError):  # another thread has seen its end
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        return status

    def kill(self) -> None:
        """Kills it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def _be_forked(run: Callable[[], None], closed: Sequence[int], output: int) -> NoReturn:
    """Runs, and exits as other processes do, without what its parent would still do."""
    status = 1
    try:
        atexit._clear()  # as in multiprocessing
        for descriptor in closed:
            os.close(descriptor)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, standard in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(descriptor, standard)
        os.close(nothing)
        os.close(output)
        status = _status_of(run)
        leave(status)
    finally:
        os._exit(status)


def _status_of(run: Callable[[], None]) -> int:
    try:
        run()
    except SystemExit as request:
        return request.code if isinstance(request.code, int) else int(request.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0
