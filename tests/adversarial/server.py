"""Web servers that serve the media from a plan and count the requests."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class ServerAnswer:
    """An HTTP answer.

    Attributes:
        body: The body.
        status: HTTP status.
        headers: Names and values of headers, without Content-Length.
        missing: How many bytes at the end of the body are not sent, despite Content-Length.
    """

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    missing: int = 0


PathHandler = Callable[[str], ServerAnswer]


@dataclass
class RequestLog:
    """Counts requests by origin and path."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    first_s: float = 0.0  # monotonic time of the first request
    last_new_s: float = 0.0  # monotonic time of the last request for a new path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, origin: str, path: str) -> None:
        """Counts a request."""
        now = time.monotonic()
        with self._lock:
            self.requests[origin, path] += 1
            self.first_s = self.first_s or now
            if self.requests[origin, path] == 1:
                self.last_new_s = now


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def serving(name: str, answers: PathHandler, log: RequestLog) -> Iterator[str]:
    """Serves on a free local port.

    Args:
        name: The origin's name in the log.
        answers: Returns the answer for a path.
        log: Records the requests.

    Yields:
        The origin, `http://127.0.0.1:PORT`.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):  # the client may close the connection
                super().handle()

        def do_GET(self) -> None:
            log.record(name, self.path)
            found = answers(self.path)
            lines = [f"HTTP/1.1 {found.status} X", f"Content-Length: {len(found.body)}"]
            lines += [f"{key}: {value}" for key, value in found.headers]
            head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
            sent = found.body[: len(found.body) - found.missing]
            self.wfile.write(head + sent)
            self.close_connection = self.close_connection or found.missing > 0

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
