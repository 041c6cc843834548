"""The figures of runs as metrics, for Prometheus and OpenTelemetry.

All are gauges: a run that is started again starts at 0. Deals, versions and reasons are labels;
nothing names an asset or a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from schemas.run_record import RunRecord, StepRecord

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Gauge:
    """A metric.

    Attributes:
        name: Its name, without the prefix of all.
        help: What it counts, in a sentence without a full stop.
    """

    name: str
    help: str


Value = tuple[Gauge, Labels, float]

STATE = Gauge("state", "1 for the state that the last run of a version is in, 0 for the others")
ASSETS = Gauge("assets", "Assets that entered and passed a step, and that it refused and failed")
REASONS = Gauge("assets_by_reason", "Assets refused or failed, by reason; one may have several")
COMPUTED = Gauge("computed_media", "Media decoded, embedded and captioned for the first time")
DELIVERED = Gauge("delivered", "Size of the delivery: samples, shards, files and bytes")
ELAPSED = Gauge("elapsed_seconds", "Time that the last attempt took")
STEP_SECONDS = Gauge("step_seconds", "Time of a step: elapsed, busy in all its pieces, processor")
STEP_PIECES = Gauge("step_pieces", "Number of batches, units or shards of a step")
PIECE_ASSETS = Gauge("piece_assets", "Assets in the smallest and in the largest piece of a step")
STEP_WORK = Gauge("step_work", "What a step took: bytes read, seconds in decoders, models, retries")
WORK = Gauge("work", "What the work took: bytes read, seconds in decoders and models, retries")
GAUGES = (
    *(STATE, ASSETS, REASONS, COMPUTED, DELIVERED, ELAPSED),
    *(STEP_SECONDS, STEP_PIECES, PIECE_ASSETS, STEP_WORK, WORK),
)


def state_values(states: Iterable[str], state: str) -> Iterator[Value]:
    """Yields which of all states a run is in."""
    for one in states:
        yield STATE, {"state": one}, float(one == state)


def step_values(step: str, counts: StepRecord) -> Iterator[Value]:
    """Yields what became of the assets of a step."""
    outcomes = counts.model_dump(include={"entered", "passed", "refused", "failed"})
    yield from _named(ASSETS, {"step": step}, "outcome", outcomes)
    reasons = {"refused": counts.refused_by_reason, "failed": counts.failed_by_reason}
    for outcome, found in reasons.items():
        yield from _named(REASONS, {"step": step, "outcome": outcome}, "reason", found)


def record_values(record: RunRecord) -> Iterator[Value]:
    """Yields what a run that has ended made and took."""
    attempt = record.attempt
    yield from _named(COMPUTED, {}, "work", record.computed)
    if record.delivered is not None:
        yield from _named(DELIVERED, {}, "what", record.delivered.model_dump())
    yield ELAPSED, {}, attempt.elapsed_s
    for step, taken in attempt.steps.items():
        seconds = {"elapsed": taken.elapsed_s, "busy": taken.busy_s, "processor": taken.cpu_s}
        known = {name: value for name, value in seconds.items() if value is not None}
        yield from _named(STEP_SECONDS, {"step": step}, "of", known)
        yield STEP_PIECES, {"step": step}, taken.pieces
        if taken.largest_piece:
            sizes = {"smallest": taken.smallest_piece, "largest": taken.largest_piece}
            yield from _named(PIECE_ASSETS, {"step": step}, "of", sizes)
        if taken.work is not None:
            yield from _named(STEP_WORK, {"step": step}, "what", taken.work.model_dump())
    yield from _named(WORK, {}, "what", attempt.work.model_dump())


def _named(
    gauge: Gauge, labels: Labels, label: str, values: Mapping[str, float]
) -> Iterator[Value]:
    for name, value in sorted(values.items()):
        yield gauge, {**labels, label: name}, value
