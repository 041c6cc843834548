"""A store below an S3 prefix."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from pipelines.delivery.s3_client import (
    S3Client,
    S3Options,
    error_of,
    s3_client,
    s3_errors,
)
from pipelines.delivery.s3_stream import open_object
from pipelines.delivery.stores import ObjectInfo, Sink, check_key, check_prefix
from schemas.errors import InputError, RunError

PART_BYTES = 16 * 2**20
_MAX_PARTS = 10_000
_WRITE_ATTEMPTS = 4


@dataclass(frozen=True)
class S3Store:
    """Objects of a bucket whose names begin with a prefix.

    Attributes:
        uri: The address as given.
        bucket: The bucket.
        prefix: Empty, or segments without a slash at either end.
        options: Which S3 to speak to.
    """

    uri: str
    bucket: str
    prefix: str
    options: S3Options

    @classmethod
    def at(cls, uri: str, options: S3Options) -> S3Store:
        """The store of an `s3://bucket/prefix` address.

        Raises:
            InputError: If it is none.
        """
        parts = urlsplit(uri)
        prefix = parts.path.strip("/")
        try:
            if prefix:
                check_key(prefix)
            if not parts.netloc or "@" in parts.netloc or ":" in parts.netloc:
                raise ValueError("the bucket is missing or not a plain name")
            if parts.query or parts.fragment:
                raise ValueError("a prefix has no ? or #")
        except ValueError as error:
            raise InputError(
                "The S3 address is not valid", f"{uri} ({error})", "Use s3://bucket/prefix."
            ) from error
        return cls(uri.rstrip("/"), parts.netloc, prefix, options)

    @property
    def _client(self) -> S3Client:
        return s3_client(self.options)

    def _name(self, key: str) -> str:
        check_key(key)
        return f"{self.prefix}/{key}" if self.prefix else key

    def read_bytes(self, key: str) -> bytes:
        """See `Store.read_bytes`."""
        with self.open_read(key) as file:
            return file.read()

    def open_read(self, key: str) -> BinaryIO:
        """See `Store.open_read`. The stream resumes where a connection broke."""
        return open_object(self.options, self.bucket, self._name(key))

    def exists(self, key: str) -> bool:
        """See `Store.exists`."""
        try:
            self.size(key)
        except FileNotFoundError:
            return False
        return True

    def size(self, key: str) -> int:
        """See `Store.size`."""
        name = self._name(key)
        with s3_errors(self.bucket, name):
            return int(self._client.head_object(Bucket=self.bucket, Key=name)["ContentLength"])

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """See `Store.list`."""
        folder = "/".join(part for part in (self.prefix, check_prefix(prefix)) if part)
        start = f"{folder}/" if folder else ""
        base = f"{self.prefix}/" if self.prefix else ""
        found = []
        with s3_errors(self.bucket):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=start):
                for item in page.get("Contents", ()):
                    key = str(item["Key"])[len(base) :]
                    # Consoles leave empty objects that stand for folders.
                    if not key.endswith("/"):
                        found.append(ObjectInfo(key, int(item["Size"])))
        return sorted(found, key=lambda info: info.key)

    def write_bytes(self, key: str, data: bytes, *, private: bool = False) -> None:
        """See `Store.write_bytes`. `private` has no meaning here: the bucket's policy decides."""
        name = self._name(key)
        with s3_errors(self.bucket):
            self._put(name, data)

    def _put(self, name: str, data: bytes | bytearray, **condition: str) -> None:
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")
        self._client.put_object(
            Bucket=self.bucket, Key=name, Body=bytes(data), ChecksumSHA256=digest, **condition
        )

    @contextmanager
    def open_write(self, key: str, *, private: bool = False) -> Iterator[Sink]:
        """See `Store.open_write`. Parts of 16 MiB; given up parts are aborted."""
        sink = _MultipartSink(self, self._name(key))
        try:
            yield sink
            sink.complete()
        except BaseException:
            sink.abort()
            raise

    def write_new(self, key: str, data: bytes, *, private: bool = False) -> bool:
        """See `Store.write_new`."""
        name = self._name(key)
        for attempt in range(_WRITE_ATTEMPTS):
            try:
                with s3_errors(self.bucket):
                    return self._put_new(name, data)
            except _ConflictError as conflict:
                # 409: another conditional write of this name is under way.
                if attempt == _WRITE_ATTEMPTS - 1:
                    raise RunError(
                        "Another run is writing the same object",
                        f"s3://{self.bucket}/{name}",
                        "Let one run finish, then run again.",
                    ) from conflict
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _put_new(self, name: str, data: bytes) -> bool:
        try:
            self._put(name, data, IfNoneMatch="*")
        except ClientError as error:
            seen = error_of(error)
            if seen.status == 412 or seen.code == "PreconditionFailed":
                return False
            if seen.status == 409 and seen.code == "ConditionalRequestConflict":
                raise _ConflictError(name) from error
            raise
        return True

    def delete(self, key: str) -> None:
        """See `Store.delete`."""
        name = self._name(key)
        with s3_errors(self.bucket), contextlib.suppress(FileNotFoundError):
            self._client.delete_object(Bucket=self.bucket, Key=name)

    def delete_prefix(self, prefix: str) -> None:
        """See `Store.delete_prefix`."""
        self._name(check_prefix(prefix))
        for info in self.list(prefix):
            self.delete(info.key)

    def sweep(self, prefix: str) -> None:
        """See `Store.sweep`. Parts of uploads that were never completed are paid for."""
        start = f"{self._name(check_prefix(prefix))}/"
        with s3_errors(self.bucket), contextlib.suppress(FileNotFoundError):
            pages = self._client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self.bucket, Prefix=start):
                for item in page.get("Uploads", ()):
                    self._client.abort_multipart_upload(
                        Bucket=self.bucket, Key=item["Key"], UploadId=item["UploadId"]
                    )

    def ensure(self) -> None:
        """See `Store.ensure`. Writes and removes a small object, the only proof of permission."""
        with s3_errors(self.bucket):
            self._client.head_bucket(Bucket=self.bucket)
            probe = self._name(".fairshard-probe")
            self._put(probe, b"")
            self._client.delete_object(Bucket=self.bucket, Key=probe)


