"""A run that ends without a delivery: its counts, and the rules that excluded most assets."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.rules.reasons import REASONS
from pipelines.run.counts import StepCounts, count_reasons
from pipelines.run.job import Job
from pipelines.storage.columns import struct_field, values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_parquet, tables_under
from schemas import layout
from schemas.deal import Deal
from schemas.deal_keys import json_value
from schemas.errors import FairshardError
from schemas.reason_info import ReasonInfo

_COSTLIEST = 3


@dataclass(frozen=True)
class Cost:
    """The number of assets that one rule excluded.

    Attributes:
        reason: The code of its reason.
        assets: How many assets it left out.
        alone: How many of them no other rule left out; None where that is not known.
    """

    reason: str
    assets: int
    alone: int | None

    @property
    def info(self) -> ReasonInfo:
        """What people are told about the reason."""
        return REASONS[self.reason]

    def to_json(self, deal: Deal) -> dict[str, object]:
        """As JSON, with the deal's keys that govern the rule and what the deal says there."""
        info = self.info
        return {
            "reason": self.reason,
            "outcome": info.outcome.value,
            "assets": self.assets,
            "alone": self.alone,
            "meaning": info.sentence,
            "found_in": info.source,
            "how_to_fix": info.remedy,
            "governed_by": {key: json_value(deal, key) for key in info.governed_by},
        }


@dataclass(frozen=True)
class Undelivered:
    """The counts of a run that ended without a delivery.

    Attributes:
        steps: The counts of each step that ran, in order.
        alone: For each reason, the number of assets excluded for it alone; None if not known.
    """

    steps: dict[str, StepCounts]
    alone: Counter[str] | None = None

    def costliest(self, most: int = _COSTLIEST) -> list[Cost]:
        """Returns the rules that excluded most assets; equal counts are ordered by `alone`."""
        costs = [
            Cost(code, assets, None if self.alone is None else self.alone[code])
            for code, assets in count_reasons(self.steps.values()).items()
        ]
        costs.sort(key=lambda cost: (-cost.assets, -(cost.alone or 0), cost.reason))
        return costs[:most]

    def to_json(self, deal: Deal) -> dict[str, object]:
        """Returns the counts as JSON, for `--json` and for the agency's folder."""
        return {
            "steps": {name: counts.to_json() for name, counts in self.steps.items()},
            "costliest": [cost.to_json(deal) for cost in self.costliest()],
        }


class UndeliveredError(FairshardError):
    """An error that ended a run, with the run's counts.

    It has the message and exit code of the original error.

    Args:
        error: The original error.
        undelivered: The counts.
    """

    def __init__(self, error: FairshardError, undelivered: Undelivered) -> None:
        super().__init__(error.what, error.which, error.remedy)
        self.error = error
        self.undelivered = undelivered
        self.exit_code = error.exit_code

    def __reduce__(self) -> tuple[Any, ...]:
        """Keeps both parts when pickled; see `FairshardError`."""
        return (type(self), (self.error, self.undelivered))


def look_back(store: Store, prefix: str, steps: dict[str, StepCounts]) -> Undelivered:
    """Returns a run's counts, with the assets that each rule excluded alone.

    The latter are counted from the decisions under `prefix`. If those cannot be read, they are None
    and no error is raised, because the run has already failed.
    """
    alone: Counter[str] = Counter()
    try:
        for found in tables_under(store, prefix):
            alone.update(_lone_reasons(read_parquet(store, found.key, ["reasons"])["reasons"]))
    except (FairshardError, OSError):
        return Undelivered(steps)
    return Undelivered(steps, alone)


def _lone_reasons(reasons: pa.ChunkedArray[Any]) -> Counter[str]:
    """Counts how often each code is the only one in its list."""
    lone = reasons.filter(pc.equal(pc.list_value_length(reasons), pa.scalar(1)))
    counted = pc.value_counts(pc.list_flatten(lone))
    codes, counts = struct_field(counted, "values"), struct_field(counted, "counts")
    return Counter(dict(zip(values_of(codes, str), values_of(counts, int), strict=True)))


def leave_undelivered(store: Store, job: Job, undelivered: Undelivered) -> None:
    """Writes the counts beside the decisions; the next run of the version removes them.

    A failure to write is ignored, because the command prints the counts in any case.
    """
    data = json_bytes({"run_id": job.run_id, **undelivered.to_json(job.deal)})
    with contextlib.suppress(FairshardError, OSError):
        store.write_bytes(f"{job.agency}/{layout.UNDELIVERED}", data)
