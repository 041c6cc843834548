"""Copies objects within a bucket; their bytes stay at the service."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from pipelines.storage.s3_client import S3Answer, S3Client, error_info, translate_s3_errors
from pipelines.storage.s3_retry import require_fields, with_retries
from pipelines.storage.s3_sink import MAX_PARTS, head_object
from schemas.errors import FairshardError, RunError

#: The most that S3 copies in one request.
MAX_COPY_BYTES = 5 << 30
_PART_BYTES = 1 << 30
_PARTS_AT_ONCE = 8
# What services answer if an object is too large for one request.
_TOO_LARGE = frozenset({"EntityTooLarge", "InvalidArgument", "InvalidRequest"})


def copy_object(client: S3Client, bucket: str, source: str, target: str) -> None:
    """Gives an object a second name; a large one is copied part by part.

    Raises:
        FileNotFoundError: If there is no such object.
        InputError: If access is denied, or there is no such bucket.
        RunError: If the service failed, or the object changed meanwhile.
    """
    found = {"Bucket": bucket, "Key": source}
    with translate_s3_errors(bucket, source):
        try:
            with_retries(
                lambda: require_fields(
                    client.copy_object(Bucket=bucket, Key=target, CopySource=found),
                    "CopyObjectResult",
                )
            )
        except ClientError as error:
            if error_info(error).code not in _TOO_LARGE:
                raise
            head = head_object(client, bucket, source)
            if int(head["ContentLength"]) <= MAX_COPY_BYTES:
                raise
            _copy_in_parts(client, bucket, source, target, head)


def _copy_in_parts(client: S3Client, bucket: str, source: str, target: str, head: S3Answer) -> None:
    size = int(head["ContentLength"])
    where = {"Bucket": bucket, "Key": target}
    create = client.create_multipart_upload
    upload = with_retries(lambda: require_fields(create(**where), "UploadId"))["UploadId"]
    where["UploadId"] = upload
    length = max(_PART_BYTES, -(-size // MAX_PARTS))
    ranges = [(first, min(first + length, size) - 1) for first in range(0, size, length)]

    def copy_part(number: int) -> dict[str, str | int]:
        first, last = ranges[number - 1]
        request = {
            **where,
            "PartNumber": number,
            "CopySource": {"Bucket": bucket, "Key": source},
            "CopySourceRange": f"bytes={first}-{last}",
            # A part of another object would go unnoticed otherwise.
            "CopySourceIfMatch": str(head["ETag"]),
        }
        etag = _retried_part(client.upload_part_copy, request)
        return {"PartNumber": number, "ETag": etag}

    try:
        with ThreadPoolExecutor(_PARTS_AT_ONCE) as pool:
            parts = list(pool.map(copy_part, range(1, len(ranges) + 1)))
        complete = client.complete_multipart_upload
        with_retries(
            lambda: require_fields(complete(**where, MultipartUpload={"Parts": parts}), "ETag")
        )
    except BaseException:
        with contextlib.suppress(FairshardError), translate_s3_errors(bucket):
            with_retries(lambda: client.abort_multipart_upload(**where))
        raise
    _check_length(client, bucket, target, size)


def _retried_part(call: Callable[..., S3Answer], request: S3Answer) -> str:
    response = with_retries(lambda: require_fields(call(**request), "CopyPartResult"))
    return str(require_fields(response["CopyPartResult"], "ETag")["ETag"])


def _check_length(client: S3Client, bucket: str, target: str, size: int) -> None:
    stored = int(head_object(client, bucket, target)["ContentLength"])
    if stored != size:
        raise RunError(
            "The service copied a different number of bytes",
            f"s3://{bucket}/{target}: {stored}, the object has {size}",
            "Check the service and run again; completed work is kept.",
        )
