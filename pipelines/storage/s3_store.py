"""A store under an S3 prefix."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import BinaryIO
from urllib.parse import urlsplit

from pipelines.storage.clock import boottime_s
from pipelines.storage.parallel import in_parallel
from pipelines.storage.s3_client import (
    REQUESTS_AT_ONCE,
    InvalidResponseError,
    S3Answer,
    S3Client,
    S3Options,
    is_aws,
    s3_client,
    translate_s3_errors,
)
from pipelines.storage.s3_copy import copy_object
from pipelines.storage.s3_delete import delete_batch, delete_object, key_batches
from pipelines.storage.s3_listing import (
    find_strays,
    list_objects,
    list_pages,
    list_uploads,
    object_info,
    unfinished_write,
)
from pipelines.storage.s3_retry import with_retries
from pipelines.storage.s3_sink import (
    MultipartSink,
    abort_upload,
    head_object,
    put_if_absent,
    put_object,
)
from pipelines.storage.s3_stream import open_object, read_object_range
from pipelines.storage.store import (
    ObjectInfo,
    Sink,
    Stray,
    UnfinishedWrite,
    check_key,
    check_prefix,
)
from schemas.errors import InputError

# Written and removed to find out whether a bucket is writable.
PROBE_KEY = ".fairshard-probe"
# Many times the time that it takes to write a lease record of some 300 bytes.
SETTLE_S = 2.0
# A response's date serves this long; meanwhile this machine's clock counts the seconds.
_DATE_AGE_S = 60.0
_dates: dict[tuple[S3Options, str], tuple[float, float]] = {}


@dataclass(frozen=True)
class S3Store:
    """Objects of a bucket whose names begin with a prefix.

    Attributes:
        uri: The address as given.
        bucket: The bucket.
        prefix: Empty, or segments without a slash at either end.
        options: Which S3 service to use.
    """

    uri: str
    bucket: str
    prefix: str
    options: S3Options

    @classmethod
    def from_uri(cls, uri: str, options: S3Options) -> S3Store:
        """Returns the store of an `s3://bucket/prefix` address.

        Raises:
            InputError: If the address is not valid.
        """
        parts = urlsplit(uri)
        prefix = parts.path.strip("/")
        try:
            if prefix:
                check_key(prefix)
            if not parts.netloc or "@" in parts.netloc or ":" in parts.netloc:
                raise ValueError("the bucket is missing or not a plain name")
            if parts.query or parts.fragment:
                raise ValueError("a prefix must not contain ? or #")
        except ValueError as error:
            raise InputError(
                "The S3 address is not valid", f"{uri} ({error})", "Use s3://bucket/prefix."
            ) from error
        return cls(uri.rstrip("/"), parts.netloc, prefix, options)

    @property
    def _client(self) -> S3Client:
        return s3_client(self.options)

    @property
    def is_remote(self) -> bool:
        """See `Store.is_remote`."""
        return True

    @property
    def requests_at_once(self) -> int:
        """See `Store.requests_at_once`."""
        return REQUESTS_AT_ONCE

    @property
    def settle_s(self) -> float:
        """See `Store.settle_s`. AWS documents that exactly one conditional write wins."""
        return 0.0 if is_aws(self._client) else SETTLE_S

    def now_s(self) -> float:
        """See `Store.now_s`. The service's time, from the date of a response in the last minute."""
        known = _dates.get((self.options, self.bucket))
        if known is None or boottime_s() - known[1] > _DATE_AGE_S:
            known = self._ask_date(), boottime_s()
            _dates[(self.options, self.bucket)] = known
        return known[0] + boottime_s() - known[1]

    def _ask_date(self) -> float:
        with translate_s3_errors(self.bucket):
            response = self._ask()
            date = response["ResponseMetadata"]["HTTPHeaders"].get("date", "")
            try:
                return parsedate_to_datetime(date).timestamp()
            except (TypeError, ValueError) as error:
                raise InvalidResponseError(f"the response's date is {date!r}") from error

    def _ask(self) -> S3Answer:
        """Sends the smallest request for which a role needs to list the prefix and no more."""
        target = {"Bucket": self.bucket, "Prefix": self._root, "MaxKeys": 1}
        response: S3Answer = with_retries(lambda: self._client.list_objects_v2(**target))
        return response

    @property
    def _root(self) -> str:
        """What the names of all objects of the store begin with."""
        return f"{self.prefix}/" if self.prefix else ""

    def _folder(self, prefix: str) -> str:
        """Returns what the names of the objects under a prefix begin with."""
        folder = check_prefix(prefix)
        return f"{self._root}{folder}/" if folder else self._root

    def _object_name(self, key: str) -> str:
        return f"{self._root}{check_key(key)}"

    def _key(self, item: S3Answer) -> str:
        """Returns the key of an object or upload of a listing."""
        return str(item["Key"]).removeprefix(self._root)

    def read_bytes(self, key: str) -> bytes:
        """See `Store.read_bytes`."""
        with self.open_read(key) as file:
            return file.read()

    def open_read(self, key: str) -> BinaryIO:
        """See `Store.open_read`. The stream resumes after a broken connection."""
        return open_object(self.options, self.bucket, self._object_name(key))

    def read_range(self, key: str, start: int, size: int) -> bytes:
        """See `Store.read_range`. One request, for exactly these bytes."""
        return read_object_range(self.options, self.bucket, self._object_name(key), start, size)

    def exists(self, key: str) -> bool:
        """See `Store.exists`."""
        try:
            self.size(key)
        except FileNotFoundError:
            return False
        return True

    def size(self, key: str) -> int:
        """See `Store.size`."""
        return self.stat(key).size_bytes

    def stat(self, key: str) -> ObjectInfo:
        """See `Store.stat`."""
        name = self._object_name(key)
        with translate_s3_errors(self.bucket, name):
            found = head_object(self._client, self.bucket, name)
        return ObjectInfo(key, int(found["ContentLength"]), found["LastModified"].timestamp())

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """See `Store.list`."""
        found = []
        with translate_s3_errors(self.bucket):
            for item in list_objects(self._client, self.bucket, self._folder(prefix)):
                key = self._key(item)
                # Consoles create empty objects that represent folders.
                if not key.endswith("/"):
                    found.append(object_info(key, item))
        return sorted(found, key=lambda info: info.key)

    def folders(self, prefix: str = "") -> builtins.list[str]:
        """See `Store.folders`."""
        start = self._folder(prefix)
        with translate_s3_errors(self.bucket):
            return sorted(
                str(item["Prefix"])[len(start) : -1]
                for page in list_pages(self._client, self.bucket, start, Delimiter="/")
                for item in page.get("CommonPrefixes", ())
            )

    def strays(self, prefix: str = "") -> builtins.list[Stray]:
        """See `Store.strays`."""
        with translate_s3_errors(self.bucket):
            listed = list_objects(self._client, self.bucket, self._folder(prefix))
            return find_strays((self._key(item), int(item["Size"])) for item in listed)

    def remove_stray(self, stray: Stray) -> None:
        """See `Store.remove_stray`."""
        delete_object(self._client, self.bucket, f"{self._root}{stray.key}")

    def write_bytes(self, key: str, data: bytes, *, private: bool = False) -> None:
        """See `Store.write_bytes`. `private` has no meaning here: the bucket's policy decides."""
        name = self._object_name(key)
        with translate_s3_errors(self.bucket):
            put_object(self._client, self.bucket, name, data)

    @contextmanager
    def open_write(self, key: str, *, private: bool = False) -> Iterator[Sink]:
        """See `Store.open_write`. Parts have 16 MiB; an upload that fails is aborted."""
        sink = MultipartSink(self._client, self.bucket, self._object_name(key))
        try:
            yield sink
            sink.complete()
        except BaseException:
            sink.abort()
            raise

    def write_new(self, key: str, data: bytes, *, private: bool = False) -> bool:
        """See `Store.write_new`."""
        name = self._object_name(key)
        with translate_s3_errors(self.bucket):
            return put_if_absent(self._client, self.bucket, name, data)

    def copy(self, names: Iterable[tuple[str, str]]) -> None:
        """See `Store.copy`. One request each; objects above 5 GiB are copied part by part."""

        def copy(pair: tuple[str, str]) -> None:
            copy_object(self._client, self.bucket, *map(self._object_name, pair))

        for _ in in_parallel(self, copy, names):
            pass

    def delete(self, key: str) -> None:
        """See `Store.delete`."""
        delete_object(self._client, self.bucket, self._object_name(key))

    def delete_many(self, keys: Iterable[str]) -> None:
        """See `Store.delete_many`. Up to 1,000 objects a request."""
        batches = key_batches([self._object_name(key) for key in keys])
        for _ in in_parallel(self, partial(delete_batch, self._client, self.bucket), batches):
            pass

    def delete_prefix(self, prefix: str) -> None:
        """See `Store.delete_prefix`."""
        self._object_name(check_prefix(prefix))
        self.delete_many(info.key for info in self.list(prefix))

    def unfinished_writes(self, prefix: str = "") -> builtins.list[UnfinishedWrite]:
        """See `Store.unfinished_writes`.

        The parts of incomplete uploads cost money.
        """
        with translate_s3_errors(self.bucket):
            found = list_uploads(self._client, self.bucket, self._folder(prefix))
            return [item for item in in_parallel(self, self._unfinished, found) if item]

    def _unfinished(self, item: S3Answer) -> UnfinishedWrite | None:
        return unfinished_write(self._client, self.bucket, self._key(item), item)

    def discard(self, unfinished: UnfinishedWrite) -> None:
        """See `Store.discard`."""
        name = self._object_name(unfinished.key)
        abort_upload(self._client, self.bucket, name, unfinished.upload_id)

    def discard_unfinished(self, prefix: str) -> None:
        """See `Store.discard_unfinished`."""
        self._object_name(check_prefix(prefix))
        for _ in in_parallel(self, self.discard, self.unfinished_writes(prefix)):
            pass

    def ensure_writable(self) -> None:
        """See `Store.ensure_writable`.

        Writes and removes a small object, the only way to check the permission.
        """
        with translate_s3_errors(self.bucket):
            self._ask()
            probe = self._object_name(PROBE_KEY)
            put_object(self._client, self.bucket, probe, b"")
            delete_object(self._client, self.bucket, probe)
