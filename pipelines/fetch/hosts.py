"""Checks the web addresses of media, so that unusual spellings cannot reach another machine."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipelines.fetch.pacing import DEFAULT_CLIENT, HttpClient
from schemas.errors import InputError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_DEFAULT_PORTS = {"https": 443, "http": 80}
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
)
# A resolver takes 127.1, 2130706433, 0x7f.1 and 0177.0.0.1 for the same machine.
_NUMERIC_HOST = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*")
_NAT64_NETWORK = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Host:
    """A host that the policy lists."""

    scheme: str
    name: str
    port: int


@dataclass(frozen=True)
class HttpLocation:
    """A file on a listed host.

    Attributes:
        scheme: https, or http if the policy allows it.
        host: Name or address, in canonical lower case.
        port: TCP port.
        target: Path and query.
        private_addresses: Private addresses that the policy lists and so allows.
        client: How the host is asked.
    """

    scheme: str
    host: str
    port: int
    target: str
    private_addresses: tuple[str, ...]
    client: HttpClient = DEFAULT_CLIENT


def parse_hosts(hosts: Sequence[str]) -> tuple[Host, ...]:
    """Reads the policy's list of hosts.

    Raises:
        InputError: If an entry is malformed.
    """
    parsed = []
    for entry in hosts:
        scheme, _, rest = entry.rpartition("://")
        try:
            if scheme not in ("", "http", "https"):
                raise ValueError(f"scheme {scheme!r}")
            parsed.append(Host(scheme or "https", *_host_and_port(scheme or "https", rest)))
        except ValueError as error:
            raise InputError(
                "A source host is not valid",
                f"{entry!r} ({error})",
                'Use "host", "host:port" or "http://host:port".',
            ) from error
    return tuple(parsed)


def _host_and_port(scheme: str, authority: str) -> tuple[str, int]:
    """Splits and checks `host[:port]`.

    Raises:
        ValueError: If either is malformed or in an unusual spelling.
    """
    authority = authority.lower()
    if authority.startswith("["):
        inside, bracket, rest = authority[1:].partition("]")
        if not bracket or "%" in inside:
            raise ValueError("a malformed IPv6 address")
        host = str(ipaddress.IPv6Address(inside))
    else:
        host, colon, rest = authority.partition(":")
        rest = colon + rest
        if _NUMERIC_HOST.fullmatch(host):
            host = str(ipaddress.IPv4Address(host))
        elif not _HOST_NAME.fullmatch(host):
            raise ValueError("a malformed host name")
    if not rest:
        return host, _DEFAULT_PORTS[scheme]
    if not re.fullmatch(r":[1-9][0-9]{0,4}", rest) or int(rest[1:]) > 65535:
        raise ValueError("a malformed port")
    return host, int(rest[1:])


def resolve_http(url: str, hosts: Sequence[Host]) -> HttpLocation:
    """Checks a URL against the listed hosts.

    Raises:
        ValueError: If the URL may not be fetched; the message gives the reason.
    """
    if not url.isascii() or " " in url:
        raise ValueError("characters that a URL has percent-encoded")
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("a user name in the URL")
    if "#" in url:
        raise ValueError("a fragment in the URL")
    if re.search(r"%(00|2e|2f|5c|0a|0d)", parts.path, re.IGNORECASE):
        raise ValueError("an encoded dot, slash or control character in the path")
    scheme = parts.scheme.lower()
    host, port = _host_and_port(scheme, parts.netloc)
    if Host(scheme, host, port) not in hosts:
        raise ValueError(f"{scheme}://{host}:{port} is not among the listed hosts")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host_names = {entry.name for entry in hosts}
    private = sorted(name for name in host_names if _is_private_literal(name))
    return HttpLocation(scheme, host, port, target, tuple(private))


def _is_private_literal(name: str) -> bool:
    try:
        return not is_public(ipaddress.ip_address(name))
    except ValueError:
        return False


def is_public(address: IPAddress) -> bool:
    """Whether an address is on the public internet, also checking embedded IPv4 addresses."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64_NETWORK:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.teredo is not None or (inner is not None and not is_public(inner)):
            return False
        if address.is_site_local:
            return False
        if inner is not None:
            return True
    return address.is_global and not address.is_multicast and not address.is_reserved


def may_reach(address: str, location: HttpLocation) -> bool:
    """Whether a resolved address may be connected to."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return is_public(parsed) or str(parsed) in location.private_addresses
