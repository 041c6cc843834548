"""Files of a catalogue, in a folder or under an s3:// prefix, behind one small interface."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from schemas.errors import InputError

BLOCK_BYTES = 4 * 2**20
_ATTEMPTS = 4


@dataclass(frozen=True)
class File:
    """A file of the catalogue.

    Attributes:
        name: Its path relative to the catalogue, with `/`.
        uri: A local path or s3:// address.
        size_bytes: Its length.
        version: Its ETag, or length and time of change: another value means other bytes.
    """

    name: str
    uri: str
    size_bytes: int
    version: str


def split_s3(uri: str) -> tuple[str, str]:
    """Splits `s3://bucket/key` into bucket and key.

    Raises:
        InputError: If there is no bucket.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise InputError("The address names no bucket", uri, "Write s3://bucket/prefix.")
    return bucket, key


@functools.lru_cache(maxsize=2)
def _client_of(process: int) -> object:
    del process  # a client must not be shared across a fork
    retries = Config(retries={"max_attempts": _ATTEMPTS, "mode": "standard"})
    return boto3.client("s3", config=retries)


def s3_client() -> object:
    """The one S3 client of this process; it follows boto3's own configuration."""
    return _client_of(os.getpid())


def list_files(uri: str) -> list[File]:
    """Lists the files of a catalogue, by name: its own and those one folder down.

    Raises:
        InputError: If the folder or bucket is missing or may not be read.
    """
    found = _list_s3(uri) if uri.startswith("s3://") else _list_folder(uri)
    return sorted(found, key=lambda file: file.name)


def _list_folder(uri: str) -> list[File]:
    root = Path(uri.removeprefix("file://"))
    if not root.is_dir():
        raise InputError(
            "The catalogue is no folder", str(root), "Give a folder that holds assets.parquet."
        )
    try:
        files = [path for path in [*root.glob("*"), *root.glob("*/*")] if path.is_file()]
        return [_local(path, path.relative_to(root).as_posix()) for path in files]
    except OSError as error:
        raise InputError(
            "The catalogue cannot be listed", f"{root}: {error.strerror}", "Grant access to it."
        ) from error


def _local(path: Path, name: str) -> File:
    stat = path.stat()
    return File(name, str(path), stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}")


def _list_s3(uri: str) -> list[File]:
    bucket, prefix = split_s3(uri)
    prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
    client = s3_client()
    found: list[File] = []
    try:
        # The folders a catalogue knows are one level deep, so media below are not walked through.
        top = _pages(client, bucket, prefix)
        found += top[0]
        for folder in top[1]:
            if folder.removeprefix(prefix).rstrip("/") in _TABLE_FOLDERS:
                found += _pages(client, bucket, folder)[0]
    except (ClientError, BotoCoreError) as error:
        raise InputError("The catalogue cannot be listed", f"{uri}: {error}", _S3_REMEDY) from error
    return [File(f.name.removeprefix(prefix), f.uri, f.size_bytes, f.version) for f in found]


_S3_REMEDY = "Check the bucket's name, the credentials and s3:ListBucket, s3:GetObject."
_TABLE_FOLDERS = frozenset({"assets", "contributors", "consents", "releases"})


def _pages(client: object, bucket: str, prefix: str) -> tuple[list[File], list[str]]:
    pages = client.get_paginator("list_objects_v2").paginate(  # type: ignore[attr-defined]
        Bucket=bucket, Prefix=prefix, Delimiter="/"
    )
    files, folders = [], []
    for page in pages:
        folders += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
        files += [
            File(entry["Key"], f"s3://{bucket}/{entry['Key']}", entry["Size"], entry["ETag"])
            for entry in page.get("Contents", [])
            if not entry["Key"].endswith("/")
        ]
    return files, folders


def open_file(uri: str, version: str) -> BinaryIO:
    """Opens a file for reading at any place.

    Args:
        uri: The address in `File`.
        version: The version in `File`.

    Raises:
        InputError: If it cannot be opened, or has changed since it was listed.
    """
    if uri.startswith("s3://"):
        return cast(BinaryIO, _S3File(uri, version))
    try:
        path = Path(uri)
        if _local(path, "").version != version:
            raise _changed(uri)
        return path.open("rb", buffering=0)
    except OSError as error:
        raise InputError("A table cannot be read", f"{uri}: {error.strerror}", "") from error


def _changed(uri: str) -> InputError:
    return InputError(
        "A table changed while it was being read", uri, "Run again once the catalogue is at rest."
    )


class _S3File(io.RawIOBase):
    """An S3 object as a file: every read is one ranged request, bound to one version."""

    def __init__(self, uri: str, version: str) -> None:
        self._uri = uri
        self._bucket, self._key = split_s3(uri)
        self._version = version
        self._position = 0
        head = self._request("head_object")
        self._size = int(cast(int, head["ContentLength"]))

    def _request(self, call: str, **options: str) -> dict[str, object]:
        method = getattr(s3_client(), call)
        try:
            return cast(
                dict[str, object],
                method(Bucket=self._bucket, Key=self._key, IfMatch=self._version, **options),
            )
        except ClientError as error:
            if str(error.response.get("Error", {}).get("Code")) in ("412", "PreconditionFailed"):
                raise _changed(self._uri) from error
            raise InputError(
                "A table cannot be read", f"{self._uri}: {error}", _S3_REMEDY
            ) from error

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer)).cast("B")
        wanted = min(len(view), self._size - self._position)
        if wanted <= 0:
            return 0
        data = self._fetch(self._position, wanted)
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _fetch(self, start: int, length: int) -> bytes:
        """Reads a range whole; a body that breaks off is asked for again."""
        for attempt in range(_ATTEMPTS):
            try:
                body = self._request("get_object", Range=f"bytes={start}-{start + length - 1}")
                return cast(BinaryIO, body["Body"]).read()
            except (HTTPClientError, BotoCoreError) as error:
                if attempt == _ATTEMPTS - 1:
                    raise InputError(
                        "A table cannot be read", f"{self._uri}: {error}", _S3_REMEDY
                    ) from error
        raise AssertionError("unreachable")


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of a stream, a block at a time."""
    while block := stream.read(BLOCK_BYTES):
        yield block
