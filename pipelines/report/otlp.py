"""Sends the figures of a run that has ended to a collector, by OpenTelemetry's protocol over HTTP.

They are those of the run's record: a span for the run and one for each of its steps, and the
metrics that Prometheus gets. Nothing names an asset, a person or the address of a file. Needs
`fairshard[otel]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    MetricExportResult,
    MetricsData,
)
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, Status, StatusCode

from pipelines.report.run_metrics import Gauge, Value, record_values, state_values, step_values
from schemas.run_record import RunOutcome, RunRecord, StepRecord, StepTime

_SCOPE = "fairshard"
_PREFIX = "fairshard.run."
_TIMEOUT_S = 5.0  # for each, so ten seconds at most in all

_Attributes = dict[str, str | int | float]


def send_run(endpoint: str, record: RunRecord) -> list[str]:
    """Sends a run's spans and metrics.

    The exporters read headers, such as those that a collector authenticates by, from
    OpenTelemetry's own variables (`OTEL_EXPORTER_OTLP_HEADERS`).

    Args:
        endpoint: The collector's address without `/v1/traces` and `/v1/metrics`.
        record: The run.

    Returns:
        What the collector did not take: nothing, "spans" or "metrics" or both.
    """
    resource = Resource({SERVICE_NAME: _SCOPE, SERVICE_VERSION: version(_SCOPE)})
    spans = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=_TIMEOUT_S)
    metrics = OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics", timeout=_TIMEOUT_S)
    refused = []
    try:
        if spans.export(spans_of(record, resource)) is not SpanExportResult.SUCCESS:
            refused.append("spans")
        if metrics.export(metrics_of(record, resource)) is not MetricExportResult.SUCCESS:
            refused.append("metrics")
    finally:
        spans.shutdown()  # type: ignore[no-untyped-call]
        metrics.shutdown()
    return refused


def spans_of(record: RunRecord, resource: Resource) -> tuple[ReadableSpan, ...]:
    """Returns a span for each step and, the last one, that of the run, which is their parent.

    A step whose pieces an earlier attempt did has a span without a length.
    """
    kept = InMemorySpanExporter()
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer(_SCOPE, version(_SCOPE))
    began = datetime.fromisoformat(record.attempt.started)
    run = tracer.start_span("package", start_time=_ns(began), attributes=_of_run(record))
    _end_badly(run, record)
    for name, taken in record.attempt.steps.items():
        starts = began + timedelta(seconds=taken.after_s or 0.0)
        step = tracer.start_span(
            name,
            trace.set_span_in_context(run),
            start_time=_ns(starts),
            attributes=_of_step(name, record.steps.get(name), taken),
        )
        step.end(_ns(starts + timedelta(seconds=taken.elapsed_s)))
    run.end(_ns(datetime.fromisoformat(record.attempt.ended)))
    provider.shutdown()
    return kept.get_finished_spans()


def metrics_of(record: RunRecord, resource: Resource) -> MetricsData:
    """Returns the run's metrics, named as Prometheus's with full stops."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)
    meter = provider.get_meter(_SCOPE, version(_SCOPE))
    of_run = {"deal_id": record.deal_id, "version": record.version}
    gauges = {}
    for gauge, labels, value in _values(record):
        if gauge not in gauges:
            gauges[gauge] = meter.create_gauge(_name(gauge), description=f"{gauge.help}.")
        gauges[gauge].set(value, {**of_run, **labels})
    found = reader.get_metrics_data()
    provider.shutdown()
    return found or MetricsData([])


def _values(record: RunRecord) -> Iterator[Value]:
    yield from state_values(RunOutcome, record.outcome)
    for step, counts in record.steps.items():
        yield from step_values(step, counts)
    yield from record_values(record)


def _name(gauge: Gauge) -> str:
    return f"{_PREFIX}{gauge.name}"


def _end_badly(run: Span, record: RunRecord) -> None:
    if record.error:
        run.set_status(Status(StatusCode.ERROR, record.error))


def _of_run(record: RunRecord) -> _Attributes:
    attempt = record.attempt
    found: _Attributes = {
        "deal_id": record.deal_id,
        "version": record.version,
        "run_id": record.run_id,
        "engine": attempt.engine,
        "outcome": record.outcome.value,
    }
    if attempt.workers is not None:
        found["workers"] = attempt.workers
    if record.delivered is not None:
        found |= record.delivered.model_dump()
    return _named(found)


def _of_step(name: str, counts: StepRecord | None, taken: StepTime) -> _Attributes:
    found: _Attributes = {"step": name, "pieces": taken.pieces, "busy_s": taken.busy_s}
    if taken.cpu_s is not None:
        found["cpu_s"] = taken.cpu_s
    if counts is not None:
        found |= counts.model_dump(include={"entered", "passed", "refused", "failed"})
    if taken.work is not None:
        found |= {name: amount for name, amount in taken.work.model_dump().items() if amount}
    return _named(found)


def _named(found: _Attributes) -> _Attributes:
    return {f"{_SCOPE}.{name}": value for name, value in found.items()}


def _ns(moment: datetime) -> int:
    whole = int(moment.timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1_000
