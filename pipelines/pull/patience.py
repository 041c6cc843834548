"""What a pull does after a fault: wait and try again, sign again, or say what is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable

from pipelines.pull.origin import DeniedError, Origin, PassingFaultError
from schemas.errors import InputError, RunError

_ATTEMPTS = 8  # in a row without a byte
_MAX_WAIT_S = 15.0
_MAX_ASKED_WAIT_S = 120.0


def after_fault(
    origin: Origin,
    path: str,
    fault: PassingFaultError,
    failures: int,
    wait_unit_s: float,
    wait: Callable[[float], object],
) -> None:
    """Prepares another attempt.

    Args:
        origin: Where the file is.
        path: The file.
        fault: What happened.
        failures: How often in a row nothing came, this time included.
        wait_unit_s: The longest first wait, in seconds.
        wait: Waits for a number of seconds.

    Raises:
        InputError: If access is denied, also with a new address.
        RunError: If there were too many faults in a row.
    """
    if isinstance(fault, DeniedError):
        if failures > 2 or not origin.renew(path, fault.url):
            raise InputError(
                "The server refuses access",
                f"{origin.uri}: {path} ({fault.detail})",
                "What was downloaded is kept. Get a new grant or address, and pull again.",
            ) from fault
        return
    if failures >= _ATTEMPTS:
        raise RunError(
            "A file cannot be pulled",
            f"{origin.uri}: {path} ({fault.detail}, {failures} times in a row)",
            "What was downloaded is kept. Check the network, and pull again.",
        ) from fault
    longest = min(_MAX_WAIT_S, wait_unit_s * 2 ** (failures - 1))
    asked = min(fault.wait_s, _MAX_ASKED_WAIT_S)
    wait(asked + random.uniform(0, longest))  # noqa: S311  (spreads requests)
