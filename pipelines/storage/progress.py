"""Reports the progress of long work as lines appended to a local file."""

from __future__ import annotations

import json
import os


def report_progress(
    path: str, step: str, done: int | None = None, total: int | None = None
) -> None:
    """Adds to a step's counts: `done` more are done, `total` more are to be done."""
    if not path:
        return
    line = json.dumps([step, done, total]).encode() + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
