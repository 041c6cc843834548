"""Fetching one asset's bytes, never more than allowed and never from elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from pipelines.fetch.hosts import HttpLocation
from pipelines.fetch.http import OnResponseHead, ResponseHead, stream_http, url_of
from pipelines.fetch.locate import FileLocation, Location, S3Location
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.signals.server.evidence import HttpEvidence
from pipelines.storage.s3_client import (
    DEFAULT_S3,
    S3ErrorInfo,
    S3Options,
    error_info,
)
from pipelines.storage.s3_stream import open_object
from schemas.errors import BadRecord, InputError, RunError
from schemas.reasons import Reason

CHUNK_BYTES = 1 << 20
_RUN_FAILURE_CODES = frozenset(
    {"NoSuchBucket", "InvalidBucketName", "PermanentRedirect", "AuthorizationHeaderMalformed"}
    | {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"}
    | {"RequestTimeTooSkewed", "SlowDown", "Throttling", "TooManyRequests"}
)


def fetch(location: Location, max_bytes: int, options: S3Options = DEFAULT_S3) -> bytes:
    """Fetches a whole file.

    Args:
        location: Where it is.
        max_bytes: Most bytes to take; enforced while reading, whatever the other side announces.
        options: Which S3 to speak to.

    Raises:
        BadRecord: `media.unavailable`, `media.too_large` or `media.empty`.
        InputError: If the bucket does not exist, the credentials are wrong or nobody answers.
        RunError: If the S3 service fails.
    """
    return b"".join(open_stream(location, max_bytes, options))


@dataclass(frozen=True)
class FetchedFile:
    """A whole file, and what its server said with it.

    Attributes:
        data: The file.
        evidence: What came with it; None for what does not come from a web server.
    """

    data: bytes
    evidence: HttpEvidence | None


def fetch_with_evidence(
    location: Location,
    max_bytes: int,
    origin_files: OriginFileCache,
    options: S3Options = DEFAULT_S3,
) -> FetchedFile:
    """Fetches a whole file with what its web server says about rights.

    Args:
        location: Where it is.
        max_bytes: As for `fetch`.
        origin_files: Keeps the files beside the media, so that a run asks an origin once.
        options: Which S3 to speak to.

    Raises:
        BadRecord: As `fetch`. What lies beside the file never fails it: that is a fault in the
            evidence.
        InputError: As `fetch`.
        RunError: As `fetch`.
    """
    if not isinstance(location, HttpLocation):
        return FetchedFile(fetch(location, max_bytes, options), None)
    heads: list[ResponseHead] = []
    data = b"".join(_bounded(_stream(location, options, heads.append), max_bytes))
    # An attempt may have failed after its head: the last one is that of the bytes.
    head = heads[-1]
    beside_media = origin_files.files_for(location, head.headers)
    return FetchedFile(data, HttpEvidence(url_of(location), head.headers, beside_media, head.fault))


def open_stream(
    location: Location, max_bytes: int, options: S3Options = DEFAULT_S3
) -> Iterator[bytes]:
    """Streams a file in chunks of at most 1 MiB; see `fetch`, whose errors come while iterating."""
    return _bounded(_stream(location, options), max_bytes)


def _bounded(chunks: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > max_bytes:
            raise BadRecord(Reason.MEDIA_TOO_LARGE, f"more than the limit of {max_bytes} bytes")
        yield chunk
    if total == 0:
        raise BadRecord(Reason.MEDIA_EMPTY, "0 bytes")


def _stream(
    location: Location, options: S3Options, on_head: OnResponseHead | None = None
) -> Iterator[bytes]:
    if isinstance(location, FileLocation):
        return _stream_file(location)
    if isinstance(location, HttpLocation):
        return stream_http(location, CHUNK_BYTES, on_head)
    return _stream_object(location, options)


def _unavailable(detail: str) -> BadRecord:
    return BadRecord(Reason.MEDIA_UNAVAILABLE, detail[:200])


def _stream_file(location: FileLocation) -> Iterator[bytes]:
    try:
        descriptor = _open_below(location)
        try:
            # A FIFO or a device would block or never end.
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise _unavailable("not a regular file")
            # No more room than the file takes; one that grew meanwhile is read to its end as well.
            read_bytes = min(CHUNK_BYTES, status.st_size + 1)
            while chunk := os.read(descriptor, read_bytes):
                yield chunk
                read_bytes = CHUNK_BYTES if len(chunk) == read_bytes else 1
        finally:
            os.close(descriptor)
    except OSError as error:
        # Without the path: tables must not depend on where the catalogue lies.
        raise _unavailable(error.strerror or type(error).__name__) from error


def _open_below(location: FileLocation) -> int:
    """Opens a file segment by segment from its root, following no symlink.

    The path was free of symlinks when it was checked; one put there since must not be followed.
    """
    *folders, name = location.segments
    flags = os.O_RDONLY | os.O_CLOEXEC
    descriptor = os.open(location.root, flags | os.O_DIRECTORY)
    try:
        for folder in folders:
            inner = os.open(folder, flags | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptor)
    finally:
        os.close(descriptor)


def _stream_object(location: S3Location, options: S3Options) -> Iterator[bytes]:
    # What is told is without the address, as of a file.
    try:
        with open_object(options, location.bucket, location.key) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
    except FileNotFoundError as error:
        raise _unavailable("NoSuchKey") from error
    except (InputError, RunError) as error:
        cause = error.__cause__
        # One object's refusal is that object's. What concerns the bucket, the credentials or the
        # service ends the run: to deliver less because S3 was down for a minute would be wrong.
        if isinstance(cause, ClientError) and _concerns_one_object(error_info(cause)):
            raise _unavailable(error_info(cause).code) from error
        raise


def _concerns_one_object(s3_error: S3ErrorInfo) -> bool:
    return 400 <= s3_error.status < 500 and s3_error.code not in _RUN_FAILURE_CODES
