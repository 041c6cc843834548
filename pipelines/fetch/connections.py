"""Connections to web servers; they go only to addresses that were checked."""

from __future__ import annotations

import socket
import ssl
from functools import cache

import urllib3

from pipelines.fetch.faults import TransientError, unavailable_at
from pipelines.fetch.hosts import HttpLocation, may_reach
from pipelines.fetch.whole_head import require_whole_heads
from schemas.errors import BadRecord
from schemas.reasons import Reason

_CONNECT_TIMEOUT_S = 10.0


def checked_addresses(location: HttpLocation) -> list[str]:
    """Resolves a location's host once, and returns its addresses.

    Raises:
        BadRecord: `media.not_allowed` if one of them is private and not listed; TransientError if
            the host name does not resolve.
    """
    try:
        found = socket.getaddrinfo(location.host, location.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise unavailable_at(location, "the host name does not resolve", TransientError) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not may_reach(address, location):
            raise BadRecord(
                Reason.MEDIA_NOT_ALLOWED,
                f"{location.host} is at the private address {address}, which is not listed",
            )
    return addresses


def open_pool(
    location: HttpLocation, address: str, read_timeout_s: float, head_timeout_s: float
) -> urllib3.HTTPConnectionPool:
    """Opens a pool whose connections go to one address of a location's host.

    Args:
        location: Whose host must be named by the certificate.
        address: The address, from `checked_addresses`.
        read_timeout_s: How long the server may send nothing, in seconds.
        head_timeout_s: How long it may take for the head of its response, in seconds.
    """
    pool = _open_pool(location, address, read_timeout_s)
    require_whole_heads(pool, head_timeout_s)
    return pool


def _open_pool(
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


def host_header(location: HttpLocation) -> str:
    """Returns the value of the header Host."""
    host = f"[{location.host}]" if ":" in location.host else location.host
    default_port = {"https": 443, "http": 80}[location.scheme]
    return host if location.port == default_port else f"{host}:{location.port}"


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()
