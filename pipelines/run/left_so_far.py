"""Reads what a run has left in its output so far, which may be damaged or half of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pipelines.run.counts import StepCounts
from pipelines.storage.store import Store
from pipelines.storage.tables import Json, read_first_line, read_json
from schemas.errors import RunError

_Found = TypeVar("_Found")


def first_line(store: Store, key: str) -> Json:
    """Returns the JSON value of a file's first line, where the counts of a unit are."""
    value: Json = json.loads(read_first_line(store, key))
    return value


def parsed(
    store: Store,
    key: str,
    parse: Callable[[Json], _Found],
    read: Callable[[Store, str], Json] = read_json,
) -> _Found:
    """Reads what is wanted of a JSON file of a run, which may be damaged.

    Args:
        store: The output.
        key: The file.
        parse: Returns what is wanted of its value.
        read: Reads its value.

    Raises:
        FileNotFoundError: If it is gone.
        RunError: If it is not what a run leaves there.
    """
    try:
        return parse(read(store, key))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(store, key, error) from error


def damaged(store: Store, key: str, error: Exception) -> RunError:
    """Returns the error for a file of a run that is not what a run leaves there."""
    return RunError(
        "A file of the run cannot be read",
        f"{store.uri}/{key} ({type(error.__cause__ or error).__name__})",
        "It is damaged, or of another release. Run the release that began the run with the "
        "same command, or remove the run: fairshard clean --older-than 0s.",
    )


def text_of(value: object) -> str:
    """Returns a value that must be a text."""
    if not isinstance(value, str):
        raise TypeError(value)
    return value


@dataclass(frozen=True)
class PlanOfShards:
    """What a run has decided about its shards.

    Attributes:
        enrich: The counts of enriching.
        select: The counts of selecting.
        stopped: Whether too many assets failed for a delivery.
        shards: How many there will be.
    """

    enrich: StepCounts
    select: StepCounts
    stopped: bool
    shards: int

    @staticmethod
    def of(value: Json) -> PlanOfShards:
        """Returns it from its JSON data."""
        enrich, select = (StepCounts.from_json(value[step]) for step in ("enrich", "select"))
        return PlanOfShards(enrich, select, bool(value["stopped"]), int(value["shards"]))


def counts_in(name: str) -> Callable[[Json], StepCounts]:
    """Returns what reads a step's counts from the field of that name."""
    return lambda value: StepCounts.from_json(value[name])


def samples_in(receipt: Json) -> int:
    """Returns how many samples a shard's receipt has."""
    return int(receipt["shard"]["samples"])
