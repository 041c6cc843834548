"""Streaming an object into S3: a part at a time, completed once, counted afterwards."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from pipelines.delivery.s3_client import S3Client, error_of, s3_errors
from pipelines.delivery.s3_retry import need, retried
from schemas.errors import FairshardError, RunError

PART_BYTES = 16 * 2**20
_MAX_PARTS = 10_000


def put_object(client: S3Client, bucket: str, name: str, data: bytes, **condition: str) -> None:
    """Writes an object at once, with its sha256 for the service to check."""
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")
    retried(
        lambda: client.put_object(
            Bucket=bucket, Key=name, Body=data, ChecksumSHA256=digest, **condition
        )
    )


def object_bytes(client: S3Client, bucket: str, name: str) -> dict[str, Any]:
    """What the service says of an object, its length among it."""
    return retried(
        lambda: need(client.head_object(Bucket=bucket, Key=name), "ContentLength", "LastModified")
    )


class MultipartSink:
    """Collects a part at a time; one small part is a plain put.

    Args:
        client: The client.
        bucket: The bucket.
        name: The object's name.
    """

    def __init__(self, client: S3Client, bucket: str, name: str) -> None:
        self._client = client
        self._bucket = bucket
        self._name = name
        self._buffer = bytearray()
        self._upload_id = ""
        self._parts: list[dict[str, str | int]] = []
        self._written = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """See `Sink.write`."""
        view = memoryview(data).cast("B")
        taken = 0
        while taken < len(view):
            room = PART_BYTES - len(self._buffer)
            self._buffer += view[taken : taken + room]
            taken = min(len(view), taken + room)
            if len(self._buffer) >= PART_BYTES:
                self._send_part()
        self._written += len(view)
        return len(view)

    def writev(self, pieces: Sequence[bytes]) -> None:
        """See `Sink.writev`."""
        for piece in pieces:
            self.write(piece)

    def complete(self) -> None:
        """Makes the object appear and counts its bytes.

        Raises:
            RunError: If the service failed, or holds another number of bytes than were written.
        """
        with s3_errors(self._bucket):
            if not self._upload_id:
                put_object(self._client, self._bucket, self._name, bytes(self._buffer))
            else:
                if self._buffer:
                    self._send_part()
                self._finish()
                self._upload_id = ""
            self._count()

    def abort(self) -> None:
        """Removes the parts sent; the error that led here is the one to show, so none is raised."""
        if self._upload_id:
            with contextlib.suppress(FairshardError), s3_errors(self._bucket):
                retried(
                    lambda: self._client.abort_multipart_upload(
                        **self._where, UploadId=self._upload_id
                    )
                )

    @property
    def _where(self) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._name}

    def _finish(self) -> None:
        parts = {"Parts": self._parts}
        try:
            retried(
                lambda: need(
                    self._client.complete_multipart_upload(
                        **self._where, UploadId=self._upload_id, MultipartUpload=parts
                    ),
                    "ETag",
                )
            )
        except ClientError as error:
            # An earlier attempt was obeyed and its answer lost: the upload is gone, the object is
            # there. Each part's sha256 was checked when it came, so the list of parts names it.
            if error_of(error).code != "NoSuchUpload" or not self._is_there():
                raise

    def _is_there(self) -> bool:
        """Whether the object is made of these very parts; only where ETags are made of MD5s."""
        try:
            md5s = [bytes.fromhex(str(part["ETag"]).strip('"')) for part in self._parts]
        except ValueError:
            return False
        whole = hashlib.md5(b"".join(md5s), usedforsecurity=False).hexdigest()
        try:
            found = object_bytes(self._client, self._bucket, self._name)
        except ClientError:
            return False
        return str(found.get("ETag", "")).strip('"') == f"{whole}-{len(md5s)}"

    def _count(self) -> None:
        there = int(object_bytes(self._client, self._bucket, self._name)["ContentLength"])
        if there != self._written:
            with contextlib.suppress(FairshardError), s3_errors(self._bucket):
                retried(lambda: self._client.delete_object(**self._where))
            raise RunError(
                "The service holds another number of bytes than were sent",
                f"s3://{self._bucket}/{self._name}: {there}, sent {self._written}",
                "Check the service, and run again; what is done is kept.",
            )

    def _send_part(self) -> None:
        with s3_errors(self._bucket):
            if not self._upload_id:
                answer = retried(
                    lambda: need(self._client.create_multipart_upload(**self._where), "UploadId")
                )
                self._upload_id = str(answer["UploadId"])
            number = len(self._parts) + 1
            if number > _MAX_PARTS:
                raise RunError(
                    "An object has more parts than S3 allows",
                    f"s3://{self._bucket}/{self._name} ({_MAX_PARTS} of {PART_BYTES} bytes)",
                    "Cut the delivery into smaller shards.",
                )
            body = bytes(self._buffer)
            answer = retried(
                lambda: need(
                    self._client.upload_part(
                        **self._where, UploadId=self._upload_id, PartNumber=number, Body=body
                    ),
                    "ETag",
                )
            )
        self._parts.append({"PartNumber": number, "ETag": str(answer["ETag"])})
        self._buffer.clear()
