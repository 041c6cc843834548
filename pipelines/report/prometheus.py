"""Shows runs as metrics in Prometheus's text format, for its node exporter or any other page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipelines.report.run_metrics import (
    GAUGES,
    Gauge,
    Labels,
    Value,
    record_values,
    state_values,
    step_values,
)
from pipelines.run.record import step_record
from pipelines.run.status import RunState, RunStatus

_PREFIX = "fairshard_run_"


def prometheus_text(runs: Iterable[RunStatus]) -> str:
    """Returns the metrics of runs in Prometheus's text exposition format 0.0.4."""
    found: dict[Gauge, list[str]] = {gauge: [] for gauge in GAUGES}
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


def _values(run: RunStatus) -> Iterator[Value]:
    yield from state_values(RunState, run.state)
    for step, counts in run.steps.items():
        yield from step_values(step, step_record(counts))
    if run.record is not None:
        yield from record_values(run.record)


def _line(gauge: Gauge, labels: Labels, value: float) -> str:
    pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
    return f"{_PREFIX}{gauge.name}{{{pairs}}} {value:.16g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
