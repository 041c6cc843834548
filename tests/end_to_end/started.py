"""Starts the command in the background; says what one that does not get on is at."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.end_to_end.command import command, environment

LIMIT_S = 600.0  # a machine with other work takes minutes for what it does in seconds


def start(words: Sequence[object], env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Starts `fairshard` with some words."""
    return subprocess.Popen(
        command(*words),
        env=environment({**(env or {}), "PYTHONFAULTHANDLER": "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Shells start background processes with SIGINT ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def is_there(pattern: str, out: Path) -> Callable[[], bool]:
    """Returns whether an output has a file."""
    return lambda: next(out.glob(pattern), None) is not None


def wait_until(happened: Callable[[], bool], awaited: str, process: subprocess.Popen[str]) -> bool:
    """Waits for something that a command does; returns False if it ended before.

    Raises:
        AssertionError: If it neither does it nor ends; says what each thread of it was at.
    """
    until = time.monotonic() + LIMIT_S
    while not happened():
        if process.poll() is not None:
            return False
        assert time.monotonic() < until, _where_it_is(process, awaited)
        time.sleep(0.005)
    return True


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Waits for a command; returns its exit code and what it printed to stderr."""
    try:
        _, errors = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        raise AssertionError(_where_it_is(process, "its end")) from None
    return process.returncode, errors


def _where_it_is(process: subprocess.Popen[str], awaited: str) -> str:
    process.send_signal(signal.SIGABRT)
    _, errors = process.communicate()
    return f"waited for {awaited} for {LIMIT_S:g} s: {errors}"
