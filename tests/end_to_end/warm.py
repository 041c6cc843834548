"""Runs commands in processes that start with the libraries imported, which takes seconds otherwise.

Each command is a process of its own with its own environment, but variables that libraries read on
import have no effect. Tests of how the command starts, of signals and of kills start it themselves.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

from tests.shared import skip_sync

# What packaging imports, by way of modules that nothing else imports first.
_PRELOADED = [
    "apache_beam",
    "great_expectations",
    "open_clip",
    "pipelines.commands.check",
    "pipelines.commands.demo_run",
    "pipelines.commands.package",
    "tests.remembered",
]


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


_CONTEXT = _context()


def run_warm(
    arguments: Sequence[str], environment: Mapping[str, str], timeout_s: float
) -> tuple[int, str, str]:
    """Runs `fairshard` until it ends.

    Args:
        arguments: Without the name of the command itself.
        environment: All that it gets.
        timeout_s: After which it is killed.

    Returns:
        The exit code, and what it printed to stdout and stderr.

    Raises:
        TimeoutError: If it did not end in time.
    """
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder, name) for name in ("out", "err")]
        process = _CONTEXT.Process(
            target=_run, args=(list(arguments), dict(environment), str(Path.cwd()), *map(str, said))
        )
        process.start()
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{arguments} did not end within {timeout_s} s")
        out, errors = (path.read_text(encoding="utf-8") for path in said)
        return process.exitcode, out, errors


def _run(
    arguments: list[str], environment: dict[str, str], folder: str, out: str, errors: str
) -> None:
    for number, path in ((1, out), (2, errors)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["fairshard", *arguments]
    from pipelines.cli import main
    from tests.remembered import remember_vision

    remember_vision()
    os.fsync = skip_sync
    sys.exit(main())
