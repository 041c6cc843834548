"""Fetches one asset's bytes, within the size limit and only from its checked location."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.fetch.hosts import HttpLocation
from pipelines.fetch.http import stream_http, url_of
from pipelines.fetch.http_request import OnResponseHead
from pipelines.fetch.local_file import read_file_into, stream_file
from pipelines.fetch.locate import FileLocation, Location
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.fetch.response_head import ResponseHead
from pipelines.fetch.s3_object import stream_object
from pipelines.signals.server.evidence import HttpEvidence
from pipelines.storage.progress import note_amount
from pipelines.storage.s3_client import DEFAULT_S3, S3Options
from schemas.errors import BadRecord
from schemas.reasons import Reason

_CHUNK_BYTES = 1 << 20


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
        self._reading = read_file_into(location)
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
        return stream_file(location, _CHUNK_BYTES)
    if isinstance(location, HttpLocation):
        return stream_http(location, _CHUNK_BYTES, on_head)
    return stream_object(location, options, _CHUNK_BYTES)
