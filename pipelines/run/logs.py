"""Logs a run as JSON, one object a line, from the command and from every worker.

A line says nothing personal and nothing secret: it has only the fields below, whose values are
names of steps and reasons, identifiers and numbers. No message, address or text of a catalogue is
logged; those are in the agency's tables, which are kept as carefully as the catalogue.

`time`, `worker`, `process` and everything in `measured` differ from run to run; the rest follows
from the inputs. Libraries stay silent, as they are without `--log-json`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.process.identity import this_process

if TYPE_CHECKING:  # its tables take long to import, and workers are forked before that
    from pipelines.run.decisions import Decision

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_FIELDS = frozenset(
    {"step", "unit", "asset", "assets", "refused_by_reason", "failed_by_reason", "reasons"}
    | {"error", "type", "exit_code", "outcome", "shards", "samples", "bytes", "measured"}
    | {"engine", "workers"}
)
# A logger of a manager of its own, since all others of the process are switched off.
_LOGGER = logging.Manager(logging.RootLogger(logging.NOTSET)).getLogger("fairshard")
_LOGGER.propagate = False
_LOCK = threading.Lock()


@dataclass(frozen=True)
class LogTarget:
    """Where the lines of a run go; it is sent to workers.

    Attributes:
        path: A file on the command's machine; "" for no log.
        file_id: Its device and inode, by which a worker recognises the command's machine.
        level: Name of the lowest level that is logged.
        deal: The deal's id, which every line has.
        run: The run's id, which every line has.
    """

    path: str = ""
    file_id: tuple[int, int] = (0, 0)
    level: str = "info"
    deal: str = ""
    run: str = ""


NO_LOG = LogTarget()


def open_log_file(path: Path, level: str) -> LogTarget:
    """Creates a log file, or continues one, and returns it as a target.

    Raises:
        OSError: If it cannot be written to.
    """
    path.touch(mode=0o600)
    with path.open("ab"):
        state = path.stat()
    return LogTarget(str(path.absolute()), (state.st_dev, state.st_ino), level)


def start_logging(target: LogTarget) -> None:
    """Makes this process log a run there: to the file, or to stderr on another machine.

    A cluster's workers have their output collected by the cluster. Called again with the same
    target, it does nothing.
    """
    with _LOCK:
        current = next(iter(_LOGGER.handlers), None)
        if isinstance(current, _Lines) and current.target == target:
            return
        if current is not None:
            _LOGGER.removeHandler(current)
            current.close()
        if target.path:
            handler = _Lines(target)
            handler.setFormatter(_Formatter(target))
            _LOGGER.addHandler(handler)
            _LOGGER.setLevel(LEVELS[target.level])


def log(event: str, fields: Mapping[str, object], level: int = logging.INFO) -> None:
    """Logs an event if this process logs a run.

    Args:
        event: What happened, such as `unit.done`.
        fields: Some of the fields that lines may have.
        level: One of `logging`'s.

    Raises:
        ValueError: If lines have no such field.
    """
    if not _FIELDS.issuperset(fields):
        raise ValueError(f"not a field of the log: {sorted(fields.keys() - _FIELDS)}")
    if _LOGGER.handlers:
        _LOGGER.log(level, event, extra={"fields": fields})


def log_excluded(step: str, decisions: Iterable[Decision]) -> None:
    """Logs at the level `debug` each asset that a step leaves out, with the reasons."""
    if not _LOGGER.handlers or not _LOGGER.isEnabledFor(logging.DEBUG):
        return
    for one in decisions:
        fields = {"step": step, "asset": one.asset_id, "reasons": [*map(str, one.reasons)]}
        log(f"asset.{one.outcome.value}", fields, logging.DEBUG)


@dataclass
class _Formatter(logging.Formatter):
    target: LogTarget
    worker: str = field(default_factory=lambda: this_process().host)

    def __post_init__(self) -> None:
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        told: Mapping[str, object] = getattr(record, "fields", {})
        return json.dumps(
            {
                "time": datetime.fromtimestamp(record.created, UTC).isoformat(
                    timespec="milliseconds"
                ),
                "level": record.levelname.lower(),
                "event": record.getMessage(),
                "deal": self.target.deal,
                "run": self.target.run,
                **told,
                "worker": self.worker,
                "process": record.process,
            }
        )


class _Lines(logging.Handler):
    """Appends whole lines, each in one call, since several processes write to the file."""

    def __init__(self, target: LogTarget) -> None:
        super().__init__()
        self.target = target
        self._descriptor = _open_here(target)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = f"{self.format(record)}\n".encode()
            os.write(sys.stderr.fileno() if self._descriptor is None else self._descriptor, line)
        except OSError:  # such as a full disk, which must not end the run
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # of `logging`
        """Does nothing: `logging` would print the traceback."""

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        super().close()


def _open_here(target: LogTarget) -> int | None:
    """Opens the file if this is the command's machine; returns None elsewhere."""
    try:
        descriptor = os.open(target.path, os.O_WRONLY | os.O_APPEND)
    except OSError:
        return None
    state = os.fstat(descriptor)
    if (state.st_dev, state.st_ino) == target.file_id:
        return descriptor
    os.close(descriptor)
    return None
