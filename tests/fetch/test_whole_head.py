"""Heads of responses that never end, or break off."""

from __future__ import annotations

import contextlib
import time
from http.server import BaseHTTPRequestHandler

import pytest
from tenacity import stop_after_attempt

from pipelines.fetch import http
from pipelines.fetch.hosts import HttpLocation
from pipelines.fetch.http import send
from pipelines.fetch.http_request import Sent
from schemas.errors import BadRecord
from tests.fetch.web_server import listening, raw, serving

_PATIENCE_S = 0.3
_DRIPPING_S = 8.0


class _Dripping(BaseHTTPRequestHandler):
    """Sends a byte of a header more often than any read may take, for a long time."""

    def do_GET(self) -> None:
        end_s = time.monotonic() + _DRIPPING_S
        with contextlib.suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 X\r\nX-Slow: ")
            while time.monotonic() < end_s:
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(_PATIENCE_S / 10)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_head_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http._with_retries, "stop", stop_after_attempt(1))
    start_s = time.monotonic()
    with listening(_Dripping) as port:
        location = HttpLocation("http", "127.0.0.1", port, "/a", ("127.0.0.1",))
        with pytest.raises(BadRecord, match="no connection"):
            send(location, Sent(timeout_s=_PATIENCE_S), 100)
        assert time.monotonic() - start_s < _DRIPPING_S / 2


@pytest.mark.parametrize("cut", [b"", b"Content-", b"Content-Length: 0\r\n", b"X: 1\r\n tdm"])
def test_a_head_that_breaks_off_is_no_answer(monkeypatch: pytest.MonkeyPatch, cut: bytes) -> None:
    monkeypatch.setattr(http._with_retries, "stop", stop_after_attempt(1))
    whole = b"HTTP/1.1 200 X\r\nTDM-Reservation: 1\r\nContent-Length: 0\r\n\r\n"
    with serving({"/cut": raw(b"HTTP/1.1 200 X\r\n" + cut), "/whole": raw(whole)}) as site:
        with pytest.raises(BadRecord, match="no connection"):
            send(site.at("/cut"), Sent(), 100)
        assert send(site.at("/whole"), Sent(), 100) == b""
