"""A web server with ranges for tests, which counts what it sends and fails as it is told."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np

from tests.fetch.web_server import listening

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")
_CHUNK = 16 << 10

#: Given the path and the number of the request among all, the fault that it gets, or "".
Plan = Callable[[str, int], str]


@dataclass
class RangeServer:
    """A server of a folder.

    Attributes:
        root: The folder.
        plan: Which request gets which fault.
        port: Where it listens.
        sent: Bytes that were sent of each path, those of bodies alone.
        spans: For each path, the ranges whose bytes were sent, as far as they were.
        seen: Faults that were injected.
        queries: The query of each request.
    """

    root: Path
    plan: Plan
    port: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    spans: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    queries: list[str] = field(default_factory=list)
    requests: int = 0
    accepts: Callable[[str], bool] = lambda query: True
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def twice(self, path: str) -> int:
        """Returns how many bytes of a path were sent more than once."""
        length = max((stop for _, stop in self.spans.get(path, [])), default=0)
        times = np.zeros(length, np.int32)
        for start, stop in self.spans.get(path, []):
            times[start:stop] += 1
        return int((times - 1).clip(0).sum())


@contextmanager
def range_server(root: Path, plan: Plan = lambda path, number: "") -> Iterator[RangeServer]:
    server = RangeServer(root, plan)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                _answer(server, self)

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the client may have been killed
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with listening(Handler) as server.port:
        yield server


def _answer(server: RangeServer, handler: BaseHTTPRequestHandler) -> None:
    parts = urlsplit(handler.path)
    path = unquote(parts.path).lstrip("/")
    with server.lock:
        server.requests += 1
        fault = server.plan(path, server.requests)
        server.queries.append(parts.query)
        if fault:
            server.seen[fault] += 1
    if not server.accepts(parts.query):
        _error(handler, 403, "AccessDenied")
        return
    if fault in ("500", "503", "429", "403"):
        _error(handler, int(fault), "InternalError")
        return
    if fault == "hang up":
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)
        return
    try:
        data = (server.root / path).read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        _error(handler, 404, "NoSuchKey")
        return
    if fault == "error in 200":
        _error(handler, 200, "InternalError")
        return
    found = _RANGE.fullmatch(handler.headers.get("Range", ""))
    start, stop = (int(found[1]), int(found[2]) + 1) if found else (0, len(data))
    handler.send_response(206 if found else 200)
    if found:
        handler.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
    if fault == "cut without length":
        handler.send_header("Connection", "close")
    else:
        handler.send_header("Content-Length", str(stop - start))
    handler.end_headers()
    end = start + (stop - start) // 2 if fault.startswith("cut") or fault == "stall" else stop
    body = data[start:end]
    if fault == "flip" and body:
        body = bytes([body[0] ^ 1]) + body[1:]
    at = start
    try:
        while body:
            handler.wfile.write(body[:_CHUNK])
            at += len(body[:_CHUNK])
            body = body[_CHUNK:]
    finally:  # the client may have gone
        with server.lock:
            server.sent[path] += at - start
            if found:
                server.spans.setdefault(path, []).append((start, at))
    if fault == "stall":
        time.sleep(3.0)
    if fault in ("stall", "cut", "cut without length"):
        handler.close_connection = True
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)


def _error(handler: BaseHTTPRequestHandler, status: int, code: str) -> None:
    body = f"<Error><Code>{code}</Code></Error>".encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
