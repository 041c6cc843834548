"""The errors of media that cannot be fetched, and those after which a request is repeated."""

from __future__ import annotations

from pipelines.fetch.hosts import HttpLocation
from schemas.errors import BadRecord
from schemas.reasons import Reason

_MAX_DETAIL_CHARS = 200


class TransientError(BadRecord):
    """A failure that may not recur on another attempt."""


class WaitRequestedError(BadRecord):
    """A response that asks for the request to be repeated later.

    Args:
        error: The error if it is not repeated.
        seconds: How much later.
    """

    def __init__(self, error: BadRecord, seconds: float) -> None:
        super().__init__(error.reason, error.detail)
        self.seconds = seconds


def unavailable(detail: str, kind: type[BadRecord] = BadRecord) -> BadRecord:
    """Returns the error `media.unavailable`."""
    return kind(Reason.MEDIA_UNAVAILABLE, detail[:_MAX_DETAIL_CHARS])


def unavailable_at(
    location: HttpLocation, detail: str, kind: type[BadRecord] = BadRecord
) -> BadRecord:
    """Returns the error `media.unavailable` of a location on the web."""
    # The query is left out because it often holds a signature.
    path = location.target.partition("?")[0]
    where = f"{location.scheme}://{location.host}:{location.port}{path}"
    return unavailable(f"{where}: {detail}", kind)
