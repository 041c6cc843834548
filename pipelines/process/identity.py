"""Identifies the process that holds a lease, and checks whether it is still alive.

A process is identified by its machine's boot, its pid namespace, its pid and its start time in
ticks, so that neither a reused pid nor the same pid in another container is mistaken for it. Where
this cannot be checked (another machine, another namespace, a system without /proc), the result is
`unknown`.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")
_PARENT_POLL_S = 0.2


class Liveness(StrEnum):
    """What this process can tell about another process."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ProcessIdentity:
    """The identity of a process.

    Attributes:
        host: Name of its machine, for messages.
        boot: Id of the machine's boot, or "" if there is none.
        pid_space: The pid namespace that its pid belongs to, or "".
        pid: Its process id.
        started_ticks: Its start time, in clock ticks since the boot; 0 if unknown.
    """

    host: str
    boot: str
    pid_space: str
    pid: int
    started_ticks: int


def this_process() -> ProcessIdentity:
    """Returns the identity of the calling process."""
    pid = os.getpid()
    return ProcessIdentity(
        socket.gethostname(), _boot_id(), _pid_namespace(), pid, _started_ticks(pid) or 0
    )


def liveness_of(holder: ProcessIdentity) -> Liveness:
    """Returns whether a process is alive; `unknown` unless this machine's /proc can tell."""
    here = (_boot_id(), _pid_namespace())
    if not all(here) or (holder.boot, holder.pid_space) != here:
        return Liveness.UNKNOWN
    started = _started_ticks(holder.pid)
    return Liveness.DEAD if started is None or started != holder.started_ticks else Liveness.ALIVE


def end_with(pid: int, started_ticks: int) -> None:
    """Makes this process exit silently soon after another process has ended.

    Workers use this: a worker that outlived a killed run would keep writing to a version that the
    next run takes over.

    Args:
        pid: The other process, in this pid namespace.
        started_ticks: Its start time, as in `ProcessIdentity`.
    """

    def watch() -> None:
        while _started_ticks(pid) == started_ticks:
            time.sleep(_PARENT_POLL_S)
        os._exit(1)  # exits at once: nothing may be flushed or completed

    if started_ticks:
        threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def end_with_parent() -> None:
    """Makes this process exit silently soon after the process that started it has ended."""
    pid = os.getppid()
    end_with(pid, _started_ticks(pid) or 0)


def _boot_id() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.exists() else ""


def _pid_namespace() -> str:
    return str(_PID_NAMESPACE.readlink()) if _PID_NAMESPACE.is_symlink() else ""


def _started_ticks(pid: int) -> int | None:
    """Returns field 22 of /proc/PID/stat; None if no such process runs or it is a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field, in parentheses, may contain anything; the third is the state.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])
