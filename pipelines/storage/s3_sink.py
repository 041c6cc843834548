"""Streams an object to S3 part by part, completes it, and checks its length afterwards.

Parts are sent by other threads, so that the writer computes the next one meanwhile. Memory holds
the part that is being written and those that are being sent.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from botocore.exceptions import ClientError

from pipelines.storage.s3_client import S3Answer, S3Client, error_info, translate_s3_errors
from pipelines.storage.s3_retry import is_name_taken, require_fields, with_retries
from schemas.errors import FairshardError, RunError

PART_BYTES = 16 * 2**20
MAX_PARTS = 10_000
_PARTS_AT_ONCE = 3


def put_object(client: S3Client, bucket: str, name: str, data: bytes, **condition: str) -> None:
    """Writes an object in one request, with its sha256 for the service to check."""
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")
    with_retries(
        lambda: client.put_object(
            Bucket=bucket, Key=name, Body=data, ChecksumSHA256=digest, **condition
        )
    )


def put_if_absent(client: S3Client, bucket: str, name: str, data: bytes) -> bool:
    """Writes an object unless its name is taken; returns whether it did.

    Raises:
        RunError: If another process is writing the object, after several attempts.
    """
    try:
        put_object(client, bucket, name, data, IfNoneMatch="*")
    except ClientError as error:
        if is_name_taken(error):
            return False
        info = error_info(error)
        if info.status == 409 and info.code == "ConditionalRequestConflict":
            raise RunError(
                "Another run is writing the same object",
                f"s3://{bucket}/{name}",
                "Wait for the other run to finish, then run again.",
            ) from error
        raise
    return True


def abort_upload(client: S3Client, bucket: str, name: str, upload_id: str) -> None:
    """Removes the parts of an unfinished upload; does nothing if it has ended."""
    target = {"Bucket": bucket, "Key": name, "UploadId": upload_id}
    with translate_s3_errors(bucket):
        try:
            with_retries(lambda: client.abort_multipart_upload(**target))
        except ClientError as error:
            if error_info(error).code != "NoSuchUpload":
                raise


def head_object(client: S3Client, bucket: str, name: str) -> S3Answer:
    """Returns the service's metadata of an object, including its length."""
    return with_retries(
        lambda: require_fields(
            client.head_object(Bucket=bucket, Key=name), "ContentLength", "LastModified"
        )
    )