class _ConflictError(Exception):
    """Two conditional writes met."""


class _MultipartSink:
    """Collects a part at a time; one small part is a plain put."""

    def __init__(self, store: S3Store, name: str) -> None:
        self._store = store
        self._name = name
        self._buffer = bytearray()
        self._upload_id = ""
        self._parts: list[dict[str, str | int]] = []

    def write(self, data: bytes | bytearray | memoryview) -> int:
        view = memoryview(data).cast("B")
        taken = 0
        while taken < len(view):
            room = PART_BYTES - len(self._buffer)
            self._buffer += view[taken : taken + room]
            taken = min(len(view), taken + room)
            if len(self._buffer) == PART_BYTES:
                self._send_part()
        return len(view)

    def complete(self) -> None:
        if not self._upload_id:
            with s3_errors(self._store.bucket):
                self._store._put(self._name, self._buffer)
            return
        if self._buffer:
            self._send_part()
        with s3_errors(self._store.bucket):
            self._client.complete_multipart_upload(
                **self._where, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
            )
        self._upload_id = ""

    def abort(self) -> None:
        """Removes the parts sent; the error that led here is the one to show, so none is raised."""
        if self._upload_id:
            with contextlib.suppress(ClientError, BotoCoreError):
                self._client.abort_multipart_upload(**self._where, UploadId=self._upload_id)

    @property
    def _client(self) -> S3Client:
        return s3_client(self._store.options)

    @property
    def _where(self) -> dict[str, str]:
        return {"Bucket": self._store.bucket, "Key": self._name}

    def _send_part(self) -> None:
        with s3_errors(self._store.bucket):
            if not self._upload_id:
                answer = self._client.create_multipart_upload(**self._where)
                self._upload_id = str(answer["UploadId"])
            number = len(self._parts) + 1
            if number > _MAX_PARTS:
                raise RunError(
                    "An object has more parts than S3 allows",
                    f"s3://{self._store.bucket}/{self._name} ({_MAX_PARTS} of {PART_BYTES} bytes)",
                    "Cut the delivery into smaller shards.",
                )
            answer = self._client.upload_part(
                **self._where,
                UploadId=self._upload_id,
                PartNumber=number,
                Body=io.BytesIO(self._buffer),
            )
        self._parts.append({"PartNumber": number, "ETag": str(answer["ETag"])})
        self._buffer.clear()
