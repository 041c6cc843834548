"""Keeps the process that workers are forked from: started early, used by the run, then ended.

It is forked itself from a command that has just begun, so that what both need is imported once.
Where other threads run, it is a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.process.fork_server import ForkServer
from pipelines.process.forked import can_fork
from pipelines.process.no_garbage import collecting_no_garbage
from pipelines.steps.worker import (
    import_checks,
    import_for_workers,
    serve_workers,
    worker_command,
)

_NAME = "the process that starts workers"
_kept: list[ForkServer] = []


@contextmanager
def workers_to_come(
    workers: int, debug: bool = False, output: str = ""
) -> Iterator[ForkServer | None]:
    """Starts the process within the block, so that it imports while the command prepares its run.

    Args:
        workers: The number of worker processes; for one, which is this process, none is started.
        debug: Whether workers show what they do.
        output: Where the run writes. If nothing is there, no rows have been checked, so that what
            checks them is imported before the process is forked.

    Yields:
        The process, if there is one.
    """
    if workers < 2:
        yield None
        return
    server = _forked_origin(debug, _is_new(output)) or start_origin(debug)
    _kept.append(server)
    try:
        yield server
    finally:
        _kept.remove(server)
        server.close()


def _is_new(output: str) -> bool:
    """Whether an output is a folder that does not exist; of a bucket, that is not asked here."""
    return output != "" and "://" not in output and not Path(output).exists()


def _forked_origin(debug: bool, checks: bool) -> ForkServer | None:
    """Forks the process from this one; returns None if this one does not suit."""
    if not can_fork():
        return None
    with collecting_no_garbage():
        import_for_workers()
        if checks:
            import_checks()
    if not can_fork():
        return None
    return ForkServer(_NAME, serve_workers, debug)


def kept_origin() -> ForkServer | None:
    """Returns the process that the current command has started, if it has."""
    return _kept[-1] if _kept else None


def start_origin(debug: bool) -> ForkServer:
    """Starts the process; the caller ends it."""
    return ForkServer(_NAME, worker_command(debug), debug)
