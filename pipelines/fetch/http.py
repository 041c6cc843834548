"""Fetches files from web servers, connecting only to addresses that were checked."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice

import urllib3
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)
from urllib3.exceptions import HeaderParsingError, HTTPError, SSLError
from urllib3.util.response import assert_header_parsing

from pipelines.fetch.hosts import HttpLocation, may_reach
from schemas.errors import BadRecord
from schemas.reasons import Reason

_CONNECT_TIMEOUT_S = 10.0
_READ_TIMEOUT_S = 30.0
# A server that sends bytes very slowly to keep a worker busy is abandoned.
_GRACE_S = 60.0
_MIN_BYTES_PER_S = 10_000
_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


# Headers beyond these limits are not trusted; http.client itself stops at 100, and 64 KiB a line.
_MAX_HEADERS = 90
_MAX_HEADER_BYTES = 1 << 16
_HEADER_FOLD = re.compile(r"\r?\n[ \t]+")


class _TransientError(BadRecord):
    """A failure that may not recur on another attempt."""


_with_retries = Retrying(
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(multiplier=1, max=4),
    retry=retry_if_exception_type(_TransientError),
    reraise=True,
)


@dataclass(frozen=True)
class ResponseHead:
    """The status and headers of a response.

    Attributes:
        status: HTTP status.
        headers: Names and values in order; repeated headers are kept separate.
        fault: Why the headers cannot be trusted; "" if they can.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    fault: str


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
    yield from _with_retries(_start_once, location, chunk_bytes, on_head)


def read_whole_http(location: HttpLocation, max_bytes: int, on_head: OnResponseHead) -> bytes:
    """Reads a small file; an interrupted transfer is repeated from the start.

    Args:
        location: Where it is.
        max_bytes: Maximum number of bytes.
        on_head: As for `stream_http`.

    Raises:
        BadRecord: As `stream_http`; `media.too_large` if there are more bytes.
    """
    return _with_retries(_read_once, location, max_bytes, on_head)


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


def _pool(location: HttpLocation, address: str) -> urllib3.HTTPConnectionPool:
    timeout = urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=_READ_TIMEOUT_S)
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
    location: HttpLocation, chunk_bytes: int, on_head: OnResponseHead | None
) -> Iterator[bytes]:
    start_s = time.monotonic()
    last_error: Exception | None = None
    for address in _addresses(location):
        with _pool(location, address) as pool:
            try:
                response = pool.urlopen(
                    "GET",
                    location.target,
                    headers={"Host": _host_header(location), "Accept-Encoding": "identity"},
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
                    raise _unavailable(location, f"HTTP {response.status}", _TransientError)
                if on_head is not None:
                    on_head(_response_head(response))
                yield from _body(location, response, chunk_bytes, start_s)
            except HTTPError as error:
                detail = f"broke off ({type(error).__name__})"
                raise _unavailable(location, detail, _TransientError) from error
            finally:
                response.close()
            return
    detail = f"no connection ({type(last_error).__name__})"
    raise _unavailable(location, detail, _TransientError) from last_error


def _start_once(
    location: HttpLocation, chunk_bytes: int, on_head: OnResponseHead | None
) -> Iterator[bytes]:
    """Waits for the first chunk."""
    chunks = _request_once(location, chunk_bytes, on_head)
    return chain(list(islice(chunks, 1)), chunks)


def _read_once(location: HttpLocation, max_bytes: int, on_head: OnResponseHead) -> bytes:
    body = bytearray()
    for chunk in _request_once(location, max_bytes + 1, on_head):
        body += chunk
        if len(body) > max_bytes:
            raise BadRecord(Reason.MEDIA_TOO_LARGE, f"more than the limit of {max_bytes} bytes")
    return bytes(body)


def _response_head(response: urllib3.BaseHTTPResponse) -> ResponseHead:
    headers = tuple(response.headers.iteritems())
    fault = ""
    original = getattr(response, "_original_response", None)
    if isinstance(original, http.client.HTTPResponse):
        # urllib3 keeps repeated headers separate, but not in order. A header may continue on the
        # next line, which equals a space; not all versions of urllib3 handle that.
        headers = tuple((name, _HEADER_FOLD.sub(" ", text)) for name, text in original.msg.items())
        try:
            assert_header_parsing(original.msg)
        except HeaderParsingError:
            # The parser stops at a line it cannot read and treats the following lines as body.
            fault = "headers that cannot be parsed"
    if len(headers) > _MAX_HEADERS:
        fault = f"more than {_MAX_HEADERS} headers"
    elif sum(len(name) + len(value) for name, value in headers) > _MAX_HEADER_BYTES:
        fault = f"headers of more than {_MAX_HEADER_BYTES} bytes"
    return ResponseHead(response.status, () if fault else headers, fault)


def _body(
    location: HttpLocation, response: urllib3.BaseHTTPResponse, chunk_bytes: int, start_s: float
) -> Iterator[bytes]:
    if response.status != 200:
        kind = " (redirects are not followed)" if 300 <= response.status < 400 else ""
        raise _unavailable(location, f"HTTP {response.status}{kind}")
    received = 0
    # read1 instead of read, so that a chunk does not wait for a slow server to fill it.
    while chunk := response.read1(chunk_bytes):
        received += len(chunk)
        if time.monotonic() - start_s > _GRACE_S + received / _MIN_BYTES_PER_S:
            raise _unavailable(location, "the server is too slow")
        yield chunk
