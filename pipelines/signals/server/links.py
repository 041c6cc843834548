"""Finds the links to licence documents in a server's response and its robots.txt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urldefrag, urljoin

from pipelines.signals.server.robots_txt import license_lines
from pipelines.signals.server.rsl import LicenseLink

_RSL_TYPE = "application/rsl+xml"
# One parameter of RFC 8288, or the comma before the next link.
_PARAMETER = re.compile(
    r"[ \t]*;[ \t]*([^\s=;,\"<>]*)[ \t]*(?:=[ \t]*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]*)))?"
)


def license_links(
    url: str, link_headers: Sequence[str], robots_url: str, robots: bytes | None
) -> tuple[LicenseLink, ...]:
    """Returns all links to RSL documents, each address once.

    Args:
        url: The URL of the fetched file; links are relative to it.
        link_headers: Values of its `Link` headers.
        robots_url: The URL of robots.txt.
        robots: The bytes of robots.txt; None if the server has none.
    """
    links = [
        LicenseLink(_absolute_url(url, target), "http Link", value)
        for value in link_headers
        for target in _license_targets(value)
    ]
    links += [
        LicenseLink(_absolute_url(robots_url, line), robots_url, line)
        for line in (license_lines(robots) if robots is not None else ())
    ]
    return tuple({link.url or link.raw: link for link in reversed(links)}.values())[::-1]


def _absolute_url(base: str, target: str) -> str:
    """Returns an absolute address without its fragment; "" if it is invalid."""
    try:
        return urldefrag(urljoin(base, target.strip())).url if target.strip() else ""
    except ValueError:
        return ""


def _license_targets(value: str) -> Iterator[str]:
    """Yields the targets of RSL licences in a `Link` header; "" for an unreadable link."""
    found = False
    for target, parameters in _links(value):
        link_type = parameters.get("type", "").partition(";")[0].strip().casefold()
        if link_type == _RSL_TYPE and "license" in parameters.get("rel", "").casefold().split():
            found = True
            yield target
    if not found and _RSL_TYPE in value.casefold():
        yield ""


def _links(value: str) -> Iterator[tuple[str, dict[str, str]]]:
    at = value.find("<")
    while at >= 0:
        end = value.find(">", at)
        if end < 0:
            return
        target, at = value[at + 1 : end], end + 1
        parameters: dict[str, str] = {}
        while (match := _PARAMETER.match(value, at)) and match.end() > at:
            quoted = match[2]
            text = match[3] or "" if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            # The first of a repeated parameter counts.
            parameters.setdefault(match[1].casefold(), text)
            at = match.end()
        yield target, parameters
        at = value.find("<", at)
