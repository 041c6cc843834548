"""A small proxy in front of an S3 server that injects faults by a seeded schedule.

It speaks HTTP/1.1, forwards the client's headers unchanged (the signature covers the Host that
the client saw) and never repairs anything. `FaultyProxy.fault_counts` counts the faults.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>x</Message></Error>'
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class S3Fault(StrEnum):
    """A fault of one request. `AFTER`: the server carried it out, and the client does not know."""

    NONE = "none"
    ERROR_500 = "500"
    ERROR_500_AFTER = "500 after it was carried out"
    SLOW_DOWN = "503 SlowDown"
    TOO_MANY = "429"
    HANG_UP = "no answer"
    HANG_UP_AFTER = "no answer after it was carried out"
    CUT = "half a body, with Content-Length"
    CUT_UNSAID = "half a body, without Content-Length"
    CUT_CHUNKED = "half a chunked body, without its end"
    EMPTY = "no body, Content-Length 0"
    NO_LENGTH = "the whole body, without Content-Length"
    ERROR_IN_200 = "200 with an error as the body"
    ERROR_IN_200_AFTER = "200 with an error as the body after it was carried out"
    CUT_REQUEST = "half the request reaches the server"
    RANGE_IGNORED = "the range does not reach the server"
    DELAY = "a delay"
    TWICE = "the request arrives twice"


ALL_FAULTS = tuple(fault for fault in S3Fault if fault is not S3Fault.NONE)
_AFTER = {S3Fault.ERROR_500_AFTER, S3Fault.HANG_UP_AFTER, S3Fault.ERROR_IN_200_AFTER}
_STATUS = {
    S3Fault.ERROR_500: (500, "InternalError"),
    S3Fault.ERROR_500_AFTER: (500, "InternalError"),
    S3Fault.SLOW_DOWN: (503, "SlowDown"),
    S3Fault.TOO_MANY: (429, "TooMany"),
    S3Fault.ERROR_IN_200: (200, "InternalError"),
    S3Fault.ERROR_IN_200_AFTER: (200, "InternalError"),
}


@dataclass
class Schedule:
    """Decides which request gets which fault.

    Attributes:
        seed: Seed of the random choices.
        rate: Share of requests that get a fault.
        faults: The faults to choose from.
        in_a_row: How many consecutive requests may get a fault before one passes. If it is small, a
            bounded number of attempts succeeds.
    """

    seed: int
    rate: float = 0.3
    faults: Sequence[S3Fault] = ALL_FAULTS
    in_a_row: int = 2
    _row: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._drawn: Counter[S3Fault] = Counter()

    def next(self, possible: set[S3Fault]) -> S3Fault:
        """Returns the fault of the next request."""
        with self._lock:
            chosen = [fault for fault in self.faults if fault in possible]
            if not chosen or self._row >= self.in_a_row or self._chance.random() >= self.rate:
                self._row = 0
                return S3Fault.NONE
            self._row += 1
            # The rarest so far come first, since some are possible for few requests only.
            least = min(self._drawn[fault] for fault in chosen)
            fault = self._chance.choice([one for one in chosen if self._drawn[one] == least])
            self._drawn[fault] += 1
            return fault


@dataclass
class FaultyProxy:
    """A running proxy.

    Attributes:
        endpoint: Its address.
        schedule: Decides the faults; may be replaced while the proxy runs.
        fault_counts: Number of times each fault was injected.
        override: Called with each request's method and path; a fault that it returns has priority.
        written: How often each path was written completely, by a put or a completed upload.
        calls: Method and path of every request, in order.
    """

    endpoint: str
    schedule: Schedule
    fault_counts: Counter[S3Fault] = field(default_factory=Counter)
    override: Callable[[str, str], S3Fault | None] | None = None
    written: Counter[str] = field(default_factory=Counter)
    calls: list[tuple[str, str]] = field(default_factory=list)
    _under_way: int = 0
    _change: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def serving(self, method: str, path: str) -> Iterator[S3Fault]:
        """Wraps each request; yields the fault that `override` names, else NONE."""
        with self._change:
            self._under_way += 1
            self.calls.append((method, path))
        try:
            yield (self.override(method, path) if self.override else None) or S3Fault.NONE
        finally:
            with self._change:
                self._under_way -= 1
                self._change.notify_all()

    def count_write(self, method: str, path: str) -> None:
        """Counts a request that wrote an object completely."""
        place, _, query = path.partition("?")
        made = method == "PUT" and "partNumber=" not in query
        if made or (method == "POST" and "uploadId=" in query):
            with self._change:
                self.written[place] += 1

    def wait_idle(self) -> None:
        """Waits until no request is in progress, such as those of a killed client."""
        with self._change:
            assert self._change.wait_for(lambda: not self._under_way, 60)


@dataclass(frozen=True)
class _Response:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes


class _Handler(BaseHTTPRequestHandler):
    """Forwards one request, or injects its fault."""

    protocol_version = "HTTP/1.1"
    proxy: FaultyProxy
    upstream: str

    def _serve(self) -> None:
        expected = int(self.headers.get("Content-Length", 0))
        request = self.rfile.read(expected)
        if len(request) < expected:
            self.close_connection = True  # the client died, and the server gets nothing
            return
        with self.proxy.serving(self.command, self.path) as steered:
            drawn = self.proxy.schedule.next(self._possible())
            self._apply(drawn if steered is S3Fault.NONE else steered, request)

    def _apply(self, fault: S3Fault, request: bytes) -> None:
        self.proxy.fault_counts[fault] += 1
        if fault is S3Fault.DELAY:
            time.sleep(0.05)
        if fault is S3Fault.HANG_UP:
            self._hang_up()
        elif fault is S3Fault.CUT_REQUEST:
            self._send_half(request)
            self._hang_up()
        elif fault in _STATUS and fault not in _AFTER:
            self._refuse(*_STATUS[fault])
        else:
            answer = self._forward(request, drop_range=fault is S3Fault.RANGE_IGNORED)
            if fault is S3Fault.TWICE:
                answer = self._forward(request, drop_range=False)
            if fault is S3Fault.HANG_UP_AFTER:
                self._hang_up()
            elif fault in _AFTER:
                self._refuse(*_STATUS[fault])
            else:
                self._answer(answer, fault)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _serve

    def _possible(self) -> set[S3Fault]:
        """Returns the faults that a real server or network could cause for such a request."""
        faults: set[S3Fault] = set(ALL_FAULTS)
        query = urlsplit(self.path).query
        if not (self.command == "POST" and "uploadId" in query):
            faults -= {S3Fault.ERROR_IN_200, S3Fault.ERROR_IN_200_AFTER}
        if self.command == "HEAD":
            faults -= {
                S3Fault.CUT,
                S3Fault.CUT_UNSAID,
                S3Fault.CUT_CHUNKED,
                S3Fault.EMPTY,
                S3Fault.NO_LENGTH,
            }
        if self.command == "GET" and not query:
            # For an empty object, an empty body with its length is the correct answer.
            faults -= {S3Fault.EMPTY}
        if self.command != "PUT":
            faults -= {S3Fault.CUT_REQUEST}
        if "Range" not in self.headers:
            faults -= {S3Fault.RANGE_IGNORED}
        return faults

    def _head(self, request: bytes, drop_range: bool) -> list[tuple[str, str]]:
        head = [
            (name, value)
            for name, value in self.headers.items()
            if name.lower() not in {"connection", "expect", "content-length"}
            and not (drop_range and name.lower() == "range")
        ]
        return [*head, ("Content-Length", str(len(request)))]

    def _connection(self) -> HTTPConnection:
        return HTTPConnection(self.upstream, timeout=30)

    def _forward(self, request: bytes, drop_range: bool) -> _Response:
        connection = self._connection()
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self._head(request, drop_range):
                connection.putheader(name, value)
            connection.endheaders(request)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                self.proxy.count_write(self.command, self.path)
            return _Response(answer.status, answer.reason, answer.getheaders(), body)
        finally:
            connection.close()

    def _send_half(self, request: bytes) -> None:
        connection = self._connection()
        with suppress(OSError):
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self._head(request, False):
                connection.putheader(name, value)
            connection.endheaders(request[: len(request) // 2])
        connection.close()

    def _answer(self, answer: _Response, fault: S3Fault) -> None:
        body = answer.body
        half = body[: len(body) // 2]
        length = next(
            (value for name, value in answer.headers if name.lower() == "content-length"), None
        )
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        if fault in (S3Fault.CUT_UNSAID, S3Fault.NO_LENGTH):
            self._end(half if fault is S3Fault.CUT_UNSAID else body, close=True)
        elif fault is S3Fault.CUT_CHUNKED:
            self.send_header("Transfer-Encoding", "chunked")
            self._end(f"{len(body):x}\r\n".encode() + half, close=True)
        elif fault is S3Fault.CUT:
            self.send_header("Content-Length", str(len(body)))
            self._end(half, close=True)
        elif fault is S3Fault.EMPTY:
            self.send_header("Content-Length", "0")
            self._end(b"", close=False)
        else:
            # The answer to HEAD has a length and no body.
            shown_length = (
                length if self.command == "HEAD" and length is not None else str(len(body))
            )
            if answer.status != 204:
                self.send_header("Content-Length", shown_length)
            self._end(b"" if self.command == "HEAD" else body, close=False)

    def _refuse(self, status: int, code: str) -> None:
        body = _XML.format(code).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self._end(b"" if self.command == "HEAD" else body, close=False)

    def _end(self, body: bytes, *, close: bool) -> None:
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        if close:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Prints nothing: clients that were cut off are expected to hang up."""


@contextmanager
def faulty_proxy(endpoint: str, schedule: Schedule) -> Iterator[FaultyProxy]:
    """Yields a proxy that runs in front of `endpoint` within the block."""
    place = urlsplit(endpoint).netloc
    handler = type("Handler", (_Handler,), {"upstream": place})
    server = _QuietServer(("127.0.0.1", 0), handler)
    proxy = FaultyProxy(f"http://127.0.0.1:{server.server_port}", schedule)
    handler.proxy = proxy  # type: ignore[attr-defined]  # the class is local to this function
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
