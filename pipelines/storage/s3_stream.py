"""Reading an S3 object as a file that survives broken connections."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from pipelines.storage.s3_client import (
    GarbledAnswerError,
    S3Options,
    error_of,
    s3_client,
    s3_errors,
)
from pipelines.storage.s3_retry import back_off, retried
from pipelines.storage.s3_sink import object_bytes
from schemas.errors import RunError

_BUFFER_BYTES = 1 << 20
_FAILURES_IN_A_ROW = 4
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def open_object(options: S3Options, bucket: str, name: str, etag: str = "") -> io.BufferedReader:
    """Opens an object for reading; the request is made at once.

    Args:
        options: Which S3.
        bucket: Its bucket.
        name: Its key.
        etag: The version that it must be, where one is expected.

    Raises:
        FileNotFoundError: If there is no such object.
        InputError: If there is no such bucket, or no permission.
    """
    return io.BufferedReader(_ObjectStream(options, bucket, name, etag), _BUFFER_BYTES)


def read_object_range(options: S3Options, bucket: str, name: str, start: int, size: int) -> bytes:
    """Reads so many bytes of an object from a place in it; fewer where it ends before.

    Args:
        options: Which S3.
        bucket: Its bucket.
        name: Its key.
        start: The first byte.
        size: How many.

    Raises:
        FileNotFoundError: If there is no such object.
        InputError: If there is no such bucket, or no permission.
    """
    if size <= 0:
        return b""
    client = s3_client(options)

    def ask() -> bytes:
        wanted = f"bytes={start}-{start + size - 1}"
        answer = client.get_object(Bucket=bucket, Key=name, Range=wanted)
        with answer["Body"] as body:
            data = bytes(body.read())
        told = _RANGE.fullmatch(str(answer.get("ContentRange", "")))
        if told is None or int(told[1]) != start or len(data) != int(told[2]) + 1 - start:
            # A service that passes over the range would hand us other bytes.
            raise GarbledAnswerError(f"asked for {wanted}, got {answer.get('ContentRange')}")
        whole = int(told[3])
        if len(data) != min(size, whole - start):
            raise GarbledAnswerError(f"{len(data)} bytes where {size} of {whole} were asked for")
        return data

    with s3_errors(bucket, name):
        try:
            return retried(ask)
        except ClientError as error:
            if error_of(error).status == 416:  # it ends before
                return b""
            raise


class _ObjectStream(io.RawIOBase):
    """A seekable stream of one object's bytes.

    botocore retries requests but not the reading of their bodies. A broken body is asked for again
    from where it stopped, on condition that the object is still the same.
    """

    def __init__(self, options: S3Options, bucket: str, name: str, etag: str) -> None:
        super().__init__()
        self._options = options
        self._bucket = bucket
        self._object = name
        self._position = 0
        self._failures = 0
        self._body: Any = None
        with s3_errors(bucket, name):
            answer = retried(lambda: self._get({"IfMatch": etag} if etag else {}))
            self._size = self._length(answer)
        self._etag = str(answer.get("ETag", ""))
        self._body = answer["Body"]

    def _length(self, answer: dict[str, Any]) -> int:
        """The object's length; without it, a body that was cut could pass for a whole one."""
        if "ContentLength" in answer:
            return int(answer["ContentLength"])
        client = s3_client(self._options)
        told = object_bytes(client, self._bucket, self._object)
        if told.get("ETag") != answer.get("ETag"):
            raise GarbledAnswerError("the object changed while its length was asked for")
        return int(told["ContentLength"])

    def _get(self, extra: dict[str, str]) -> dict[str, Any]:
        client = s3_client(self._options)
        answer: dict[str, Any] = client.get_object(Bucket=self._bucket, Key=self._object, **extra)
        return answer

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
        wanted = min(len(view), self._size - self._position)
        if wanted <= 0:
            return 0
        # All of it: readers of Parquet take a short read for the end of the file.
        filled = 0
        while filled < wanted:
            data = self._attempt(partial(self._read_some, wanted - filled))
            view[filled : filled + len(data)] = data
            self._position += len(data)
            filled += len(data)
        return filled

    def _read_some(self, wanted: int) -> bytes:
        if self._body is None:
            self._body = self._from_here()
        data = bytes(self._body.read(wanted))
        if not data:
            raise GarbledAnswerError(f"the body ended at byte {self._position} of {self._size}")
        return data

    def _from_here(self) -> Any:
        condition = {"IfMatch": self._etag} if self._etag else {}
        answer = retried(lambda: self._get({"Range": f"bytes={self._position}-", **condition}))
        expected = f"bytes {self._position}-{self._size - 1}/{self._size}"
        if answer.get("ContentRange") != expected or answer.get("ETag", "") != self._etag:
            # A service that passes over the range or the condition would hand us other bytes.
            answer["Body"].close()
            raise GarbledAnswerError(
                f"asked for {expected}, got {answer.get('ContentRange', 'the whole object')}"
            )
        return answer["Body"]

    def _attempt(self, action: Callable[[], bytes]) -> bytes:
        while True:
            try:
                with s3_errors(self._bucket, self._object):
                    data = action()
            except RunError as error:
                self._failed(error)
                back_off(self._failures)
            else:
                self._failures = 0
                return data

    def _failed(self, error: Exception) -> None:
        self._drop_body()
        self._failures += 1
        changed = (
            isinstance(error.__cause__, ClientError) and error_of(error.__cause__).status == 412
        )
        if changed or self._failures >= _FAILURES_IN_A_ROW:
            raise RunError(
                "The object changed while it was read" if changed else "The object broke off",
                f"s3://{self._bucket}/{self._object} at byte {self._position} of {self._size}",
                "Check the service and the network, and run again.",
            ) from error

    def _drop_body(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def close(self) -> None:
        self._drop_body()
        super().close()
