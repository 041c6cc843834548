"""Reports the progress of long work: as lines appended to a local file, or to another machine."""

from __future__ import annotations

import json
import os
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
