"""Reports the progress of long work to a local file or another machine, and adds up its cost."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SendProgress = Callable[[str, int | None, int | None], None]

_send: ContextVar[SendProgress | None] = ContextVar("send_progress", default=None)


def report_progress(
    path: str, step: str, done: int | None = None, total: int | None = None
) -> None:
    """Adds to a step's counts: `done` more are done, `total` more are to be done."""
    if (send := _send.get()) is not None:
        send(step, done, total)
        return
    if not path:
        return
    line = json.dumps([step, done, total]).encode() + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


@contextmanager
def sending_progress(send: SendProgress) -> Iterator[None]:
    """Has what this thread reports in the block sent elsewhere, whatever the path."""
    before = _send.set(send)
    try:
        yield
    finally:
        _send.reset(before)


_taken: Counter[str] = Counter()
_TAKEN_LOCK = threading.Lock()
os.register_at_fork(after_in_child=_taken.clear)  # what was noted before counts in the parent


def note_amount(name: str, amount: float = 1) -> None:
    """Adds to an amount of this process, such as a number of retries; see `take_amounts`."""
    with _TAKEN_LOCK:
        # Such as 0.25 s: typeshed has counters of whole numbers only.
        _taken[name] += amount  # type: ignore[assignment]


@contextmanager
def timing(name: str) -> Iterator[None]:
    """Adds the seconds that the block takes to an amount of this process."""
    started_s = time.perf_counter()
    try:
        yield
    finally:
        note_amount(name, time.perf_counter() - started_s)


def take_amounts() -> dict[str, float]:
    """Returns the amounts that were noted since the last call, so that each counts once.

    If a process works on several pieces at once, one of them gets what was noted for another; the
    sum over all pieces is right.
    """
    with _TAKEN_LOCK:
        amounts: dict[str, float] = dict(_taken)
        _taken.clear()
    return amounts
