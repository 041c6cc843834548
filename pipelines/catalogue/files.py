"""Lists and opens the files of a catalogue, in a folder or under an s3:// prefix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from botocore.exceptions import ClientError

from pipelines.storage.s3_client import (
    DEFAULT_S3,
    S3Client,
    error_info,
    s3_client,
    translate_s3_errors,
)
from pipelines.storage.s3_retry import list_pages
from pipelines.storage.s3_stream import open_object
from schemas.errors import InputError, RunError

BLOCK_BYTES = 4 * 2**20
_PRECONDITION_FAILED = 412


@dataclass(frozen=True)
class CatalogueFile:
    """A file of the catalogue.

    Attributes:
        name: Its path relative to the catalogue, with `/` as separator.
        uri: A local path or s3:// address.
        size_bytes: Its size.
        version: Its ETag, or its size and modification time; a different value means different
            bytes.
    """

    name: str
    uri: str
    size_bytes: int
    version: str


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Splits `s3://bucket/key` into bucket and key.

    Raises:
        InputError: If the address has no bucket.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise InputError("The address names no bucket", uri, "Write s3://bucket/prefix.")
    return bucket, key


def list_files(uri: str) -> list[CatalogueFile]:
    """Lists the files of a catalogue and of its direct subfolders, sorted by name.

    Raises:
        InputError: If the folder or bucket is missing or access to it is denied.
    """
    found = _list_s3(uri) if uri.startswith("s3://") else _list_folder(uri)
    return sorted(found, key=lambda file: file.name)


def _list_folder(uri: str) -> list[CatalogueFile]:
    root = Path(uri.removeprefix("file://"))
    if not root.is_dir():
        raise InputError(
            "The catalogue is not a folder", str(root), "Give a folder that holds assets.parquet."
        )
    try:
        # Only table folders are listed: there may be millions of media files next to them.
        in_table_folders = [
            path for name in sorted(_TABLE_FOLDERS) for path in (root / name).glob("*")
        ]
        files = [path for path in [*root.glob("*"), *in_table_folders] if path.is_file()]
        return [_local_file(path, path.relative_to(root).as_posix()) for path in files]
    except OSError as error:
        raise InputError(
            "The catalogue cannot be listed", f"{root}: {error.strerror}", "Grant access to it."
        ) from error


def _local_file(path: Path, name: str) -> CatalogueFile:
    stat = path.stat()
    return CatalogueFile(name, str(path), stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}")


def _list_s3(uri: str) -> list[CatalogueFile]:
    bucket, prefix = split_s3_uri(uri)
    prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
    client = s3_client(DEFAULT_S3)
    found: list[CatalogueFile] = []
    with translate_s3_errors(bucket):
        # Table folders are one level deep, so media in deeper folders are not listed.
        top = _list_level(client, bucket, prefix)
        found += top[0]
        for folder in top[1]:
            if folder.removeprefix(prefix).rstrip("/") in _TABLE_FOLDERS:
                found += _list_level(client, bucket, folder)[0]
    return [
        CatalogueFile(f.name.removeprefix(prefix), f.uri, f.size_bytes, f.version) for f in found
    ]


_S3_REMEDY = (
    "Check the bucket name, the credentials, and the s3:ListBucket and s3:GetObject permissions."
)
_TABLE_FOLDERS = frozenset({"assets", "contributors", "consents", "releases"})


def _list_level(
    client: S3Client, bucket: str, prefix: str
) -> tuple[list[CatalogueFile], list[str]]:
    files, folders = [], []
    for page in list_pages(client, bucket, prefix, Delimiter="/"):
        folders += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
        files += [
            CatalogueFile(
                entry["Key"], f"s3://{bucket}/{entry['Key']}", entry["Size"], entry["ETag"]
            )
            for entry in page.get("Contents", [])
            if not entry["Key"].endswith("/")
        ]
    return files, folders


def open_file(uri: str, version: str) -> BinaryIO:
    """Opens a file for random-access reading.

    Args:
        uri: The address in `CatalogueFile`.
        version: The version in `CatalogueFile`.

    Raises:
        InputError: If it cannot be opened, or has changed since it was listed.
    """
    if uri.startswith("s3://"):
        return _open_object(uri, version)
    try:
        path = Path(uri)
        if _local_file(path, "").version != version:
            raise _changed_error(uri)
        return path.open("rb", buffering=0)
    except OSError as error:
        raise InputError("A table cannot be read", f"{uri}: {error.strerror}", "") from error


def _changed_error(uri: str) -> InputError:
    return InputError(
        "A table changed while it was being read",
        uri,
        "Run again once the catalogue no longer changes.",
    )


def _open_object(uri: str, version: str) -> BinaryIO:
    bucket, key = split_s3_uri(uri)
    try:
        # Unbuffered like a local file, since its readers do their own buffering.
        return cast(BinaryIO, open_object(DEFAULT_S3, bucket, key, version).detach())
    except FileNotFoundError as error:
        raise InputError("A table cannot be read", f"{uri} is gone", _S3_REMEDY) from error
    except RunError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and error_info(cause).status == _PRECONDITION_FAILED:
            raise _changed_error(uri) from error
        raise


def read_blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yields the bytes of a stream block by block."""
    while block := stream.read(BLOCK_BYTES):
        yield block
