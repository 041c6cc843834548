"""Fetches files from web servers, and repeats requests that fail for a while.

A request is repeated at once after a failure that may not recur, and later if the server asks for
that. Connections go only to addresses that were checked (`fetch.connections`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Concatenate, ParamSpec, TypeVar

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from pipelines.fetch.connections import host_header
from pipelines.fetch.faults import TransientError, WaitRequestedError
from pipelines.fetch.hosts import HttpLocation
from pipelines.fetch.http_request import GET, OnResponseHead, Sent, request_once
from pipelines.fetch.pacing import MAX_WAIT_S, MAX_WAITS_S, Pacer
from pipelines.storage.progress import note_amount
from schemas.errors import BadRecord
from schemas.reasons import Reason

_P = ParamSpec("_P")
_R = TypeVar("_R")
_pacer = Pacer()
_with_retries = Retrying(
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(multiplier=1, max=4),
    retry=retry_if_exception_type(TransientError),
    reraise=True,
    before_sleep=lambda _: note_amount("fetch_retries"),
)


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
    yield from _with_retries(_patiently, _start_once, location, chunk_bytes, on_head)


def read_whole_http(location: HttpLocation, max_bytes: int, on_head: OnResponseHead) -> bytes:
    """Reads a small file; an interrupted transfer is repeated from the start.

    Args:
        location: Where it is.
        max_bytes: Maximum number of bytes.
        on_head: As for `stream_http`.

    Raises:
        BadRecord: As `stream_http`; `media.too_large` if there are more bytes.
    """
    body: bytes = _with_retries(_patiently, _read_once, location, max_bytes, on_head)
    return body


def send(
    location: HttpLocation, sent: Sent, max_bytes: int, on_head: OnResponseHead | None = None
) -> bytes:
    """Sends a request and returns the body of the answer, which must have the status 200.

    Requests are repeated like those for files, so the server must bear that.

    Args:
        location: Where it is sent.
        sent: What is sent.
        max_bytes: Maximum number of bytes of the answer.
        on_head: As for `stream_http`.

    Raises:
        BadRecord: As `read_whole_http`.
    """
    body: bytes = _with_retries(_patiently, _read_once, location, max_bytes, on_head, sent)
    return body


def _patiently(
    request: Callable[Concatenate[HttpLocation, _P], _R],
    location: HttpLocation,
    *args: _P.args,
    **kwargs: _P.kwargs,
) -> _R:
    """Repeats a request as long as the server asks for it to be sent later, within bounds."""
    waited_s = 0.0
    while True:
        _pacer.await_turn(location.host, location.port, location.client.requests_per_minute)
        try:
            return request(location, *args, **kwargs)
        except WaitRequestedError as error:
            waited_s += error.seconds
            if error.seconds > MAX_WAIT_S or waited_s > MAX_WAITS_S:
                raise
            note_amount("fetch_retries")
            _pacer.postpone(location.host, location.port, error.seconds)


def url_of(location: HttpLocation) -> str:
    """Returns a location as a URL."""
    return f"{location.scheme}://{host_header(location)}{location.target}"


def _start_once(
    location: HttpLocation, chunk_bytes: int, on_head: OnResponseHead | None
) -> Iterator[bytes]:
    """Waits for the first chunk."""
    chunks = request_once(location, chunk_bytes, on_head)
    return chain(list(islice(chunks, 1)), chunks)


def _read_once(
    location: HttpLocation, max_bytes: int, on_head: OnResponseHead | None, sent: Sent = GET
) -> bytes:
    body = bytearray()
    for chunk in request_once(location, max_bytes + 1, on_head, sent):
        body += chunk
        if len(body) > max_bytes:
            raise BadRecord(Reason.MEDIA_TOO_LARGE, f"more than the limit of {max_bytes} bytes")
    return bytes(body)
