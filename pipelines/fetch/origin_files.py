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
from pipelines.fetch.http import ResponseHead, read_whole_http, url_of
from pipelines.signals.server.evidence import OriginFile
from pipelines.signals.server.http import ROBOTS_TXT_PATH
from pipelines.signals.server.links import license_links
from pipelines.signals.server.tdmrep import TDMREP_PATH
from schemas.errors import BadRecord
from schemas.reasons import Reason

_MAX_ROBOTS_BYTES = 512 << 10  # RFC 9309 asks for 500 KiB at least
_MAX_BYTES = 1 << 20
_MAX_REDIRECTS = 3
_MAX_LICENSES = 8  # of one file; those beyond are not fetched, which makes their terms unknown
_MAX_CACHED = 512


class _NoFileInResponseError(Exception):
    """An answer without the file."""

    def __init__(self, head: ResponseHead) -> None:
        self.head = head
        super().__init__(f"HTTP {head.status}")


class OriginFileCache:
    """Keeps what was fetched, for all threads of one worker of one run.

    It must not outlive the run: a server's owner may say no at any time, and the next run asks.

    Args:
        max_cached: How many files are kept; those longest unused are dropped.
    """

    def __init__(self, max_cached: int = _MAX_CACHED) -> None:
        self._max_cached = max_cached
        self._cached: OrderedDict[HttpLocation, Future[OriginFile]] = OrderedDict()
        self._lock = Lock()

    def files_for(
        self, location: HttpLocation, headers: tuple[tuple[str, str], ...]
    ) -> tuple[OriginFile, ...]:
        """The files beside a file.

        Args:
            location: The file, which was fetched.
            headers: The headers that came with it.
        """
        robots = self._get(replace(location, target=ROBOTS_TXT_PATH), _MAX_ROBOTS_BYTES)
        files = [self._get(replace(location, target=TDMREP_PATH), _MAX_BYTES), robots]
        link_headers = [value for name, value in headers if name.casefold() == "link"]
        links = license_links(url_of(location), link_headers, robots.url, robots.body)
        for link in links[:_MAX_LICENSES]:
            license_location = _location_on_origin(location, link.url)
            if license_location is not None:
                files.append(replace(self._get(license_location, _MAX_BYTES), url=link.url))
        return tuple(files)

    def _get(self, location: HttpLocation, max_bytes: int) -> OriginFile:
        """A file, fetched by the first who asks; others wait for it."""
        with self._lock:
            cached = self._cached.get(location)
            is_first = cached is None
            future: Future[OriginFile] = Future() if cached is None else cached
            self._cached[location] = future
            self._cached.move_to_end(location)
            while len(self._cached) > self._max_cached:
                self._cached.popitem(last=False)
        if is_first:
            try:
                future.set_result(fetch_origin_file(location, max_bytes))
            except BaseException as error:
                # Whoever waits must not wait for ever, and the next one asks anew.
                with self._lock:
                    self._cached.pop(location, None)
                future.set_exception(error)
                raise
        return future.result()


def fetch_origin_file(location: HttpLocation, max_bytes: int) -> OriginFile:
    """Fetches a file beside the media; never raises for what the server does.

    Args:
        location: Where it lies.
        max_bytes: Longest body.
    """
    url, current = url_of(location), location
    for _ in range(_MAX_REDIRECTS + 1):
        try:
            return OriginFile(
                url, 200, read_whole_http(current, max_bytes, _require_whole_file), ""
            )
        except BadRecord as error:
            return OriginFile(url, None, None, error.detail)
        except _NoFileInResponseError as error:
            head = error.head
        if head.status == 204 or 400 <= head.status < 500:
            return OriginFile(url, head.status, None, "")
        target = _redirect_url(head)
        if target is None:
            return OriginFile(url, head.status, None, f"HTTP {head.status}")
        next_location = _redirect_location(current, target)
        if next_location is None:
            return OriginFile(url, head.status, None, "a redirect to another origin")
        current = next_location
    return OriginFile(url, head.status, None, f"more than {_MAX_REDIRECTS} redirects")


def _require_whole_file(head: ResponseHead) -> None:
    if head.status != 200:
        raise _NoFileInResponseError(head)
    if head.fault:
        raise BadRecord(Reason.MEDIA_UNAVAILABLE, head.fault)
    for name, value in head.headers:
        if name.casefold() == "content-encoding" and value.strip().casefold() != "identity":
            raise BadRecord(Reason.MEDIA_UNAVAILABLE, f"encoded as {value[:50]}")


def _redirect_url(head: ResponseHead) -> str | None:
    if head.status not in (301, 302, 303, 307, 308):
        return None
    return next((value for name, value in head.headers if name.casefold() == "location"), None)


def _redirect_location(location: HttpLocation, target: str) -> HttpLocation | None:
    try:
        return _location_on_origin(location, urljoin(url_of(location), target))
    except ValueError:
        return None


def _location_on_origin(location: HttpLocation, url: str) -> HttpLocation | None:
    """A URL as a location on the same origin; None if it is elsewhere, or no URL to fetch."""
    origin = Host(location.scheme, location.host, location.port)
    try:
        found = resolve_http(urldefrag(url).url, (origin,))
    except ValueError:
        return None
    return replace(found, private_addresses=location.private_addresses)
