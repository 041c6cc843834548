"""Lists and opens the files of a catalogue, in a folder or under an s3:// prefix."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from botocore.exceptions import ClientError

from pipelines.catalogue.listing import CatalogueFile, Listing, sort_listing
from pipelines.storage.s3_client import (
    DEFAULT_S3,
    error_info,
    s3_client,
    translate_s3_errors,
)
from pipelines.storage.s3_retry import list_pages
from pipelines.storage.s3_stream import open_object
from schemas.errors import InputError, RunError

BLOCK_BYTES = 4 * 2**20
_PRECONDITION_FAILED = 412


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
    """Lists the files of a catalogue other than media, sorted by name; see `list_catalogue`."""
    return list(list_catalogue(uri).files)


def list_catalogue(uri: str) -> Listing:
    """Lists every file below a catalogue's folder or prefix.

    Media are only counted, as there may be millions of them.

    Raises:
        InputError: If the folder or bucket is missing or access to it is denied.
    """
    return _list_s3(uri) if uri.startswith("s3://") else _list_folder(uri)


def find_file(path: Path) -> CatalogueFile:
    """Returns one file on this machine that is read like a table.

    Raises:
        InputError: If there is none.
    """
    if not path.is_file():
        raise InputError("There is no such file", str(path), "Give the path of a table.")
    return _local_file(path, path.name)


def _list_folder(uri: str) -> Listing:
    root = Path(uri.removeprefix("file://"))
    if not root.is_dir():
        raise InputError(
            "The catalogue is not a folder",
            str(root),
            "Give a folder, or an s3:// prefix, that has the tables.",
        )
    try:
        return sort_listing(
            _walk(str(root), "", ()),
            lambda name: name,
            lambda name: _local_file(root / name, name),
        )
    except OSError as error:
        raise InputError(
            "The catalogue cannot be listed", f"{root}: {error.strerror}", "Grant access to it."
        ) from error


def _walk(folder: str, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """Yields the names of all files below a folder; links are followed, also to folders."""
    stat = Path(folder).stat()
    here = (stat.st_dev, stat.st_ino)
    if here in above:
        raise InputError(
            "A folder of the catalogue contains itself", folder, "Remove the link to it."
        )
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if _is_folder(entry):
            yield from _walk(entry.path, f"{prefix}{entry.name}/", (*above, here))
        else:
            yield f"{prefix}{entry.name}"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _local_file(path: Path, name: str) -> CatalogueFile:
    try:
        stat = path.stat()
    except OSError:
        stat = path.lstat()  # a link to nothing, or to itself
    return CatalogueFile(name, str(path), stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}")


def _list_s3(uri: str) -> Listing:
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


_S3_REMEDY = (
    "Check the bucket name, the credentials, and the s3:ListBucket and s3:GetObject permissions."
)


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
        if not path.is_file():  # a pipe would be waited for, and a device never ends
            raise InputError("A table is not a regular file", uri, "Put a copy of it there.")
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
        raise InputError("A table cannot be read", f"{uri} no longer exists", _S3_REMEDY) from error
    except RunError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and error_info(cause).status == _PRECONDITION_FAILED:
            raise _changed_error(uri) from error
        raise


def read_blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yields the bytes of a stream block by block."""
    while block := stream.read(BLOCK_BYTES):
        yield block
