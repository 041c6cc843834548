"""Ends a forked process that has done its work."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import NoReturn


def leave(status: int) -> NoReturn:
    """Exits as other processes do, but without unwinding the stack that the parent forked from.

    A `SystemExit` would run the parent's `finally` blocks in the child. Python has no public name
    for what it does at exit besides that; `multiprocessing` uses private ones as well.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        sys.exit(status)  # as usual, since that says what cannot be written
    os._exit(status)
