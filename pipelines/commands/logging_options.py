"""Options that log a run and send its figures, and the copying of a log to stderr."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.commands.common import OptionsParent
from pipelines.run.logs import LEVELS, NO_LOG, LogTarget, open_log_file
from schemas.errors import InputError

_POLL_S = 0.2
_STDERR = "-"


def add_log_options(parser: OptionsParent) -> None:
    """Adds the options of commands that run the pipeline."""
    parser.add_argument(
        "--log-json",
        default="",
        metavar="FILE",
        help="append a JSON object a line for what the run does; - for stderr",
    )
    parser.add_argument(
        "--log-level",
        choices=tuple(LEVELS),
        default="info",
        help="the lowest level that is logged (default: %(default)s)",
    )
    parser.add_argument(
        "--otlp",
        default="",
        metavar="URL",
        help="send the run's figures to this OpenTelemetry collector when it ends, such as "
        "http://127.0.0.1:4318 (needs fairshard[otel])",
    )


@contextmanager
def logging_to(options: argparse.Namespace, folder: Path) -> Iterator[LogTarget]:
    """Opens the log that the options ask for.

    Args:
        options: The command's options.
        folder: A folder of the command's own. What goes to stderr passes through a file there, as
            the workers' own stderr is kept for the message of one that dies.

    Yields:
        Where the run is logged.

    Raises:
        InputError: If the file cannot be written to.
    """
    if not options.log_json:
        yield NO_LOG
        return
    to_stderr = options.log_json == _STDERR
    path = folder / "log" if to_stderr else Path(options.log_json)
    try:
        target = open_log_file(path, options.log_level)
    except OSError as error:
        raise InputError(
            "The log cannot be written",
            f"--log-json {options.log_json}: {error.strerror}",
            "Name a file in a folder that exists.",
        ) from error
    if not to_stderr:
        yield target
        return
    ended = threading.Event()
    copier = threading.Thread(target=_copy_to_stderr, args=(path, ended), daemon=True)
    copier.start()
    try:
        yield target
    finally:
        ended.set()
        copier.join()


def _copy_to_stderr(path: Path, ended: threading.Event) -> None:
    with path.open("rb", buffering=0) as source:
        running = True
        while running:
            running = not ended.wait(_POLL_S)
            while data := source.read(1 << 16):
                os.write(sys.stderr.fileno(), data)
