"""Fetches one asset's bytes, within the size limit and only from its checked location."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import ClientError

from pipelines.fetch.hosts import HttpLocation
from pipelines.fetch.http import OnResponseHead, stream_http, url_of
from pipelines.fetch.locate import FileLocation, Location, S3Location
from pipelines.fetch.names import other_capitals, other_spellings
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.fetch.response_head import ResponseHead
from pipelines.fetch.uri_text import not_allowed
from pipelines.signals.server.evidence import HttpEvidence
from pipelines.storage.progress import note_amount
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
        max_bytes: Maximum number of bytes, enforced while reading whatever size is announced.
        options: The S3 service to use.

    Raises:
        BadRecord: `media.unavailable`, `media.too_large` or `media.empty`.
        InputError: If the bucket does not exist, the credentials are wrong or S3 does not answer.
        RunError: If the S3 service fails.
    """
    return b"".join(open_stream(location, max_bytes, options))


@dataclass(frozen=True)
class FetchedFile:
    """A whole file, and what its server stated about it.

    Attributes:
        data: The bytes of the file.
        evidence: What its web server stated; None for files that are not from a web server.
        earlier: What it stated in answers that broke off before their first byte.
    """

    data: bytes
    evidence: HttpEvidence | None
    earlier: tuple[HttpEvidence, ...] = ()

    @property
    def answers(self) -> tuple[HttpEvidence, ...]:
        """What the web server stated in each answer: a no in any of them counts."""
        return self.earlier if self.evidence is None else (*self.earlier, self.evidence)


class MediaStream:
    """A file that is being read, with what its web server states about it.

    Iterating it yields chunks of at most 1 MiB, once; see `fetch`, whose errors come meanwhile.

    Args:
        location: Where the file is.
        max_bytes: As for `fetch`.
        options: The S3 service to use.
    """

    def __init__(self, location: Location, max_bytes: int, options: S3Options = DEFAULT_S3) -> None:
        self._location = location
        self._heads: list[ResponseHead] = []
        self._chunks = _bounded(_stream(location, options, self._heads.append), max_bytes)

    def __iter__(self) -> Iterator[bytes]:
        """Yields the file's bytes."""
        return self._chunks

    def evidence(self, origin_files: OriginFileCache) -> tuple[HttpEvidence, ...]:
        """Returns what the server stated in each answer; that of the bytes is the last.

        Args:
            origin_files: As for `fetch_with_evidence`.
        """
        location = self._location
        if not isinstance(location, HttpLocation):
            return ()
        return tuple(
            HttpEvidence(
                url_of(location),
                head.headers,
                origin_files.files_for(location, head.headers),
                head.fault,
            )
            for head in self._heads
        )


class LocalMedia(MediaStream):
    """A file on this machine, which can be read into memory of the caller's instead.

    Args:
        location: Where the file is.
        max_bytes: As for `fetch`.
    """

    def __init__(self, location: FileLocation, max_bytes: int) -> None:
        super().__init__(location, max_bytes)
        self._reading = _read_file(location)
        next(self._reading)
        self._max_bytes = max_bytes
        self._total = 0

    def readinto(self, memory: memoryview) -> int:
        """Reads the next bytes and returns how many; 0 at the end, after which it is not called.

        Raises:
            BadRecord: As `fetch`.
        """
        size = self._reading.send(memory)
        self._total += size
        if self._total > self._max_bytes:
            raise _too_large(self._max_bytes)
        if not size:
            _note_read(self._total)
        return size


def fetch_with_evidence(
    location: Location,
    max_bytes: int,
    origin_files: OriginFileCache,
    options: S3Options = DEFAULT_S3,
) -> FetchedFile:
    """Fetches a whole file and what its web server states about rights.

    Args:
        location: Where it is.
        max_bytes: As for `fetch`.
        origin_files: Caches the origin's files on rights, so that a run fetches them once.
        options: The S3 service to use.

    Raises:
        BadRecord: As `fetch`. Failing to fetch an origin's files on rights does not raise; it is
            recorded as a fault in the evidence.
        InputError: As `fetch`.
        RunError: As `fetch`.
    """
    stream = MediaStream(location, max_bytes, options)
    data = b"".join(stream)
    *earlier, evidence = stream.evidence(origin_files) or (None,)
    return FetchedFile(data, evidence, tuple(item for item in earlier if item is not None))


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
            raise _too_large(max_bytes)
        yield chunk
    _note_read(total)


def _too_large(max_bytes: int) -> BadRecord:
    return BadRecord(Reason.MEDIA_TOO_LARGE, f"more than the limit of {max_bytes} bytes")


def _note_read(size_bytes: int) -> None:
    """Counts a file that was read to its end, and refuses an empty one."""
    if size_bytes == 0:
        raise BadRecord(Reason.MEDIA_EMPTY, "0 bytes")
    note_amount("media_bytes", size_bytes)


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
    with _opened_file(location) as (descriptor, size_bytes):
        # Allocate only the file's size; a file that has grown is still read to its end.
        read_bytes = min(CHUNK_BYTES, size_bytes + 1)
        while chunk := os.read(descriptor, read_bytes):
            yield chunk
            read_bytes = CHUNK_BYTES if len(chunk) == read_bytes else 1


def _read_file(location: FileLocation) -> Generator[int, memoryview, None]:
    """Reads a file into the memory that is sent, and yields how many bytes; 0 at the end."""
    memory = yield 0
    with _opened_file(location) as (descriptor, _):
        while size := os.readv(descriptor, [memory]):
            memory = yield size
    yield 0


@contextmanager
def _opened_file(location: FileLocation) -> Iterator[tuple[int, int]]:
    """Opens a file; yields its descriptor and its size."""
    try:
        descriptor = _open_below(location)
        try:
            # Reading a FIFO or a device could block or never end.
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise _unavailable("not a regular file")
            yield descriptor, status.st_size
        finally:
            os.close(descriptor)
    except OSError as error:
        # The path is left out: tables must not depend on the catalogue's location.
        said = error.strerror or type(error).__name__
        if isinstance(error, FileNotFoundError):
            *folders, name = location.segments
            if found := other_capitals("/".join((location.root, *folders)), name):
                said += f"; the folder has {found!r}, and capitals matter"
        raise _unavailable(said) from error


def _open_below(location: FileLocation) -> int:
    """Opens a file segment by segment from its root without following symlinks.

    The path had no symlinks when it was checked; one created since must not be followed.
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
    with _open_spelled(location, options) as stream, _failing_one_object():
        while chunk := stream.read(CHUNK_BYTES):
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
    raise _unavailable("NoSuchKey")


def _open_object(key: str, location: S3Location, options: S3Options) -> io.BufferedReader | None:
    """Opens an object; returns None if there is none."""
    with _failing_one_object():
        try:
            return open_object(options, location.bucket, key)
        except FileNotFoundError:
            return None
    raise AssertionError("the block returns or raises")


@contextmanager
def _failing_one_object() -> Iterator[None]:
    """Makes an error of one object fail that object only.

    Errors of the bucket, the credentials or the service end the run: delivering less because S3 was
    briefly down would be wrong. The message leaves out the address, as for a local file.
    """
    try:
        yield
    except (InputError, RunError) as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and _concerns_one_object(error_info(cause)):
            raise _unavailable(error_info(cause).code) from error
        raise
    except FileNotFoundError as error:
        raise _unavailable("NoSuchKey") from error


def _concerns_one_object(s3_error: S3ErrorInfo) -> bool:
    return 400 <= s3_error.status < 500 and s3_error.code not in _RUN_FAILURE_CODES
