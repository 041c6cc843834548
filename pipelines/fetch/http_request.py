"""Sends one request to a web server, once, and yields the body of its response."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from pipelines.fetch.connections import checked_addresses, host_header, open_pool
from pipelines.fetch.faults import TransientError, WaitRequestedError, unavailable_at
from pipelines.fetch.hosts import HttpLocation
from pipelines.fetch.pacing import retry_after_s
from pipelines.fetch.response_head import ResponseHead, response_head
from schemas.errors import BadRecord

_READ_TIMEOUT_S = 30.0
# A server that sends bytes very slowly to keep a worker busy is abandoned.
_GRACE_S = 60.0
_MIN_BYTES_PER_S = 10_000
_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_WAITING_STATUSES = frozenset({429, 503})

# Is called with the head before the body is read; an exception from it ends the fetch.
OnResponseHead = Callable[[ResponseHead], None]


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


GET = Sent()


def request_once(
    location: HttpLocation, chunk_bytes: int, on_head: OnResponseHead | None, sent: Sent = GET
) -> Iterator[bytes]:
    """Sends a request and yields the body of the response, which must have the status 200.

    The host's addresses are tried in turn until a server answers.

    Args:
        location: Where it is sent.
        chunk_bytes: Maximum size of a chunk.
        on_head: Called with the head of the response, unless the request may be repeated.
        sent: What is sent.

    Raises:
        BadRecord: `media.unavailable`; TransientError or WaitRequestedError if it may be repeated.
    """
    start_s = time.monotonic()
    last_error: Exception | None = None
    for address in checked_addresses(location):
        with open_pool(location, address, sent.read_timeout_s, sent.grace_s) as pool:
            try:
                response = _open_response(pool, location, sent)
            except SSLError as error:
                raise unavailable_at(location, f"TLS failed: {error}") from error
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
                raise unavailable_at(location, detail, TransientError) from error
            finally:
                response.close()
            return
    detail = f"no connection ({type(last_error).__name__})"
    raise unavailable_at(location, detail, TransientError) from last_error


def _open_response(
    pool: urllib3.HTTPConnectionPool, location: HttpLocation, sent: Sent
) -> urllib3.BaseHTTPResponse:
    return pool.urlopen(
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


def _request_headers(location: HttpLocation) -> dict[str, str]:
    return {
        "Host": host_header(location),
        "Accept-Encoding": "identity",
        "User-Agent": location.client.agent,
    }


def _transient(location: HttpLocation, status: int, headers: Mapping[str, str]) -> BadRecord:
    seconds = retry_after_s(headers) if status in _WAITING_STATUSES else None
    if not seconds:
        return unavailable_at(location, f"HTTP {status}", TransientError)
    detail = f"HTTP {status}, Retry-After {seconds:,.0f} s"
    return WaitRequestedError(unavailable_at(location, detail), seconds)


def _body(
    location: HttpLocation, response: urllib3.BaseHTTPResponse, chunk_bytes: int, due_s: float
) -> Iterator[bytes]:
    if response.status != 200:
        kind = " (redirects are not followed)" if 300 <= response.status < 400 else ""
        raise unavailable_at(location, f"HTTP {response.status}{kind}")
    received = 0
    # read1 instead of read, so that a chunk does not wait for a slow server to fill it.
    while chunk := response.read1(chunk_bytes):
        received += len(chunk)
        if time.monotonic() > due_s + received / _MIN_BYTES_PER_S:
            raise unavailable_at(location, "the server is too slow")
        yield chunk
