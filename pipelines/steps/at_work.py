"""What every step does around a piece of work: record an error, log, and count in Beam."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipelines.run.costs import Cost
from pipelines.run.counts import StepCounts
from pipelines.run.failures import record_failure
from pipelines.run.job import Job
from pipelines.run.logs import log, start_logging
from pipelines.steps.beam_metrics import count_in_beam
from pipelines.steps.pieces import PIECES
from pipelines.storage.store import Store
from schemas.errors import FairshardError


@dataclass(frozen=True)
class Piece:
    """A piece of a step: a batch of rows, a unit, a shard, or the whole of a step.

    Attributes:
        step: The step's name.
        name: The piece's name; "" for the whole step.
    """

    step: str
    name: str = ""

    def done(self, counts: StepCounts, cost: Cost) -> None:
        """Logs and counts what became of it."""
        count_in_beam(self.step, counts, cost)
        measured: dict[str, object] = {"seconds": round(cost.busy_s, 3)}
        for name, amount in sorted(cost.amounts.items()):
            measured[name] = round(amount, 3) if name.endswith("_s") else int(amount)
        if cost.cpu_pieces:
            measured["cpu_seconds"] = round(cost.cpu_s, 3)
        assets = {
            "entered": counts.entered,
            "passed": counts.passed,
            "refused": counts.refused_assets,
            "failed": counts.failed_assets,
        }
        reasons = {
            "refused_by_reason": dict(sorted(counts.refused.items())),
            "failed_by_reason": dict(sorted(counts.failed.items())),
        }
        fields = {**self._which(), "assets": assets, **reasons, "measured": measured}
        log(f"{self.step}.done", fields)

    def failed(self, error: Exception) -> None:
        """Logs what ended it: the error's kind, without what it names."""
        log(f"{self.step}.failed", {**self._which(), **error_fields(error)}, logging.ERROR)

    def _which(self) -> dict[str, object]:
        return {"step": self.step, **({"unit": self.name} if self.name else {})}


def error_fields(error: BaseException) -> dict[str, object]:
    """Returns what may be logged of an error: what happened, never to what or where."""
    fields: dict[str, object] = {"type": type(error).__name__}
    if isinstance(error, FairshardError):
        fields |= {"error": error.what, "exit_code": error.exit_code}
    return fields


@contextmanager
def at_work(store: Store, job: Job, step: str, name: str = "") -> Iterator[Piece]:
    """Works on a piece of a step; an error that leaves the block is recorded and logged.

    Args:
        store: The output store.
        job: The run.
        step: The step's name.
        name: The piece's name; "" for the whole step.
    """
    start_logging(job.log)
    piece = Piece(step, name)
    with PIECES.working(), record_failure(store, job.work, job.progress_path):
        try:
            yield piece
        except Exception as error:
            piece.failed(error)
            raise
