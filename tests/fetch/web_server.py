"""A local web server with a configured answer for each path."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pipelines.fetch.hosts import HttpLocation

# Returns the whole answer as bytes, given the number of the request for its path, from 1.
Answer = Callable[[int], bytes]


@dataclass
class Site:
    """A server's answers, and the requests that it got."""

    answers: dict[str, Answer]
    port: int = 0
    request_counts: Counter[str] = field(default_factory=Counter)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def at(self, target: str) -> HttpLocation:
        return HttpLocation("http", "127.0.0.1", self.port, target, ("127.0.0.1",))


def answer(
    body: bytes = b"", status: int = 200, *headers: tuple[str, str], length: int | None = None
) -> Answer:
    """Returns an answer that is always the same."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def raw(data: bytes) -> Answer:
    return lambda _count: data


def in_turn(*answers: Answer) -> Answer:
    """Returns an answer that changes with each request; the last one is repeated."""
    return lambda count: answers[min(count, len(answers)) - 1](count)


@contextmanager
def serving(answers: dict[str, Answer]) -> Iterator[Site]:
    site = Site(answers)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with lock:
                site.request_counts[self.path] += 1
                site.headers.append(dict(self.headers.items()))
                count = site.request_counts[self.path]
            found = site.answers.get(self.path.partition("?")[0], answer(status=404))
            with contextlib.suppress(OSError):  # the client may close the connection
                self.wfile.write(found(count))
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_WR)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with listening(Handler) as site.port:
        yield site


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Runs a server, and gives its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
