"""Retries of requests to an S3 service, limited in number, with jitter.

boto3's own retries are off: they share a budget between all calls of a process, so with many faults
a call may be given up after its first attempt. They also do not retry an empty truncated response,
an error with a truncated body, or conflicting conditional writes. boto3 does turn a 200 with an
error as its body, or with truncated XML, into a 500, which is retried here.
"""

from __future__ import annotations

from botocore.exceptions import (
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential
from urllib3.exceptions import HTTPError

from pipelines.storage.progress import note_amount
from pipelines.storage.s3_client import InvalidResponseError, S3Answer, error_info

_TRANSIENT_ERRORS = (
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    HTTPError,
    ResponseParserError,
    InvalidResponseError,
)
_TRANSIENT_STATUS = frozenset({429, 500, 502, 503, 504, 509})
TRANSIENT_CODES = frozenset(
    {
        "ConditionalRequestConflict",
        "InternalError",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


def _is_transient(error: BaseException) -> bool:
    """Returns whether another attempt may succeed."""
    if not isinstance(error, ClientError):
        return isinstance(error, _TRANSIENT_ERRORS) and not isinstance(error, SSLError)
    if is_name_taken(error):
        return False
    info = error_info(error)
    return info.status in _TRANSIENT_STATUS or info.code in TRANSIENT_CODES


#: Calls a function until it succeeds, at most six times, and raises the last attempt's error. It
#: waits before each retry, for a random time below a bound that doubles: 0.5 s, 1 s, at most 8 s.
with_retries = Retrying(
    stop=stop_after_attempt(6),
    wait=wait_random_exponential(multiplier=0.5, max=8),
    retry=retry_if_exception(_is_transient),
    reraise=True,
    before_sleep=lambda _: note_amount("store_retries"),
)


def is_name_taken(error: ClientError) -> bool:
    """Returns whether a write was refused because the name is taken, even in a 200's body."""
    info = error_info(error)
    return info.status == 412 or info.code == "PreconditionFailed"


def require_fields(response: S3Answer, *fields: str) -> S3Answer:
    """Returns the response if it has the fields that it always has.

    A body that was truncated to nothing parses as an empty response: an upload without an id, an
    empty listing.

    Raises:
        InvalidResponseError: If a field is missing.
    """
    missing = [field for field in fields if response.get(field) in (None, "")]
    if missing:
        raise InvalidResponseError(f"the response has no {', '.join(missing)}")
    return response
