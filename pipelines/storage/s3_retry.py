"""Retries of requests to an S3 service, limited in number, with jitter.

boto3's own retries are off: they share a budget between all calls of a process, so with many faults
a call may be given up after its first attempt. They also do not retry an empty truncated response,
an error with a truncated body, or conflicting conditional writes. boto3 does turn a 200 with an
error as its body, or with truncated XML, into a 500, which is retried here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
from pipelines.storage.s3_client import InvalidResponseError, S3Answer, S3Client, error_info

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


def list_objects(client: S3Client, bucket: str, start: str) -> Iterator[S3Answer]:
    """Yields every object whose name begins with `start`."""
    for page in list_pages(client, bucket, start):
        yield from page.get("Contents", ())


def list_pages(client: S3Client, bucket: str, start: str, **extra: str) -> Iterator[S3Answer]:
    """Yields the pages of a listing; `extra` are other parameters, such as a delimiter."""
    token = dict(extra)
    while True:
        page = _list_page(client.list_objects_v2, "NextContinuationToken", bucket, start, token)
        yield page
        if not page["IsTruncated"]:
            return
        token["ContinuationToken"] = str(page["NextContinuationToken"])


def list_uploads(client: S3Client, bucket: str, start: str) -> Iterator[S3Answer]:
    """Yields every incomplete multipart upload whose name begins with `start`."""
    token: dict[str, str] = {}
    while True:
        page = _list_page(client.list_multipart_uploads, "NextKeyMarker", bucket, start, token)
        yield from page.get("Uploads", ())
        if not page["IsTruncated"]:
            return
        token = {
            "KeyMarker": str(page["NextKeyMarker"]),
            "UploadIdMarker": str(page.get("NextUploadIdMarker", "")),
        }


def upload_bytes(client: S3Client, bucket: str, name: str, upload_id: str) -> int:
    """Returns the total size of the parts of an unfinished upload."""
    total, marker = 0, 0
    while True:
        page = _list_parts_page(client, bucket, name, upload_id, marker)
        total += sum(int(part["Size"]) for part in page.get("Parts", ()))
        if not page["IsTruncated"]:
            return total
        marker = int(page["NextPartNumberMarker"])


def _list_page(
    call: Callable[..., S3Answer],
    next_field: str,
    bucket: str,
    start: str,
    token: dict[str, str],
) -> S3Answer:
    def request() -> S3Answer:
        page = require_fields(call(Bucket=bucket, Prefix=start, **token), "IsTruncated")
        return require_fields(page, next_field) if page["IsTruncated"] else page

    return with_retries(request)


def _list_parts_page(
    client: S3Client, bucket: str, name: str, upload_id: str, marker: int
) -> S3Answer:
    def request() -> S3Answer:
        response = client.list_parts(
            Bucket=bucket, Key=name, UploadId=upload_id, PartNumberMarker=marker
        )
        return require_fields(response, "IsTruncated")

    return with_retries(request)
