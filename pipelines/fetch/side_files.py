"""Files that a server keeps beside its media and that speak of rights, fetched once an origin.

These are `/.well-known/tdmrep.json`, `/robots.txt`, and the RSL licences that robots.txt or a
`Link` header names, if they lie on the origin of the media: nothing is asked of any other.

What an answer means:

1. 200 is the file, if it is whole and not too long.
2. 204 and every 4xx but 408, 425 and 429: there is none. RFC 9309 (2.3.1.3) has it so for
   robots.txt, 401 and 403 included, and TDMRep takes a file that cannot be had for none. Stores
   answer 403 for what does not exist, too.
3. A redirect is followed within the origin, three times; one that leads elsewhere is a fault.
4. A body that is compressed though none such was asked for is a fault: it is not unpacked.
5. Anything else, after the usual attempts (408, 425, 429, 5xx, silence, a body that breaks off), is
   a fault: the file is there, for all one knows, and may say no.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import replace
from threading import Lock
from urllib.parse import urldefrag, urljoin

from pipelines.fetch.hosts import Host, HttpLocation, resolve_http
from pipelines.fetch.http import Head, read_whole_http, url_of
from pipelines.signals.server.evidence import SideFile
from pipelines.signals.server.http import ROBOTS
from pipelines.signals.server.links import license_links
from pipelines.signals.server.tdmrep import WELL_KNOWN
from schemas.errors import BadRecord
from schemas.reasons import Reason

_MOST_ROBOTS_BYTES = 512 << 10  # RFC 9309 asks for 500 KiB at least
_MOST_BYTES = 1 << 20
_MOST_REDIRECTS = 3
_MOST_LICENSES = 8  # of one file; those beyond are not fetched, which makes their terms unknown
_MOST_KEPT = 512


class _OtherAnswerError(Exception):
    """An answer without the file."""

    def __init__(self, head: Head) -> None:
        self.head = head
        super().__init__(f"HTTP {head.status}")


class SideFiles:
    """Keeps what was fetched, for all threads of a process.

    Args:
        most_kept: How many files are kept; those longest unused are dropped.
    """

    def __init__(self, most_kept: int = _MOST_KEPT) -> None:
        self._most_kept = most_kept
        self._kept: OrderedDict[HttpLocation, Future[SideFile]] = OrderedDict()
        self._lock = Lock()

    def of(
        self, location: HttpLocation, headers: tuple[tuple[str, str], ...]
    ) -> tuple[SideFile, ...]:
        """The files beside a file.

        Args:
            location: The file, which was fetched.
            headers: The headers that came with it.
        """
        robots = self._get(replace(location, target=ROBOTS), _MOST_ROBOTS_BYTES)
        files = [self._get(replace(location, target=WELL_KNOWN), _MOST_BYTES), robots]
        link_headers = [value for name, value in headers if name.casefold() == "link"]
        links = license_links(url_of(location), link_headers, robots.url, robots.body)
        for link in links[:_MOST_LICENSES]:
            beside = _on_origin(location, link.url)
            if beside is not None:
                files.append(replace(self._get(beside, _MOST_BYTES), url=link.url))
        return tuple(files)

    def _get(self, location: HttpLocation, max_bytes: int) -> SideFile:
        """A file, fetched by the first who asks; others wait for it."""
        with self._lock:
            kept = self._kept.get(location)
            mine = kept is None
            future: Future[SideFile] = Future() if kept is None else kept
            self._kept[location] = future
            self._kept.move_to_end(location)
            while len(self._kept) > self._most_kept:
                self._kept.popitem(last=False)
        if mine:
            try:
                future.set_result(fetch_side_file(location, max_bytes))
            except BaseException as error:
                # Whoever waits must not wait for ever, and the next one asks anew.
                with self._lock:
                    self._kept.pop(location, None)
                future.set_exception(error)
                raise
        return future.result()


USUAL_SIDE_FILES = SideFiles()


def fetch_side_file(location: HttpLocation, max_bytes: int) -> SideFile:
    """Fetches a file beside the media; never raises for what the server does.

    Args:
        location: Where it lies.
        max_bytes: Longest body.
    """
    url, at = url_of(location), location
    for _ in range(_MOST_REDIRECTS + 1):
        try:
            return SideFile(url, 200, read_whole_http(at, max_bytes, _only_the_file), "")
        except BadRecord as error:
            return SideFile(url, None, None, error.detail)
        except _OtherAnswerError as error:
            head = error.head
        if head.status == 204 or 400 <= head.status < 500:
            return SideFile(url, head.status, None, "")
        target = _redirect(head)
        if target is None:
            return SideFile(url, head.status, None, f"HTTP {head.status}")
        led = _led_to(at, target)
        if led is None:
            return SideFile(url, head.status, None, "a redirect to another origin")
        at = led
    return SideFile(url, head.status, None, f"more than {_MOST_REDIRECTS} redirects")


def _only_the_file(head: Head) -> None:
    if head.status != 200:
        raise _OtherAnswerError(head)
    if head.fault:
        raise BadRecord(Reason.MEDIA_UNAVAILABLE, head.fault)
    for name, value in head.headers:
        if name.casefold() == "content-encoding" and value.strip().casefold() != "identity":
            raise BadRecord(Reason.MEDIA_UNAVAILABLE, f"encoded as {value[:50]}")


def _redirect(head: Head) -> str | None:
    if head.status not in (301, 302, 303, 307, 308):
        return None
    return next((value for name, value in head.headers if name.casefold() == "location"), None)


def _led_to(location: HttpLocation, target: str) -> HttpLocation | None:
    try:
        return _on_origin(location, urljoin(url_of(location), target))
    except ValueError:
        return None


def _on_origin(location: HttpLocation, url: str) -> HttpLocation | None:
    """A URL as a location on the same origin; None if it is elsewhere, or no URL to fetch."""
    origin = Host(location.scheme, location.host, location.port)
    try:
        found = resolve_http(urldefrag(url).url, (origin,))
    except ValueError:
        return None
    return replace(found, private_addresses=location.private_addresses)
