"""Reads media files in S3, and tells an object's errors from those that end the run."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from pipelines.fetch.faults import unavailable
from pipelines.fetch.locate import S3Location
from pipelines.fetch.names import other_spellings
from pipelines.fetch.uri_text import not_allowed
from pipelines.storage.s3_client import S3ErrorInfo, S3Options, error_info
from pipelines.storage.s3_stream import open_object
from schemas.errors import InputError, RunError

_RUN_FAILURE_CODES = frozenset(
    {"NoSuchBucket", "InvalidBucketName", "PermanentRedirect", "AuthorizationHeaderMalformed"}
    | {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"}
    | {"RequestTimeTooSkewed", "SlowDown", "Throttling", "TooManyRequests"}
)


def stream_object(location: S3Location, options: S3Options, chunk_bytes: int) -> Iterator[bytes]:
    """Streams an object in chunks."""
    with _open_spelled(location, options) as stream, _fail_object_only():
        while chunk := stream.read(chunk_bytes):
            yield chunk


def _open_spelled(location: S3Location, options: S3Options) -> io.BufferedReader:
    """Opens an object by its key, or by the only other spelling of it that exists."""
    found = _open_object(location.key, location, options)
    if found is not None and "\\" not in location.key:
        return found
    others = []
    for key in dict.fromkeys(other_spellings(location.key, location.root)):
        other = _open_object(key, location, options)
        if other is not None:
            others.append(other)
    every = [*others, *([] if found is None else [found])]
    if len(every) == 1:
        return every[0]
    for stream in every:
        stream.close()
    if every:
        raise not_allowed(f"{len(every)} objects are spelled like {location.key!r}")
    raise unavailable("NoSuchKey")


def _open_object(key: str, location: S3Location, options: S3Options) -> io.BufferedReader | None:
    """Opens an object; returns None if there is none."""
    with _fail_object_only():
        try:
            return open_object(options, location.bucket, key)
        except FileNotFoundError:
            return None
    raise AssertionError("the block returns or raises")


@contextmanager
def _fail_object_only() -> Iterator[None]:
    """Makes an error of one object fail that object only.

    Errors of the bucket, the credentials or the service end the run: delivering less because S3 was
    briefly down would be wrong. The message leaves out the address, as for a local file.
    """
    try:
        yield
    except (InputError, RunError) as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and _concerns_one_object(error_info(cause)):
            raise unavailable(error_info(cause).code) from error
        raise
    except FileNotFoundError as error:
        raise unavailable("NoSuchKey") from error


def _concerns_one_object(s3_error: S3ErrorInfo) -> bool:
    return 400 <= s3_error.status < 500 and s3_error.code not in _RUN_FAILURE_CODES
