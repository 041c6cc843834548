"""How far a run has come, read from its work area."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from pipelines.run.counts import StepCounts
from pipelines.run.left_so_far import (
    PlanOfShards,
    counts_in,
    first_line,
    parsed,
    samples_in,
)
from pipelines.storage.store import ObjectInfo, Store

_READERS = 8  # receipts that are read at once


@dataclass(frozen=True)
class CurrentStep:
    """The step that a run is at.

    Attributes:
        step: Its name.
        noun: What its pieces are.
        done: How many of them are done.
        of: How many there are; None while that is not known.
        assets_left: How many assets are left to do in the step; None if that is not known.
        rate: Assets a second in this attempt; None until some are done.
    """

    step: str
    noun: str
    done: int
    of: int | None = None
    assets_left: int | None = None
    rate: float | None = None

    @property
    def left_s(self) -> float | None:
        """How long the step still takes at this rate, in seconds; None if it is not known."""
        if self.rate is None or self.assets_left is None:
            return None
        return self.assets_left / self.rate

    def to_json(self) -> dict[str, object]:
        """Returns it as JSON data."""
        return {
            "step": self.step,
            "pieces": self.noun,
            "done": self.done,
            "of": self.of,
            "assets_left": self.assets_left,
            "assets_per_s": self.rate,
            "left_s": self.left_s,
        }


def read_progress(
    store: Store, work: str, found: dict[str, ObjectInfo], since_s: float, now_s: float
) -> tuple[dict[str, StepCounts], CurrentStep]:
    """Reads a work area: the counts so far, and the step that the run is at.

    Args:
        store: The output.
        work: Key prefix of the work area.
        found: What is in it, by name.
        since_s: When this attempt began, by the store's clock.
        now_s: The time by the store's clock.
    """
    batches = [name for name in found if name.startswith("batches/")]
    if "verdict.json" not in found:
        return {}, CurrentStep("read", "batches", len(batches))
    steps = {"read": parsed(store, f"{work}/verdict.json", counts_in("counts"))}
    if "screen.json" not in found:
        of_batch = ("cleared/", "refused/", "agency/decisions/screen-")
        done = {_batch(name) for name in found if name.startswith(of_batch)}
        return steps, CurrentStep("screen", "batches", len(done), len(batches))
    steps["screen"], units_of = parsed(
        store, f"{work}/screen.json", lambda value: (StepCounts.from_json(value), value["units"])
    )
    if "plan.json" not in found:
        begun_s = max(since_s, found["screen.json"].modified_s)
        steps["enrich"], recent = _read_units(store, work, found, begun_s)
        left = steps["screen"].passed - steps["enrich"].entered
        rate = _rate(recent, now_s, begun_s)
        units = sum(_is_receipt(name, "units") for name in found)
        return steps, CurrentStep("enrich", "units", units, units_of, left, rate)
    plan = parsed(store, f"{work}/plan.json", PlanOfShards.of)
    steps |= {"enrich": plan.enrich, "select": plan.select}
    if plan.stopped:
        return steps, CurrentStep("publish", "shards", 0, plan.shards)
    shards = [one for name, one in found.items() if _is_receipt(name, "shards")]
    begun_s = max(since_s, found["plan.json"].modified_s)
    samples = [(one.modified_s, parsed(store, one.key, samples_in)) for one in shards]
    written = sum(count for _, count in samples)
    steps["write"] = StepCounts(entered=written, passed=written)
    if len(shards) == plan.shards:
        return steps, CurrentStep("publish", "shards", len(shards), plan.shards)
    rate = _rate(sum(count for at_s, count in samples if at_s >= begun_s), now_s, begun_s)
    left = steps["select"].passed - written
    return steps, CurrentStep("write", "shards", len(shards), plan.shards, left, rate)


def _batch(name: str) -> str:
    """Returns the name of the batch of which screening left a file."""
    return name.rpartition("/")[2].partition(".")[0].removeprefix("screen-")


def _read_units(
    store: Store, work: str, found: dict[str, ObjectInfo], since_s: float
) -> tuple[StepCounts, int]:
    """Returns the counts of the units that are done, and their assets of this attempt."""
    total, recent = StepCounts(), 0
    units = [one for name, one in found.items() if _is_receipt(name, "units")]
    keys = [one.key for one in units]
    with ThreadPoolExecutor(_READERS) as threads:  # there may be thousands
        read = partial(parsed, store, parse=counts_in("counts"), read=first_line)
        for one, counts in zip(units, threads.map(read, keys), strict=True):
            total.add(counts)
            recent += counts.entered if one.modified_s >= since_s else 0
    return total, recent


def _is_receipt(name: str, folder: str) -> bool:
    return name.startswith(f"{folder}/") and name.endswith(".json")


def _rate(assets: int, now_s: float, since_s: float) -> float | None:
    return assets / (now_s - since_s) if assets and now_s > since_s else None
