"""Fetches an origin's files about rights: once for decisions, and once for shards.

These are `/.well-known/tdmrep.json`, `/robots.txt`, and the RSL licences that robots.txt or a
`Link` header names, if they are on the origin of the media; no other origin is contacted.

How a response is interpreted:

1. 200 is the file, if it is whole and not too long.
2. 204 and every 4xx except 408, 425 and 429: there is no file. RFC 9309 (2.3.1.3) says so for
   robots.txt, including 401 and 403, and TDMRep treats an unavailable file as absent. Object
   stores also answer 403 for objects that do not exist.
3. A redirect is followed within the origin, up to three times; one to another origin is a fault.
4. A body that is compressed although that was not requested is a fault and is not unpacked.
5. Anything else after the usual attempts (408, 425, 429, 5xx, no answer, an interrupted body) is a
   fault: the file may exist and deny a use.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import replace
from threading import Lock
from urllib.parse import urldefrag, urljoin

from pipelines.fetch.hosts import Host, HttpLocation, resolve_http
from pipelines.fetch.http import read_whole_http, url_of
from pipelines.fetch.response_head import ResponseHead
from pipelines.fetch.sidecar_names import ObjectFolders
from pipelines.signals.server.evidence import OriginFile
from pipelines.signals.server.http import ROBOTS_TXT_PATH
from pipelines.signals.server.links import license_links
from pipelines.signals.server.tdmrep import TDMREP_PATH
from schemas.errors import BadRecord
from schemas.reasons import Reason

_MAX_ROBOTS_BYTES = 512 << 10  # RFC 9309 requires at least 500 KiB
_MAX_BYTES = 1 << 20
_MAX_REDIRECTS = 3
_MAX_LICENSES = 8  # per file; further ones are not fetched, so their terms are unknown
_MAX_CACHED = 512


class _NoFileInResponseError(Exception):
    """A response without the file."""

    def __init__(self, head: ResponseHead) -> None:
        self.head = head
        super().__init__(f"HTTP {head.status}")


class OriginFileCache:
    """Caches the fetched files for all threads of one worker in one run.

    It must not outlive the run: a server's owner may change the files at any time, so the next run
    fetches them again.

    Args:
        max_cached: How many files are kept; the least recently used are dropped.

    Attributes:
        object_folders: The sidecars in the folders of buckets that were listed.
    """

    def __init__(self, max_cached: int = _MAX_CACHED) -> None:
        self._max_cached = max_cached
        self._cached: OrderedDict[HttpLocation, Future[OriginFile]] = OrderedDict()
        self._lock = Lock()
        self.object_folders = ObjectFolders()

    def files_for(
        self, location: HttpLocation, headers: tuple[tuple[str, str], ...]
    ) -> tuple[OriginFile, ...]:
        """Returns the origin's files about rights for a media file.

        Args:
            location: The location of the fetched media file.
            headers: The headers of its response.
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
        """Returns a file; the first thread to request it fetches it and others wait."""
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
                # Waiting threads must not wait forever, and the next request fetches again.
                with self._lock:
                    self._cached.pop(location, None)
                future.set_exception(error)
                raise
        return future.result()


def fetch_origin_file(location: HttpLocation, max_bytes: int) -> OriginFile:
    """Fetches a file from the media's origin; never raises for what the server does.

    Args:
        location: The location of the file.
        max_bytes: Maximum size of the body.
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
    """Returns a URL as a location on the same origin; None if elsewhere or not fetchable."""
    origin = Host(location.scheme, location.host, location.port)
    try:
        found = resolve_http(urldefrag(url).url, (origin,))
    except ValueError:
        return None
    return replace(found, private_addresses=location.private_addresses, client=location.client)
