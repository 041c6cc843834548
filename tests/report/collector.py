"""An OpenTelemetry collector: a small HTTP server that reads what exporters send to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_MESSAGES: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}


@dataclass
class Collector:
    """A running collector.

    Attributes:
        url: Its address.
        status: What it answers.
        received: The messages, by path, and their bytes.
        headers: Those of the last request.
    """

    url: str
    status: int = 200
    received: dict[str, list[Any]] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def spans(self) -> list[Any]:
        """Returns all spans."""
        return [
            span
            for request in self.received.get("/v1/traces", ())
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]

    def points(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Returns all values by the metric's name and its labels; each is there once."""
        found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for request in self.received.get("/v1/metrics", ()):
            for of_resource in request.resource_metrics:
                for of_scope in of_resource.scope_metrics:
                    for metric in of_scope.metrics:
                        for point in metric.gauge.data_points:
                            labels = frozenset(
                                (one.key, one.value.string_value) for one in point.attributes
                            )
                            assert (metric.name, labels) not in found
                            kind = point.WhichOneof("value")
                            found[metric.name, labels] = float(getattr(point, kind))
        return found


@contextmanager
def collector(status: int = 200) -> Iterator[Collector]:
    """Runs a collector on loopback within the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = decompress(body)
            made.headers = dict(self.headers)
            made.bodies.append(body)
            message = _MESSAGES[self.path].FromString(body)
            made.received.setdefault(self.path, []).append(message)
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Stays silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Collector(f"http://127.0.0.1:{server.server_port}", status)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
