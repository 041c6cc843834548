"""Reads the state that a reader saved, and refuses one that it cannot have saved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, cast

from schemas.errors import InputError

_DIGEST = re.compile(r"[0-9a-f]{64}")


class ReaderState(NamedTuple):
    """Where a reader is, and what it counted.

    Attributes:
        epoch: Number of the epoch.
        position: Number of the samples of the epoch that are behind it, removed ones included.
        given: Number of samples handed over since the run began.
        first: The first of them that the next report of exposure is about.
        seen: How many of them since then, by asset's commitment.
    """

    epoch: int
    position: int
    given: int
    first: int
    seen: dict[str, int]


def read_state(
    state: dict[str, object], settings: Mapping[str, object], samples: int
) -> ReaderState:
    """Returns a saved state.

    Args:
        state: What was saved.
        settings: What it must say about delivery, run, order and reader.
        samples: How many samples the reader has in an epoch.

    Raises:
        InputError: If it is damaged, or of another delivery, run, order or reader.
    """
    if not isinstance(state, dict):
        raise InputError("The saved state is damaged", str(state)[:80], "Use an earlier one.")
    for name, value in settings.items():
        if state.get(name) != value:
            raise InputError(
                "The saved state does not belong to this reader",
                f"{name} {str(state.get(name))[:80]}, not {str(value)[:80]}",
                "Open the same delivery with the same settings, or begin a run of another name.",
            )
    numbers = {name: state.get(name) for name in ("epoch", "position", "given", "first")}
    seen = state.get("seen")
    if not _is_possible(numbers, seen, samples):
        raise InputError("The saved state is damaged", str(numbers)[:200], "Use an earlier one.")
    epoch, position, given, first = cast("list[int]", [*numbers.values()])
    return ReaderState(epoch, position, given, first, cast("dict[str, int]", seen))


def _is_possible(numbers: Mapping[str, object], seen: object, samples: int) -> bool:
    """Returns whether a reader with this number of samples in an epoch can have a state's numbers.

    What is counted is paid for, so that a count which no reader made is not taken.
    """
    values = [one for one in numbers.values() if type(one) is int and 0 <= one < 2**53]
    if len(values) != len(numbers) or not isinstance(seen, dict):
        return False
    if not all(
        type(one) is int and one > 0 and _DIGEST.fullmatch(key) for key, one in seen.items()
    ):
        return False
    _, position, given, first = values
    return position <= samples and sum(seen.values()) == given - first
