"""Lists and opens the files of a catalogue under an s3:// prefix."""

from __future__ import annotations

from typing import BinaryIO, cast

from botocore.exceptions import ClientError

from pipelines.catalogue.listing import CatalogueFile, Listing, changed_error, sort_listing
from pipelines.storage.s3_client import (
    DEFAULT_S3,
    error_info,
    s3_client,
    translate_s3_errors,
)
from pipelines.storage.s3_listing import list_pages
from pipelines.storage.s3_stream import open_object
from schemas.errors import InputError, RunError

_PRECONDITION_FAILED = 412
_S3_REMEDY = (
    "Check the bucket name, the credentials, and the s3:ListBucket and s3:GetObject permissions."
)


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Splits `s3://bucket/key` into bucket and key.

    Raises:
        InputError: If the address has no bucket.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise InputError("The address names no bucket", uri, "Write s3://bucket/prefix.")
    return bucket, key


def list_prefix(uri: str) -> Listing:
    """Lists every file below a prefix; see `pipelines.catalogue.files.list_catalogue`."""
    bucket, prefix = split_s3_uri(uri)
    prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
    client = s3_client(DEFAULT_S3)
    with translate_s3_errors(bucket):
        entries = (
            CatalogueFile(
                entry["Key"].removeprefix(prefix),
                f"s3://{bucket}/{entry['Key']}",
                entry["Size"],
                entry["ETag"],
            )
            for page in list_pages(client, bucket, prefix)
            for entry in page.get("Contents", [])
            if not entry["Key"].endswith("/")
        )
        return sort_listing(entries, lambda file: file.name, lambda file: file)


def open_object_file(uri: str, version: str) -> BinaryIO:
    """Opens an object; see `pipelines.catalogue.files.open_file`."""
    bucket, key = split_s3_uri(uri)
    try:
        # Unbuffered like a local file, since its readers do their own buffering.
        return cast(BinaryIO, open_object(DEFAULT_S3, bucket, key, version).detach())
    except FileNotFoundError as error:
        raise InputError("A table cannot be read", f"{uri} no longer exists", _S3_REMEDY) from error
    except RunError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and error_info(cause).status == _PRECONDITION_FAILED:
            raise changed_error(uri) from error
        raise
