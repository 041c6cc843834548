"""Reads a delivery over HTTP by ranges, on connections that are kept open.

`http.client` is used as it is, since it reads into a buffer of ours: copies and small pieces would
cost more than the network does. Redirects are not followed, so that a signed address stays between
the buyer and the host that it names.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, urlsplit

from pipelines.fetch.pacing import default_user_agent, retry_after_s
from pipelines.pull.addresses import Addresses, check_web_address
from pipelines.pull.origin import (
    CHUNK_BYTES,
    MIN_BYTES_PER_S,
    DeniedError,
    PassingFaultError,
)
from schemas.errors import RunError

_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_DRAINED_BYTES = 65_536  # an error's body up to this length is read, to keep the connection
_MISSING = frozenset({404, 410})
_DENIED = frozenset({401, 403})


@dataclass(frozen=True)
class HttpOrigin:
    """Files that a web server sends.

    Attributes:
        uri: The address as given, without its query.
        addresses: Where each file is.
        stall_s: How long the server may send nothing, in seconds.
    """

    uri: str
    addresses: Addresses
    stall_s: float

    def lane(self) -> HttpLane:
        """See `Origin.lane`."""
        return HttpLane(self.addresses, self.stall_s)

    def renew(self, path: str, refused: str) -> bool:
        """See `Origin.renew`."""
        return self.addresses.renew(path, refused)

    def prepare(self, paths: Sequence[str]) -> None:
        """See `Origin.prepare`."""
        self.addresses.prepare(paths)


class HttpLane:
    """One connection to a web server, which is opened again when it breaks; see `Lane`."""

    def __init__(self, addresses: Addresses, stall_s: float) -> None:
        self._addresses = addresses
        self._stall_s = stall_s
        self._host = ("", "", 0)
        self._connection: http.client.HTTPConnection | None = None
        self._lock = threading.Lock()
        self._buffer = memoryview(bytearray(CHUNK_BYTES))

    def chunks(self, path: str, start: int, stop: int, size: int) -> Iterator[memoryview]:
        """See `Lane.chunks`."""
        with self._asking(path, {"Range": f"bytes={start}-{stop - 1}"}) as answer:
            _check_range(answer, start, stop, size)
            at = start
            while at < stop:
                count = answer.readinto(self._buffer[: stop - at])
                if not count:
                    raise PassingFaultError(f"broke off at byte {at:,} of {size:,}")
                yield self._buffer[:count]
                at += count

    def whole(self, path: str, max_bytes: int) -> bytes:
        """See `Lane.whole`."""
        with self._asking_in_time(path) as answer:
            if answer.status != 200:
                raise PassingFaultError(f"HTTP {answer.status} where 200 was expected")
            data = read_in_time(answer, max_bytes + 1, self._stall_s)
            if len(data) > max_bytes:
                raise RunError(
                    "A file is too large",
                    f"{path}: more than {max_bytes:,} bytes",
                    "Ask the agency.",
                )
            if answer.length:
                raise PassingFaultError(f"broke off after {len(data):,} bytes")
            return data

    def hang_up(self) -> None:
        """See `Lane.hang_up`."""
        with self._lock:
            if self._connection is not None and self._connection.sock is not None:
                with contextlib.suppress(OSError):
                    self._connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """See `Lane.close`."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    @contextlib.contextmanager
    def _asking_in_time(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """Sends a request; breaks off if the answer does not begin in time, however it drips."""
        self._addresses.url(path)  # kept; whoever signs it may take longer than an answer
        late = threading.Event()

        def leave() -> None:
            late.set()
            self.hang_up()

        watch = threading.Timer(self._stall_s, leave)
        watch.daemon = True
        watch.start()
        try:
            with self._asking(path, {}) as answer:
                watch.cancel()
                if late.is_set():  # headers that were cut off look like the last ones
                    raise PassingFaultError("the answer did not begin in time")
                yield answer
        finally:
            watch.cancel()

    @contextlib.contextmanager
    def _asking(self, path: str, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
        """Sends a request; a connection that is not at the end of its answer is closed."""
        url = self._addresses.url(path)
        try:
            answer = self._send(url, headers)
            _check_status(answer, path, url)
            yield answer
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if isinstance(error, ssl.SSLCertVerificationError):
                raise RunError(
                    "The server's certificate is not valid",
                    f"{self._host[1]}: {error.verify_message}",
                    "Do not pull from it before the agency has explained this.",
                ) from error
            if isinstance(error, FileNotFoundError):
                raise
            raise PassingFaultError(f"{type(error).__name__} ({error})"[:120]) from error
        except BaseException:
            self.close()
            raise
        if not answer.isclosed():
            self.close()

    def _send(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = {"User-Agent": default_user_agent(), "Accept-Encoding": "identity", **headers}
        kept = self._connect(url)
        connection = self._connection
        assert connection is not None  # noqa: S101  (for the type checker)
        try:
            connection.request("GET", target, headers=sent)
            return connection.getresponse()
        except (ConnectionError, http.client.BadStatusLine):
            if not kept:
                raise
        # A server may close a connection that was kept open; that is no fault of it.
        self.close()
        self._connect(url)
        connection = self._connection
        assert connection is not None  # noqa: S101
        connection.request("GET", target, headers=sent)
        return connection.getresponse()

    def _connect(self, url: str) -> bool:
        """Has a connection to an address's host; returns whether it was open already."""
        parts = urlsplit(check_web_address(url))
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
        host = (parts.scheme, parts.hostname or "", port)
        if self._connection is not None and host == self._host:
            return self._connection.sock is not None
        self.close()
        with self._lock:
            self._host = host
            self._connection = _connection(*host, self._stall_s)
        return False


def read_in_time(answer: http.client.HTTPResponse, max_bytes: int, stall_s: float) -> bytes:
    """Reads an answer that nothing else watches, up to a number of bytes.

    Raises:
        PassingFaultError: If it brings less than 1 kB a second for `stall_s` seconds.
    """
    data, since_s, seen = bytearray(), time.monotonic(), 0
    while len(data) < max_bytes and (piece := answer.read1(max_bytes - len(data))):
        data += piece
        now = time.monotonic()
        if now - since_s >= stall_s:
            if len(data) - seen < MIN_BYTES_PER_S * stall_s:
                raise PassingFaultError(f"too slow after {len(data):,} bytes")
            since_s, seen = now, len(data)
    return bytes(data)


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def web_connection(parts: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    """Returns a connection, not yet made, to the host of an address."""
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    return _connection(parts.scheme, parts.hostname or "", port, timeout_s)


def _connection(scheme: str, host: str, port: int, timeout_s: float) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout_s)
    return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=_tls_context())


def _check_status(answer: http.client.HTTPResponse, path: str, url: str) -> None:
    """Raises for an answer that has not the bytes."""
    status = answer.status
    if status in (200, 206):
        if answer.getheader("Content-Encoding", "identity") != "identity":
            raise PassingFaultError("the server sent other bytes than it stores")
        return
    detail = f"HTTP {status}{_code(answer)}"
    if status in _MISSING:
        raise FileNotFoundError(path)
    if status in _DENIED:
        raise DeniedError(detail, url)
    if 300 <= status < 400:
        raise RunError(
            "The server redirects the request, and redirects are not followed",
            f"{urlsplit(url).hostname}: {detail}",
            "Pull from the address that it leads to, if you trust it.",
        )
    if status == 416:
        raise RunError(
            "A file is not the one that the manifest lists",
            f"{path} is shorter than the manifest says",
            "Ask the agency: its copy is damaged or is being changed.",
        )
    raise PassingFaultError(detail, retry_after_s(_Headers(answer.getheader)) or 0.0)


class _Headers(dict[str, str]):
    """An answer's headers as a mapping for `retry_after_s`, whatever their capitals."""

    def __init__(self, header: Callable[[str, str], str | None]) -> None:
        super().__init__()
        self._header = header

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        return self._header(name, default) or default


def _code(answer: http.client.HTTPResponse) -> str:
    """Returns what an error's body says in a word, as S3 does, and leaves the connection usable."""
    body = b""
    if answer.length is not None and answer.length <= _DRAINED_BYTES:
        with contextlib.suppress(OSError, http.client.HTTPException):
            body = answer.read()
    found = re.search(rb"<Code>([A-Za-z]{1,60})</Code>", body)
    return f" {found[1].decode()}" if found else ""


def _check_range(answer: http.client.HTTPResponse, start: int, stop: int, size: int) -> None:
    """Checks that an answer holds exactly the bytes that were asked for.

    Raises:
        PassingFaultError: If it does not, such as an error in an answer with status 200.
        RunError: If the file has another length.
    """
    if answer.status == 200:
        if (start, stop) == (0, size) and answer.length == size:
            return  # all of a small file, from a server without ranges
        raise PassingFaultError("the server did not send the range that was asked for")
    found = _RANGE.fullmatch(answer.getheader("Content-Range", "") or "")
    if found is None:
        raise PassingFaultError("the server did not say which range it sends")
    if int(found[3]) != size:
        raise RunError(
            "A file is not the one that the manifest lists",
            f"{int(found[3]):,} bytes, the manifest says {size:,}",
            "Ask the agency: its copy is damaged or is being changed.",
        )
    if (int(found[1]), int(found[2]) + 1) != (start, stop) or (
        answer.length is not None and answer.length != stop - start
    ):
        raise PassingFaultError("the server sent another range than was asked for")
