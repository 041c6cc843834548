"""Reads an S3 object as a file, and resumes after broken connections."""

from __future__ import annotations

import io
import re
from typing import Any

from botocore.exceptions import ClientError
from tenacity import retry_if_exception, stop_after_attempt

from pipelines.storage.s3_client import (
    InvalidResponseError,
    S3Answer,
    S3Options,
    error_info,
    s3_client,
    translate_s3_errors,
)
from pipelines.storage.s3_retry import with_retries
from pipelines.storage.s3_sink import head_object
from schemas.errors import RunError

_BUFFER_BYTES = 1 << 20
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def open_object(options: S3Options, bucket: str, name: str, etag: str = "") -> io.BufferedReader:
    """Opens an object for reading; sends the request immediately.

    Args:
        options: Which S3 service.
        bucket: Its bucket.
        name: Its key.
        etag: The ETag that it must have, or "" for any.

    Raises:
        FileNotFoundError: If there is no such object.
        InputError: If there is no such bucket, or no permission.
    """
    return io.BufferedReader(_ObjectStream(options, bucket, name, etag), _BUFFER_BYTES)


def read_object_range(options: S3Options, bucket: str, name: str, start: int, size: int) -> bytes:
    """Reads a range of an object's bytes; fewer if the object ends before.

    Args:
        options: Which S3.
        bucket: Its bucket.
        name: Its key.
        start: Offset of the first byte.
        size: Number of bytes.

    Raises:
        FileNotFoundError: If there is no such object.
        InputError: If there is no such bucket, or no permission.
    """
    if size <= 0:
        return b""
    client = s3_client(options)

    def request() -> bytes:
        requested = f"bytes={start}-{start + size - 1}"
        response = client.get_object(Bucket=bucket, Key=name, Range=requested)
        with response["Body"] as body:
            data = bytes(body.read())
        reported = _RANGE.fullmatch(str(response.get("ContentRange", "")))
        if (
            reported is None
            or int(reported[1]) != start
            or len(data) != int(reported[2]) + 1 - start
        ):
            # A service that ignores the range would return other bytes.
            raise InvalidResponseError(f"asked for {requested}, got {response.get('ContentRange')}")
        total_size = int(reported[3])
        if len(data) != min(size, total_size - start):
            raise InvalidResponseError(
                f"{len(data)} bytes where {size} of {total_size} were asked for"
            )
        return data

    with translate_s3_errors(bucket, name):
        try:
            return with_retries(request)
        except ClientError as error:
            if error_info(error).status == 416:  # the object ends before the range
                return b""
            raise


def _may_resume(error: BaseException) -> bool:
    """Returns whether a read may resume: the service failed, but the object is unchanged."""
    cause = error.__cause__
    changed = isinstance(cause, ClientError) and error_info(cause).status == 412
    return isinstance(error, RunError) and not changed


_with_resumes = with_retries.copy(stop=stop_after_attempt(4), retry=retry_if_exception(_may_resume))


class _ObjectStream(io.RawIOBase):
    """A seekable stream of one object's bytes.

    botocore retries requests but not the reading of their bodies. A broken body is requested again
    from where it stopped, on condition that the object is unchanged.
    """

    def __init__(self, options: S3Options, bucket: str, name: str, etag: str) -> None:
        super().__init__()
        self._options = options
        self._bucket = bucket
        self._object_name = name
        self._position = 0
        self._body: Any = None
        with translate_s3_errors(bucket, name):
            response = with_retries(lambda: self._get({"IfMatch": etag} if etag else {}))
            self._size = self._length(response)
        self._etag = str(response.get("ETag", ""))
        self._body = response["Body"]

    def _length(self, response: S3Answer) -> int:
        """Returns the object's length, without which a truncated body could not be detected."""
        if "ContentLength" in response:
            return int(response["ContentLength"])
        client = s3_client(self._options)
        reported = head_object(client, self._bucket, self._object_name)
        if reported.get("ETag") != response.get("ETag"):
            raise InvalidResponseError("the object changed while its length was asked for")
        return int(reported["ContentLength"])

    def _get(self, extra: dict[str, str]) -> S3Answer:
        client = s3_client(self._options)
        response: S3Answer = client.get_object(Bucket=self._bucket, Key=self._object_name, **extra)
        return response

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        target = start + offset
        if target < 0:
            raise ValueError(f"cannot seek before the start: {target}")
        if target != self._position:
            self._drop_body()
            self._position = target
        return target

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        requested = min(len(view), self._size - self._position)
        if requested <= 0:
            return 0
        # Fill all of it: Parquet readers take a short read for the end of the file.
        filled = 0
        while filled < requested:
            data = self._read_with_resume(requested - filled)
            view[filled : filled + len(data)] = data
            self._position += len(data)
            filled += len(data)
        return filled

    def _read_some(self, requested: int) -> bytes:
        if self._body is None:
            self._body = self._reopen_body()
        data = bytes(self._body.read(requested))
        if not data:
            raise InvalidResponseError(f"the body ended at byte {self._position} of {self._size}")
        return data

    def _reopen_body(self) -> Any:
        condition = {"IfMatch": self._etag} if self._etag else {}
        response = with_retries(
            lambda: self._get({"Range": f"bytes={self._position}-", **condition})
        )
        expected = f"bytes {self._position}-{self._size - 1}/{self._size}"
        if response.get("ContentRange") != expected or response.get("ETag", "") != self._etag:
            # A service that ignores the range or the condition would return other bytes.
            response["Body"].close()
            raise InvalidResponseError(
                f"asked for {expected}, got {response.get('ContentRange', 'the whole object')}"
            )
        return response["Body"]

    def _read_or_drop_body(self, requested: int) -> bytes:
        try:
            with translate_s3_errors(self._bucket, self._object_name):
                return self._read_some(requested)
        except RunError:
            self._drop_body()
            raise

    def _read_with_resume(self, requested: int) -> bytes:
        try:
            return _with_resumes(self._read_or_drop_body, requested)
        except RunError as error:
            what = "broke off" if _may_resume(error) else "changed while it was read"
            raise RunError(
                f"The object {what}",
                f"s3://{self._bucket}/{self._object_name} at byte {self._position} of {self._size}",
                "Check the service and the network, and run again.",
            ) from error

    def _drop_body(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def close(self) -> None:
        self._drop_body()
        super().close()