class MultipartSink:
    """Uploads an object part by part; an object of one small part is written with a plain put.

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
        self._senders: ThreadPoolExecutor | None = None
        self._sending: deque[Future[str]] = deque()
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

    def writev(self, pieces: Sequence[bytes | memoryview]) -> None:
        """See `Sink.writev`."""
        for piece in pieces:
            self.write(piece)

    def complete(self) -> None:
        """Publishes the object, unless it already exists with these bytes.

        The service checks the sha256 of a single part, so only the length of several is looked at.

        Raises:
            RunError: If the service failed, or has a different number of bytes than were written.
        """
        with translate_s3_errors(self._bucket):
            if not self._upload_id:
                return self._write_if_absent(self._put)
            if self._buffer:
                self._send_part()
            while self._sending:
                self._await_part()
            self._end_senders()
            self._write_if_absent(self._complete_parts)
            self._upload_id = ""
            self._verify_length()

    def abort(self) -> None:
        """Removes the parts sent. Raises nothing, so that the error that led here is shown."""
        self._end_senders()  # a part that arrives later would remain
        if self._upload_id:
            with contextlib.suppress(FairshardError):
                abort_upload(self._client, self._bucket, self._name, self._upload_id)

    @property
    def _target(self) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._name}

    def _write_if_absent(self, write: Callable[[dict[str, str]], None]) -> None:
        """Writes if the name is free. Otherwise compares the existing object before replacing it.

        An earlier attempt whose response was lost, or a run that was killed, may have written the
        same bytes: then the object is kept.
        """
        for condition in ({"IfNoneMatch": "*"}, {}):
            try:
                return write(condition)
            except ClientError as error:
                name_taken = is_name_taken(error)
                # Some services say that a completed upload does not exist.
                if not name_taken and error_info(error).code != "NoSuchUpload":
                    raise
                if self._is_already_stored():
                    return self.abort()
                if not (name_taken and condition):
                    raise
        raise AssertionError("an unconditional write cannot fail a condition")

    def _put(self, condition: dict[str, str]) -> None:
        put_object(self._client, self._bucket, self._name, bytes(self._buffer), **condition)

    def _complete_parts(self, condition: dict[str, str]) -> None:
        parts = {"Parts": self._parts}
        request = {**self._target, "UploadId": self._upload_id, "MultipartUpload": parts}
        complete = self._client.complete_multipart_upload
        with_retries(lambda: require_fields(complete(**request, **condition), "ETag"))

    def _is_already_stored(self) -> bool:
        """Returns whether the object has the same bytes; needs ETags that are based on MD5.

        The service checked the sha256 of each part, so the list of parts identifies the object.
        """
        try:
            found = head_object(self._client, self._bucket, self._name)
            etag = self._expected_etag()
        except (ClientError, ValueError):
            return False
        return str(found.get("ETag", "")).strip('"') == etag

    def _expected_etag(self) -> str:
        if not self._upload_id:
            return hashlib.md5(self._buffer, usedforsecurity=False).hexdigest()
        md5s = [bytes.fromhex(str(part["ETag"]).strip('"')) for part in self._parts]
        whole = hashlib.md5(b"".join(md5s), usedforsecurity=False).hexdigest()
        return f"{whole}-{len(md5s)}"

    def _verify_length(self) -> None:
        stored_bytes = int(head_object(self._client, self._bucket, self._name)["ContentLength"])
        if stored_bytes != self._written:
            with contextlib.suppress(FairshardError), translate_s3_errors(self._bucket):
                with_retries(lambda: self._client.delete_object(**self._target))
            raise RunError(
                "The service has a different number of bytes than were sent",
                f"s3://{self._bucket}/{self._name}: {stored_bytes}, sent {self._written}",
                "Check the service and run again; completed work is kept.",
            )

    def _send_part(self) -> None:
        """Starts to send what has been written, once there is a thread for it."""
        if self._senders is None:
            self._begin_upload()
            self._senders = ThreadPoolExecutor(_PARTS_AT_ONCE, "parts")
        number = len(self._parts) + len(self._sending) + 1
        if number > MAX_PARTS:
            raise RunError(
                "An object has more parts than S3 allows",
                f"s3://{self._bucket}/{self._name} ({MAX_PARTS} of {PART_BYTES} bytes)",
                "Use smaller shards for the delivery.",
            )
        while len(self._sending) >= _PARTS_AT_ONCE:
            self._await_part()
        self._sending.append(self._senders.submit(self._upload_part, number, bytes(self._buffer)))
        self._buffer.clear()

    def _begin_upload(self) -> None:
        create = self._client.create_multipart_upload
        with translate_s3_errors(self._bucket):
            response = with_retries(lambda: require_fields(create(**self._target), "UploadId"))
        self._upload_id = str(response["UploadId"])

    def _upload_part(self, number: int, body: bytes) -> str:
        """Sends a part and returns its ETag."""
        request = {**self._target, "UploadId": self._upload_id, "PartNumber": number}
        with translate_s3_errors(self._bucket):
            response = with_retries(
                lambda: require_fields(self._client.upload_part(**request, Body=body), "ETag")
            )
        return str(response["ETag"])

    def _await_part(self) -> None:
        """Waits for the earliest of the parts that are being sent."""
        etag = self._sending.popleft().result()
        self._parts.append({"PartNumber": len(self._parts) + 1, "ETag": etag})

    def _end_senders(self) -> None:
        """Waits for the parts that are being sent; those that wait for a thread are not sent."""
        if self._senders is not None:
            self._senders.shutdown(wait=True, cancel_futures=True)
            self._senders = None
