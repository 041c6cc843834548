"""Fetching from a web server whose address was checked, and from no other."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from functools import cache

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from pipelines.media.hosts import HttpLocation, may_reach
from schemas.decision import Reason
from schemas.errors import BadRecord

_CONNECT_TIMEOUT_S = 10.0
_READ_TIMEOUT_S = 30.0
_ATTEMPTS = 3
_PAUSE_S = 0.5
# A server that drips bytes to keep a worker busy is given up.
_GRACE_S = 60.0
_SLOWEST_BYTES_PER_S = 10_000
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class _PassingError(Exception):
    """A failure that another attempt may not meet."""


def stream_http(location: HttpLocation, chunk_bytes: int) -> Iterator[bytes]:
    """Streams a file. Once bytes have been handed on, a failure is final.

    Raises:
        BadRecord: `media.unavailable`; `media.not_allowed` if the name leads to a private address.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        started = False
        try:
            for chunk in _attempt(location, chunk_bytes):
                started = True
                yield chunk
            return
        except _PassingError as error:
            if started or attempt == _ATTEMPTS:
                raise _unavailable(location, str(error)) from error
            time.sleep(_PAUSE_S * 2 ** (attempt - 1))


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


def _attempt(location: HttpLocation, chunk_bytes: int) -> Iterator[bytes]:
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
                yield from _body(location, response, chunk_bytes, began)
            except HTTPError as error:
                raise _PassingError(f"broke off ({type(error).__name__})") from error
            finally:
                response.close()
            return
    raise _PassingError(f"no connection ({type(last).__name__})") from last


def _body(
    location: HttpLocation, response: urllib3.BaseHTTPResponse, chunk_bytes: int, began: float
) -> Iterator[bytes]:
    if response.status in _PASSING:
        raise _PassingError(f"HTTP {response.status}")
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
