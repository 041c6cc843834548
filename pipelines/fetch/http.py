"""Fetching from a web server whose address was checked, and from no other."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import urllib3
from urllib3.exceptions import HeaderParsingError, HTTPError, SSLError
from urllib3.util.response import assert_header_parsing

from pipelines.fetch.hosts import HttpLocation, may_reach
from schemas.errors import BadRecord
from schemas.reasons import Reason

_CONNECT_TIMEOUT_S = 10.0
_READ_TIMEOUT_S = 30.0
_ATTEMPTS = 3
_PAUSE_S = 0.5
# A server that drips bytes to keep a worker busy is given up.
_GRACE_S = 60.0
_SLOWEST_BYTES_PER_S = 10_000
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


# Headers beyond these are not believed; http.client itself gives up at 100, and at 64 KiB a line.
_MOST_HEADERS = 90
_MOST_HEADER_BYTES = 1 << 16
_FOLD = re.compile(r"\r?\n[ \t]+")


class _PassingError(Exception):
    """A failure that another attempt may not meet."""


@dataclass(frozen=True)
class Head:
    """The head of an answer.

    Attributes:
        status: HTTP status.
        headers: Names and values in their order; repeated ones are kept apart.
        fault: Why the headers cannot be relied on; "" where they can.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    fault: str


# Is shown the head before the body; what it raises ends the fetch.
Heed = Callable[[Head], None]


def stream_http(
    location: HttpLocation, chunk_bytes: int, heed: Heed | None = None
) -> Iterator[bytes]:
    """Streams a file. Once bytes have been handed on, a failure is final.

    Args:
        location: Where it is.
        chunk_bytes: Longest chunk.
        heed: Is shown the head of each attempt's answer, unless the attempt is made again.

    Raises:
        BadRecord: `media.unavailable`; `media.not_allowed` if the name leads to a private address.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        started = False
        try:
            for chunk in _attempt(location, chunk_bytes, heed):
                started = True
                yield chunk
            return
        except _PassingError as error:
            if started or attempt == _ATTEMPTS:
                raise _unavailable(location, str(error)) from error
            time.sleep(_PAUSE_S * 2 ** (attempt - 1))


def read_whole_http(location: HttpLocation, max_bytes: int, heed: Heed) -> bytes:
    """Reads a small file; what breaks off is read again from its start.

    Args:
        location: Where it is.
        max_bytes: Most bytes to take.
        heed: As for `stream_http`.

    Raises:
        BadRecord: As `stream_http`; `media.too_large` where there are more bytes.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            body = bytearray()
            for chunk in _attempt(location, max_bytes + 1, heed):
                body += chunk
                if len(body) > max_bytes:
                    detail = f"more than the limit of {max_bytes} bytes"
                    raise BadRecord(Reason.MEDIA_TOO_LARGE, detail)
            return bytes(body)
        except _PassingError as error:
            if attempt == _ATTEMPTS:
                raise _unavailable(location, str(error)) from error
            time.sleep(_PAUSE_S * 2 ** (attempt - 1))
    raise AssertionError("unreachable: the last attempt returns or raises")


def url_of(location: HttpLocation) -> str:
    """A location as a URL."""
    return f"{location.scheme}://{_host_header(location)}{location.target}"


def _unavailable(location: HttpLocation, detail: str) -> BadRecord:
    # The query is left out: it often holds a signature.
    path = location.target.partition("?")[0]
    where = f"{location.scheme}://{location.host}:{location.port}{path}"
    return BadRecord(Reason.MEDIA_UNAVAILABLE, f"{where}: {detail}"[:200])


def _addresses(location: HttpLocation) -> list[str]:
    """Resolves the host once; every address must be allowed, or none is used."""
    try:
        found = socket.getaddrinfo(location.host, location.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise _PassingError("the host name does not resolve") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not may_reach(address, location):
            raise BadRecord(
                Reason.MEDIA_NOT_ALLOWED,
                f"{location.host} is at the private address {address}, which is not listed",
            )
    return addresses


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _pool(location: HttpLocation, address: str) -> urllib3.HTTPConnectionPool:
    timeout = urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=_READ_TIMEOUT_S)
    if location.scheme == "http":
        return urllib3.HTTPConnectionPool(address, location.port, timeout=timeout)
    # The connection goes to the checked address; the certificate is for the name.
    return urllib3.HTTPSConnectionPool(
        address,
        location.port,
        timeout=timeout,
        ssl_context=_tls(),
        server_hostname=location.host,
        assert_hostname=location.host,
    )


def _host_header(location: HttpLocation) -> str:
    host = f"[{location.host}]" if ":" in location.host else location.host
    usual = {"https": 443, "http": 80}[location.scheme]
    return host if location.port == usual else f"{host}:{location.port}"


def _attempt(location: HttpLocation, chunk_bytes: int, heed: Heed | None) -> Iterator[bytes]:
    began = time.monotonic()
    last: Exception | None = None
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
                last = error
                continue
            try:
                if response.status in _PASSING:
                    raise _PassingError(f"HTTP {response.status}")
                if heed is not None:
                    heed(_head_of(response))
                yield from _body(location, response, chunk_bytes, began)
            except HTTPError as error:
                raise _PassingError(f"broke off ({type(error).__name__})") from error
            finally:
                response.close()
            return
    raise _PassingError(f"no connection ({type(last).__name__})") from last


def _head_of(response: urllib3.BaseHTTPResponse) -> Head:
    headers = tuple(response.headers.iteritems())
    fault = ""
    original = getattr(response, "_original_response", None)
    if isinstance(original, http.client.HTTPResponse):
        # urllib3 keeps repeated headers apart, but not in their order. A header may go on in the
        # next line, which means no more than a space; urllib3 has not always seen to that.
        headers = tuple((name, _FOLD.sub(" ", text)) for name, text in original.msg.items())
        try:
            assert_header_parsing(original.msg)
        except HeaderParsingError:
            # The parser stops at a line it cannot read, and takes those after it for the body.
            fault = "headers that cannot be parsed"
    if len(headers) > _MOST_HEADERS:
        fault = f"more than {_MOST_HEADERS} headers"
    elif sum(len(name) + len(value) for name, value in headers) > _MOST_HEADER_BYTES:
        fault = f"headers of more than {_MOST_HEADER_BYTES} bytes"
    return Head(response.status, () if fault else headers, fault)


def _body(
    location: HttpLocation, response: urllib3.BaseHTTPResponse, chunk_bytes: int, began: float
) -> Iterator[bytes]:
    if response.status != 200:
        kind = " (redirects are not followed)" if 300 <= response.status < 400 else ""
        raise _unavailable(location, f"HTTP {response.status}{kind}")
    received = 0
    # read1, not read: a chunk must not wait for a dripping server to fill it.
    while chunk := response.read1(chunk_bytes):
        received += len(chunk)
        if time.monotonic() - began > _GRACE_S + received / _SLOWEST_BYTES_PER_S:
            raise _unavailable(location, "the server is too slow")
        yield chunk
