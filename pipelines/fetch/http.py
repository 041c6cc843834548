"""Fetches files from web servers and asks them, connecting only to addresses that were checked."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, islice
from typing import Concatenate, Literal, ParamSpec, TypeVar

import urllib3
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)
from urllib3.exceptions import HTTPError, SSLError

from pipelines.fetch.hosts import HttpLocation, may_reach
from pipelines.fetch.pacing import MAX_WAIT_S, MAX_WAITS_S, Pacer, retry_after_s
from pipelines.fetch.response_head import ResponseHead, response_head
from pipelines.fetch.whole_head import require_whole_heads
from pipelines.storage.progress import note_amount
from schemas.errors import BadRecord
from schemas.reasons import Reason

_CONNECT_TIMEOUT_S = 10.0
_READ_TIMEOUT_S = 30.0
# A server that sends bytes very slowly to keep a worker busy is abandoned.
_GRACE_S = 60.0
_MIN_BYTES_PER_S = 10_000
_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_WAITING_STATUSES = frozenset({429, 503})


_P = ParamSpec("_P")
_R = TypeVar("_R")


class _TransientError(BadRecord):
    """A failure that may not recur on another attempt."""


class _WaitRequestedError(BadRecord):
    """A response that asks to be sent the request later.

    Args:
        error: What is said if it is not waited for.
        seconds: How much later.
    """

    def __init__(self, error: BadRecord, seconds: float) -> None:
        super().__init__(error.reason, error.detail)
        self.seconds = seconds


@dataclass(frozen=True)
class Sent:
    """What is sent in a request.

    Attributes:
        method: GET or POST.
        headers: Headers besides those of every request; they may hold a key.
        body: The body, or None.
        timeout_s: How long to wait for the answer; None for the limits of media files.
    """

    method: Literal["GET", "POST"] = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout_s: float | None = None

    @property
    def read_timeout_s(self) -> float:
        """How long the server may send nothing, in seconds."""
        return _READ_TIMEOUT_S if self.timeout_s is None else self.timeout_s

    @property
    def grace_s(self) -> float:
        """How long the server may take besides the time that its bytes may take, in seconds."""
        return _GRACE_S if self.timeout_s is None else self.timeout_s


_GET = Sent()
_pacer = Pacer()
_with_retries = Retrying(
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(multiplier=1, max=4),
    retry=retry_if_exception_type(_TransientError),
    reraise=True,
    before_sleep=lambda _: note_amount("fetch_retries"),
)


# Is called with the head before the body is read; an exception from it ends the fetch.
OnResponseHead = Callable[[ResponseHead], None]


def stream_http(
    location: HttpLocation, chunk_bytes: int, on_head: OnResponseHead | None = None
) -> Iterator[bytes]:
    """Streams a file. Once bytes have been yielded, a failure is final.

    Args:
        location: Where it is.
        chunk_bytes: Maximum size of a chunk.
        on_head: Called with the head of each response, unless the attempt is repeated.

    Raises:
        BadRecord: `media.unavailable`; `media.not_allowed` if the host has a private address.
    """
    yield from _with_retries(_patiently, _start_once, location, chunk_bytes, on_head)


def read_whole_http(location: HttpLocation, max_bytes: int, on_head: OnResponseHead) -> bytes:
    """Reads a small file; an interrupted transfer is repeated from the start.

    Args:
        location: Where it is.
        max_bytes: Maximum number of bytes.
        on_head: As for `stream_http`.

    Raises:
        BadRecord: As `stream_http`; `media.too_large` if there are more bytes.
    """
    body: bytes = _with_retries(_patiently, _read_once, location, max_bytes, on_head)
    return body


def send(
    location: HttpLocation, sent: Sent, max_bytes: int, on_head: OnResponseHead | None = None
) -> bytes:
    """Sends a request and returns the body of the answer, which must have the status 200.

    Requests are repeated like those for files, so the server must bear that.

    Args:
        location: Where it is sent.
        sent: What is sent.
        max_bytes: Maximum number of bytes of the answer.
        on_head: As for `stream_http`.

    Raises:
        BadRecord: As `read_whole_http`.
    """
    body: bytes = _with_retries(_patiently, _read_once, location, max_bytes, on_head, sent)
    return body


def _patiently(
    request: Callable[Concatenate[HttpLocation, _P], _R],
    location: HttpLocation,
    *args: _P.args,
    **kwargs: _P.kwargs,
) -> _R:
    """Repeats a request as long as the server asks for it to be sent later, within bounds."""
    waited_s = 0.0
    while True:
        try:
            return request(location, *args, **kwargs)
        except _WaitRequestedError as error:
            waited_s += error.seconds
            if error.seconds > MAX_WAIT_S or waited_s > MAX_WAITS_S:
                raise
            note_amount("fetch_retries")
            _pacer.postpone(location.host, location.port, error.seconds)


def url_of(location: HttpLocation) -> str:
    """Returns a location as a URL."""
    return f"{location.scheme}://{_host_header(location)}{location.target}"


def _unavailable(
    location: HttpLocation, detail: str, kind: type[BadRecord] = BadRecord
) -> BadRecord:
    # The query is left out because it often holds a signature.
    path = location.target.partition("?")[0]
    where = f"{location.scheme}://{location.host}:{location.port}{path}"
    return kind(Reason.MEDIA_UNAVAILABLE, f"{where}: {detail}"[:200])


def _addresses(location: HttpLocation) -> list[str]:
    """Resolves the host once; if any address is not allowed, none is used."""
    try:
        found = socket.getaddrinfo(location.host, location.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise _unavailable(location, "the host name does not resolve", _TransientError) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not may_reach(address, location):
            raise BadRecord(
                Reason.MEDIA_NOT_ALLOWED,
                f"{location.host} is at the private address {address}, which is not listed",
            )
    return addresses


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _pool(location: HttpLocation, address: str, sent: Sent) -> urllib3.HTTPConnectionPool:
    pool = _unbounded_pool(location, address, sent.read_timeout_s)
    require_whole_heads(pool, sent.grace_s)
    return pool


def _unbounded_pool(
    location: HttpLocation, address: str, read_timeout_s: float
) -> urllib3.HTTPConnectionPool:
    timeout = urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=read_timeout_s)
    if location.scheme == "http":
        return urllib3.HTTPConnectionPool(address, location.port, timeout=timeout)
    # The connection goes to the checked address; the certificate must match the host name.
    return urllib3.HTTPSConnectionPool(
        address,
        location.port,
        timeout=timeout,
        ssl_context=_tls_context(),
        server_hostname=location.host,
        assert_hostname=location.host,
    )


def _host_header(location: HttpLocation) -> str:
    host = f"[{location.host}]" if ":" in location.host else location.host
    default_port = {"https": 443, "http": 80}[location.scheme]
    return host if location.port == default_port else f"{host}:{location.port}"


def _request_once(
    location: HttpLocation,
    chunk_bytes: int,
    on_head: OnResponseHead | None,
    sent: Sent = _GET,
) -> Iterator[bytes]:
    _pacer.await_turn(location.host, location.port, location.client.requests_per_minute)
    start_s = time.monotonic()
    last_error: Exception | None = None
    for address in _addresses(location):
        with _pool(location, address, sent) as pool:
            try:
                response = pool.urlopen(
                    sent.method,
                    location.target,
                    body=sent.body,
                    headers={**sent.headers, **_request_headers(location)},
                    redirect=False,
                    retries=False,
                    assert_same_host=False,
                    preload_content=False,
                    decode_content=False,
                )
            except SSLError as error:
                raise _unavailable(location, f"TLS failed: {error}") from error
            except HTTPError as error:
                last_error = error
                continue
            try:
                if response.status in _TRANSIENT_STATUSES:
                    raise _transient(location, response.status, response.headers)
                if on_head is not None:
                    on_head(response_head(response))
                yield from _body(location, response, chunk_bytes, start_s + sent.grace_s)
            except HTTPError as error:
                detail = f"broke off ({type(error).__name__})"
                raise _unavailable(location, detail, _TransientError) from error
            finally:
                response.close()
            return
    detail = f"no connection ({type(last_error).__name__})"
    raise _unavailable(location, detail, _TransientError) from last_error


def _request_headers(location: HttpLocation) -> dict[str, str]:
    return {
        "Host": _host_header(location),
        "Accept-Encoding": "identity",
        "User-Agent": location.client.agent,
    }


def _transient(location: HttpLocation, status: int, headers: Mapping[str, str]) -> BadRecord:
    seconds = retry_after_s(headers) if status in _WAITING_STATUSES else None
    if not seconds:
        return _unavailable(location, f"HTTP {status}", _TransientError)
    detail = f"HTTP {status}, Retry-After {seconds:,.0f} s"
    return _WaitRequestedError(_unavailable(location, detail), seconds)


def _start_once(
    location: HttpLocation, chunk_bytes: int, on_head: OnResponseHead | None
) -> Iterator[bytes]:
    """Waits for the first chunk."""
    chunks = _request_once(location, chunk_bytes, on_head)
    return chain(list(islice(chunks, 1)), chunks)


def _read_once(
    location: HttpLocation, max_bytes: int, on_head: OnResponseHead | None, sent: Sent = _GET
) -> bytes:
    body = bytearray()
    for chunk in _request_once(location, max_bytes + 1, on_head, sent):
        body += chunk
        if len(body) > max_bytes:
            raise BadRecord(Reason.MEDIA_TOO_LARGE, f"more than the limit of {max_bytes} bytes")
    return bytes(body)


def _body(
    location: HttpLocation, response: urllib3.BaseHTTPResponse, chunk_bytes: int, due_s: float
) -> Iterator[bytes]:
    if response.status != 200:
        kind = " (redirects are not followed)" if 300 <= response.status < 400 else ""
        raise _unavailable(location, f"HTTP {response.status}{kind}")
    received = 0
    # read1 instead of read, so that a chunk does not wait for a slow server to fill it.
    while chunk := response.read1(chunk_bytes):
        received += len(chunk)
        if time.monotonic() > due_s + received / _MIN_BYTES_PER_S:
            raise _unavailable(location, "the server is too slow")
        yield chunk
