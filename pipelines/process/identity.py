"""Which process a claim belongs to, and whether that process still lives.

A process is named by its machine's boot, its pid namespace, its pid and the tick it was started at,
so that neither a reused pid nor a container with pids of its own is taken for it. What cannot be
known from here (another machine, another namespace, a system without /proc) is `unknown`.
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
    """What can be said of a process from here."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ProcessIdentity:
    """A process.

    Attributes:
        host: Its machine's name, for people.
        boot: Id of the machine's boot, or "" where there is none.
        pid_space: The namespace that its pid is of, or "".
        pid: Its pid.
        started_ticks: When it was started, in clock ticks since the boot; 0 where unknown.
    """

    host: str
    boot: str
    pid_space: str
    pid: int
    started_ticks: int


def this_process() -> ProcessIdentity:
    """The process that asks."""
    pid = os.getpid()
    return ProcessIdentity(
        socket.gethostname(), _boot_id(), _pid_namespace(), pid, _started_ticks(pid) or 0
    )


def liveness_of(holder: ProcessIdentity) -> Liveness:
    """Whether a process lives; `unknown` unless this machine's own /proc can tell."""
    here = (_boot_id(), _pid_namespace())
    if not all(here) or (holder.boot, holder.pid_space) != here:
        return Liveness.UNKNOWN
    started = _started_ticks(holder.pid)
    return Liveness.DEAD if started is None or started != holder.started_ticks else Liveness.ALIVE


def end_with(pid: int, started_ticks: int) -> None:
    """Ends this process soon after another one has ended, without a word.

    For workers: one that outlives a killed run would go on writing under a version that the next
    run takes for its own.

    Args:
        pid: The other process, of this pid namespace.
        started_ticks: When it was started, as in `ProcessIdentity`.
    """

    def watch() -> None:
        while _started_ticks(pid) == started_ticks:
            time.sleep(_PARENT_POLL_S)
        os._exit(1)  # nothing may be flushed or finished

    if started_ticks:
        threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def _boot_id() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.exists() else ""


def _pid_namespace() -> str:
    return str(_PID_NAMESPACE.readlink()) if _PID_NAMESPACE.is_symlink() else ""


def _started_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat; None if no such process runs, a zombie among them."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field, in brackets, may hold anything; the third is the state.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])
