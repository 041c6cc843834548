"""Takes only whole heads of responses, and not too slowly.

A read timeout bounds each single read: a server that sends a byte of its headers every few seconds
would keep a worker for hours. And http.client takes a head that broke off for a whole one, so that
headers which were to follow, such as a reservation of rights, would be lost. The body is bounded
where it is read.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from io import BufferedReader
from typing import BinaryIO, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


def require_whole_heads(pool: urllib3.HTTPConnectionPool, within_s: float) -> None:
    """Has a request fail as if broken off if the head of its response is not whole in time.

    Args:
        pool: A pool without connections yet.
        within_s: How long a head may take after the request was sent, in seconds.
    """
    plain = HTTPSConnection if isinstance(pool, urllib3.HTTPSConnectionPool) else HTTPConnection

    class Connection(plain):  # type: ignore[misc, valid-type]  # one of two classes
        response_class = _WholeHead

        def getresponse(self) -> urllib3.HTTPResponse:
            timer = threading.Timer(within_s, _hang_up, [self.sock])
            timer.daemon = True
            timer.start()
            try:
                return cast(urllib3.HTTPResponse, super().getresponse())
            finally:
                timer.cancel()

    pool.ConnectionCls = Connection


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be closed already
        connection.shutdown(socket.SHUT_RDWR)


class _WholeHead(http.client.HTTPResponse):
    """A response whose head must end with an empty line."""

    def begin(self) -> None:
        stream = self.fp
        lines = _Lines(stream)
        self.fp = cast("BufferedReader", lines)
        super().begin()
        if self.fp is not None:  # http.client has let go of it if there is no body
            self.fp = stream
        if not lines.last:
            self.close()
            raise http.client.IncompleteRead(b"")


class _Lines:
    """Remembers the last line that was read of a stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = self._stream.readline(limit)
        return self.last

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
