"""A run's figures at an OpenTelemetry collector: the same as in its record, and nothing else."""

from __future__ import annotations

import argparse
import io
import sys
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from pipelines.commands.logging_options import add_log_options
from pipelines.commands.telemetry import telemetry
from pipelines.report.otlp import send_run
from pipelines.run.costs import Cost
from pipelines.run.counts import StepCounts
from pipelines.run.record import Observed
from schemas.errors import InputError
from schemas.manifest import EndRecord
from schemas.run_record import RunRecord
from tests.report.collector import Collector, collector

_BEGAN_S = 1_800_000_000.25


def observed() -> Observed:
    counts = StepCounts(entered=10, passed=7)
    counts.add_refusals(["consent.missing"], 3)
    took = Cost(
        pieces=2,
        started_s=_BEGAN_S + 1,
        ended_s=_BEGAN_S + 3,
        busy_s=4.0,
        amounts={"media_bytes": 2**40, "decode_s": 1.5, "fetch_retries": 2},
        smallest=4,
        largest=6,
    )
    earlier = Cost(pieces=1, busy_s=9.0)  # all of it was done by an attempt before
    made = Observed("FnApiRunner", 2, _BEGAN_S)
    made.steps = {"screen": counts, "enrich": StepCounts(entered=7, passed=7)}
    made.costs = {"screen": took, "enrich": earlier}
    made.delivered = EndRecord(shards=1, samples=7, files=9, bytes=5_000)
    return made


def record(error: str = "") -> RunRecord:
    return observed().record("acme", "v0001", "ab", _BEGAN_S + 5, error)


def value_of(collected: Collector, name: str, **labels: str) -> float:
    pairs = {"deal_id": "acme", "version": "v0001", **labels}
    return collected.points()[f"fairshard.run.{name}", frozenset(pairs.items())]


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_metrics_are_those_of_the_record() -> None:
    with collector() as made:
        assert send_run(made.url, record()) == []
    screen = {"step": "screen"}
    expected: list[tuple[str, dict[str, str], float]] = [
        ("state", {"state": "delivered"}, 1),
        ("state", {"state": "failed"}, 0),
        ("assets", {**screen, "outcome": "entered"}, 10),
        ("assets", {**screen, "outcome": "refused"}, 3),
        ("assets_by_reason", {**screen, "outcome": "refused", "reason": "consent.missing"}, 3),
        ("delivered", {"what": "bytes"}, 5_000),
        ("elapsed_seconds", {}, 5),
        ("step_seconds", {**screen, "of": "busy"}, 4),
        ("step_pieces", screen, 2),
        ("piece_assets", {**screen, "of": "smallest"}, 4),
        ("piece_assets", {**screen, "of": "largest"}, 6),
        ("step_work", {**screen, "what": "media_bytes"}, 2**40),
        ("step_work", {**screen, "what": "decode_s"}, 1.5),
        ("step_work", {"step": "enrich", "what": "media_bytes"}, 0),
        ("work", {"what": "fetch_retries"}, 2),
    ]
    for name, labels, value in expected:
        assert value_of(made, name, **labels) == value, name
    with pytest.raises(KeyError):  # it is not known how large the pieces were
        value_of(made, "piece_assets", step="enrich", of="largest")


def test_each_step_is_a_span_in_that_of_the_run() -> None:
    with collector() as made:
        assert send_run(made.url, record()) == []
    spans = {span.name: span for span in made.spans()}
    assert set(spans) == {"package", "screen", "enrich"}
    run, screen, enrich = spans["package"], spans["screen"], spans["enrich"]
    assert screen.parent_span_id == enrich.parent_span_id == run.span_id and not run.parent_span_id
    assert len({span.trace_id for span in spans.values()}) == 1
    began_ns = 1_800_000_000_250_000_000
    assert (run.start_time_unix_nano, run.end_time_unix_nano) == (began_ns, began_ns + 5 * 10**9)
    assert screen.start_time_unix_nano == began_ns + 10**9
    assert screen.end_time_unix_nano == began_ns + 3 * 10**9
    assert enrich.start_time_unix_nano == enrich.end_time_unix_nano == began_ns
    told = attributes(screen)
    assert (told["fairshard.refused"], told["fairshard.pieces"]) == (3, 2)
    assert told["fairshard.media_bytes"] == 2**40 and "fairshard.model_calls" not in told
    assert attributes(run)["fairshard.outcome"] == "delivered" and run.status.code == 0


def test_a_run_that_failed_is_an_error() -> None:
    with collector() as made:
        send_run(made.url, record("Too many failed assets"))
    (run,) = (span for span in made.spans() if span.name == "package")
    assert (run.status.code, run.status.message) == (2, "Too many failed assets")
    assert value_of(made, "state", state="undelivered") == 1


def test_the_environment_adds_headers_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "host.name=secret-host")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20token")
    with collector() as made:
        assert send_run(made.url, record()) == []
    assert made.headers["authorization"] == "Bearer token"
    assert len(made.spans()) == 3
    assert not any(b"secret-host" in body or b"token" in body for body in made.bodies)
    (resource,) = (one.resource for one in made.received["/v1/traces"][0].resource_spans)
    assert {one.key for one in resource.attributes} == {"service.name", "service.version"}


def options(otlp: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_log_options(parser)
    return parser.parse_args(["--otlp", otlp] if otlp else [])


def test_a_collector_that_refuses_is_said_in_a_line() -> None:
    said = io.StringIO()
    with collector(400) as made:
        tell = telemetry(options(f"{made.url}/"), Console(file=said, width=200))
        assert tell is not None
        tell(record())
    assert said.getvalue() == (
        f"{made.url} did not take the run's spans and metrics. "
        "The run's record has the same figures.\n"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("127.0.0.1:4318", "not the address of a collector"),
        ("http://:4318", "not the address of a collector"),
        ("http://127.0.0.1:x", "not the address of a collector"),
        ("grpc://127.0.0.1:4317", "not the address of a collector"),
        ("http://127.0.0.1:4318/?a=b", "not the address of a collector"),
        ("http://me:hidden@127.0.0.1:4318", "must not hold a password"),
    ],
)
def test_other_addresses_are_refused(given: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        telemetry(options(given), Console())
    assert "hidden" not in str(caught.value)


def test_without_the_option_nothing_is_imported_or_sent() -> None:
    assert telemetry(options(""), Console()) is None


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pipelines.report.otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(InputError, match=r"pip install 'fairshard\[otel\]'"):
        telemetry(options("http://127.0.0.1:4318"), Console())


def test_unmeasured_steps_have_no_sizes() -> None:
    made = observed()
    made.costs = {"screen": replace(made.costs["screen"], smallest=0, largest=0)}
    taken = made.record("acme", "v0001", "ab", _BEGAN_S + 5).attempt.steps["screen"]
    assert (taken.smallest_piece, taken.largest_piece, taken.after_s) == (0, 0, 1.0)
