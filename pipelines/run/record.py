"""Makes the record of a run from its counts and costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipelines.run.costs import Cost, add_amounts
from pipelines.run.counts import StepCounts
from schemas.manifest import EndRecord
from schemas.run_record import (
    AttemptRecord,
    Delivered,
    RunOutcome,
    RunRecord,
    StepRecord,
    StepTime,
    WorkRecord,
)

_FORM = 1


@dataclass
class Observed:
    """What is known about a run while it is under way.

    Attributes:
        engine: Name of Beam's runner.
        workers: Number of workers when it began; None if the engine does not say.
        begun_s: When it began, in seconds since 1970.
        steps: The counts of the steps that ran, in order.
        costs: What they took, and publishing.
        computed: Number of media decoded, embedded and captioned for the first time.
        delivered: The size of the delivery.
        beam_counters: Beam's own counters; None on engines without.
    """

    engine: str
    workers: int | None
    begun_s: float
    steps: dict[str, StepCounts] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)
    computed: dict[str, int] = field(default_factory=dict)
    delivered: EndRecord | None = None
    beam_counters: dict[str, int] | None = None

    def record(
        self, deal_id: str, version: str, run_id: str, now_s: float, error: str = ""
    ) -> RunRecord:
        """Returns the run's record.

        Args:
            deal_id: The deal.
            version: Name of the version.
            run_id: The run.
            now_s: When it ended, in seconds since 1970.
            error: What ended it; "" if it ended in a delivery.
        """
        ended = RunOutcome.UNDELIVERED if self.steps else RunOutcome.FAILED
        end = self.delivered
        return RunRecord(
            fairshard_run=_FORM,
            deal_id=deal_id,
            version=version,
            run_id=run_id,
            outcome=ended if error else RunOutcome.DELIVERED,
            error=error,
            steps={name: step_record(counts) for name, counts in self.steps.items()},
            computed=self.computed,
            delivered=None
            if end is None
            else Delivered(
                shards=end.shards, samples=end.samples, files=end.files, bytes=end.bytes
            ),
            attempt=self._attempt(now_s),
        )

    def _attempt(self, now_s: float) -> AttemptRecord:
        spans = [(cost.started_s, cost.ended_s) for cost in self.costs.values() if cost.started_s]
        elapsed_s = max(0.0, now_s - self.begun_s)
        return AttemptRecord(
            engine=self.engine,
            workers=self.workers,
            started=_utc(self.begun_s),
            ended=_utc(now_s),
            elapsed_s=_rounded(elapsed_s),
            other_s=_rounded(max(0.0, elapsed_s - covered_s(spans))),
            steps={name: _step_time(cost, self.begun_s) for name, cost in self.costs.items()},
            work=work_record(cost.amounts for cost in self.costs.values()),
            beam_counters=self.beam_counters,
        )


def covered_s(spans: Iterable[tuple[float, float]]) -> float:
    """Returns how many seconds lie in at least one of the spans, which may overlap.

    Example:
        >>> covered_s([(0.0, 2.0), (1.0, 3.0), (5.0, 6.0)])
        4.0
    """
    total, reached_s = 0.0, float("-inf")
    for start_s, end_s in sorted(spans):
        total += max(0.0, end_s - max(start_s, reached_s))
        reached_s = max(reached_s, end_s)
    return total


def work_record(amounts: Iterable[Mapping[str, float]]) -> WorkRecord:
    """Returns the sums of what the steps took."""
    sums = add_amounts(dict(part) for part in amounts)
    seconds = {
        name: _rounded(sums.get(name, 0.0)) for name in ("decode_s", "inference_s", "model_load_s")
    }
    whole = {
        name: round(sums.get(name, 0)) for name in WorkRecord.model_fields if name not in seconds
    }
    return WorkRecord.model_validate({**seconds, **whole})


def step_record(counts: StepCounts) -> StepRecord:
    """Returns what became of a step's assets."""
    return StepRecord(
        entered=counts.entered,
        passed=counts.passed,
        refused=counts.refused_assets,
        failed=counts.failed_assets,
        refused_by_reason=dict(sorted(counts.refused.items())),
        failed_by_reason=dict(sorted(counts.failed.items())),
    )


def _step_time(cost: Cost, begun_s: float) -> StepTime:
    known = cost.cpu_pieces == cost.pieces
    after_s = max(0.0, cost.started_s - begun_s) if cost.started_s else None
    return StepTime(
        elapsed_s=_rounded(cost.ended_s - cost.started_s),
        busy_s=_rounded(cost.busy_s),
        cpu_s=_rounded(cost.cpu_s) if known else None,
        pieces=cost.pieces,
        after_s=None if after_s is None else _rounded(after_s),
        smallest_piece=cost.smallest,
        largest_piece=cost.largest,
        work=work_record([cost.amounts]),
    )


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
