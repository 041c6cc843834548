"""Lists a bucket: its objects, its folders, what stands for folders, and unfinished uploads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from botocore.exceptions import ClientError

from pipelines.storage.s3_client import S3Answer, S3Client, error_info
from pipelines.storage.s3_retry import require_fields, with_retries
from pipelines.storage.store import ObjectInfo, Stray, UnfinishedWrite


def list_objects(client: S3Client, bucket: str, start: str) -> Iterator[S3Answer]:
    """Yields every object whose name begins with `start`."""
    for page in list_pages(client, bucket, start):
        yield from page.get("Contents", ())


def list_pages(client: S3Client, bucket: str, start: str, **extra: str) -> Iterator[S3Answer]:
    """Yields the pages of a listing; `extra` are other parameters, such as a delimiter."""
    token = dict(extra)
    while True:
        page = _list_page(client.list_objects_v2, "NextContinuationToken", bucket, start, token)
        yield page
        if not page["IsTruncated"]:
            return
        token["ContinuationToken"] = str(page["NextContinuationToken"])


def object_info(key: str, item: S3Answer) -> ObjectInfo:
    """Returns what a listing says of an object."""
    size, modified_s = int(item["Size"]), item["LastModified"].timestamp()
    return ObjectInfo(key, size, modified_s, f"{item.get('ETag', '')}-{modified_s}-{size}")


def find_strays(sizes: Iterable[tuple[str, int]]) -> list[Stray]:
    """Returns the objects that stand for a folder, except empty ones of a folder with objects.

    Args:
        sizes: The key of each object with its size in bytes.
    """
    keys, folders = [], {}
    for key, size in sizes:
        if key.endswith("/"):
            folders[key] = size
        elif key:
            keys.append(key)
    found = []
    for key, size in sorted(folders.items()):
        if size:
            found.append(Stray(key, f"an object of {size:,} bytes that stands for a folder"))
        elif not any(other.startswith(key) for other in keys):
            found.append(Stray(key, "an empty folder"))
    return found


def list_uploads(client: S3Client, bucket: str, start: str) -> Iterator[S3Answer]:
    """Yields every incomplete multipart upload whose name begins with `start`."""
    token: dict[str, str] = {}
    while True:
        page = _list_page(client.list_multipart_uploads, "NextKeyMarker", bucket, start, token)
        yield from page.get("Uploads", ())
        if not page["IsTruncated"]:
            return
        token = {
            "KeyMarker": str(page["NextKeyMarker"]),
            "UploadIdMarker": str(page.get("NextUploadIdMarker", "")),
        }


def unfinished_write(
    client: S3Client, bucket: str, key: str, item: S3Answer
) -> UnfinishedWrite | None:
    """Returns what a listing says of an upload; None if it has ended since."""
    upload_id = str(item["UploadId"])
    try:
        size = _upload_bytes(client, bucket, str(item["Key"]), upload_id)
    except ClientError as error:
        if error_info(error).code != "NoSuchUpload":
            raise
        return None
    return UnfinishedWrite(key, size, item["Initiated"].timestamp(), upload_id)


def _upload_bytes(client: S3Client, bucket: str, name: str, upload_id: str) -> int:
    """Returns the total size of the parts of an unfinished upload."""
    total, marker = 0, 0
    while True:
        page = _list_parts_page(client, bucket, name, upload_id, marker)
        total += sum(int(part["Size"]) for part in page.get("Parts", ()))
        if not page["IsTruncated"]:
            return total
        marker = int(page["NextPartNumberMarker"])


def _list_page(
    call: Callable[..., S3Answer],
    next_field: str,
    bucket: str,
    start: str,
    token: dict[str, str],
) -> S3Answer:
    def request() -> S3Answer:
        page = require_fields(call(Bucket=bucket, Prefix=start, **token), "IsTruncated")
        return require_fields(page, next_field) if page["IsTruncated"] else page

    return with_retries(request)


def _list_parts_page(
    client: S3Client, bucket: str, name: str, upload_id: str, marker: int
) -> S3Answer:
    def request() -> S3Answer:
        response = client.list_parts(
            Bucket=bucket, Key=name, UploadId=upload_id, PartNumberMarker=marker
        )
        return require_fields(response, "IsTruncated")

    return with_retries(request)
