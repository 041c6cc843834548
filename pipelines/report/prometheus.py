"""Shows runs as metrics in Prometheus's text format, for its node exporter or a page of one's own.

All are gauges: a run that is started again begins anew. Deals, versions and reasons are labels;
nothing names an asset or a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipelines.run.status import RunState, RunStatus
from schemas.run_record import RunRecord

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


STATE = Gauge("state", "1 for the state that the last run of a version is in, 0 for the others")
ASSETS = Gauge("assets", "Assets that entered and passed a step, and that it refused and failed")
REASONS = Gauge("assets_by_reason", "Assets refused or failed, by reason; one may have several")
COMPUTED = Gauge("computed_media", "Media decoded, embedded and captioned for the first time")
DELIVERED = Gauge("delivered", "Size of the delivery: samples, shards, files and bytes")
ELAPSED = Gauge("elapsed_seconds", "Time that the last attempt took")
STEP_SECONDS = Gauge("step_seconds", "Time of a step: elapsed, busy in all its pieces, processor")
WORK = Gauge("work", "What the work took: bytes read, seconds in decoders and models, retries")
_GAUGES = (STATE, ASSETS, REASONS, COMPUTED, DELIVERED, ELAPSED, STEP_SECONDS, WORK)
_PREFIX = "fairshard_run_"


def prometheus_text(runs: Iterable[RunStatus]) -> str:
    """Returns the metrics of runs in Prometheus's text exposition format 0.0.4."""
    found: dict[Gauge, list[str]] = {gauge: [] for gauge in _GAUGES}
    for run in runs:
        of_run = {"deal_id": run.deal_id, "version": run.version}
        for gauge, labels, value in _values(run):
            found[gauge].append(_line(gauge, {**of_run, **labels}, value))
    lines: list[str] = []
    for gauge, values in found.items():
        if values:
            lines += [
                f"# HELP {_PREFIX}{gauge.name} {gauge.help}.",
                f"# TYPE {_PREFIX}{gauge.name} gauge",
                *values,
            ]
    return "".join(f"{line}\n" for line in lines)


def _values(run: RunStatus) -> Iterator[tuple[Gauge, Labels, float]]:
    for state in RunState:
        yield STATE, {"state": state}, float(run.state == state)
    for step, counts in run.steps.items():
        yield from _named(
            ASSETS,
            {"step": step},
            "outcome",
            {
                "entered": counts.entered,
                "passed": counts.passed,
                "refused": counts.refused_assets,
                "failed": counts.failed_assets,
            },
        )
        for outcome, reasons in (("refused", counts.refused), ("failed", counts.failed)):
            yield from _named(REASONS, {"step": step, "outcome": outcome}, "reason", reasons)
    if run.record is not None:
        yield from _recorded(run.record)


def _recorded(record: RunRecord) -> Iterator[tuple[Gauge, Labels, float]]:
    attempt = record.attempt
    yield from _named(COMPUTED, {}, "work", record.computed)
    if record.delivered is not None:
        yield from _named(DELIVERED, {}, "what", record.delivered.model_dump())
    yield ELAPSED, {}, attempt.elapsed_s
    for step, taken in attempt.steps.items():
        seconds = {"elapsed": taken.elapsed_s, "busy": taken.busy_s, "processor": taken.cpu_s}
        known = {name: value for name, value in seconds.items() if value is not None}
        yield from _named(STEP_SECONDS, {"step": step}, "of", known)
    yield from _named(WORK, {}, "what", attempt.work.model_dump())


def _named(
    gauge: Gauge, labels: Labels, label: str, values: Mapping[str, float]
) -> Iterator[tuple[Gauge, Labels, float]]:
    for name, value in sorted(values.items()):
        yield gauge, {**labels, label: name}, value


def _line(gauge: Gauge, labels: Labels, value: float) -> str:
    pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
    return f"{_PREFIX}{gauge.name}{{{pairs}}} {value:.16g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
