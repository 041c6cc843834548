"""A clock of this machine for the time between two moments."""

from __future__ import annotations

import time


def boottime_s() -> float:
    """Returns a clock in seconds that also counts sleep, if the system has one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
