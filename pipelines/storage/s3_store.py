"""A store under an S3 prefix."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import BinaryIO
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from pipelines.storage.clock import boottime_s
from pipelines.storage.parallel import in_parallel
from pipelines.storage.s3_client import (
    REQUESTS_AT_ONCE,
    InvalidResponseError,
    S3Answer,
    S3Client,
    S3Options,
    error_info,
    is_aws,
    s3_client,
    translate_s3_errors,
)
from pipelines.storage.s3_copy import copy_object
from pipelines.storage.s3_delete import BATCH_KEYS, delete_batch, delete_object
from pipelines.storage.s3_retry import (
    is_name_taken,
    list_objects,
    list_pages,
    list_uploads,
    upload_bytes,
    with_retries,
)
from pipelines.storage.s3_sink import MultipartSink, head_object, put_object
from pipelines.storage.s3_stream import open_object, read_object_range
from pipelines.storage.store import (
    ObjectInfo,
    Sink,
    Stray,
    UnfinishedWrite,
    check_key,
    check_prefix,
)
from schemas.errors import InputError, RunError

# Written and removed to find out whether a bucket is writable.
PROBE_KEY = ".fairshard-probe"
# Many times the time that it takes to write a lease record of some 300 bytes.
SETTLE_S = 2.0
_FEWEST_KEYS = 100  # of a request that deletes objects, if there are more
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
                return _timestamp(parsedate_to_datetime(date))
            except (TypeError, ValueError) as error:
                raise InvalidResponseError(f"the response's date is {date!r}") from error

    def _ask(self) -> S3Answer:
        """Sends the smallest request for which a role needs to list the prefix and no more."""
        start = f"{self.prefix}/" if self.prefix else ""
        ask = self._client.list_objects_v2
        response: S3Answer = with_retries(lambda: ask(Bucket=self.bucket, Prefix=start, MaxKeys=1))
        return response

    def _object_name(self, key: str) -> str:
        check_key(key)
        return f"{self.prefix}/{key}" if self.prefix else key

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
        return ObjectInfo(key, int(found["ContentLength"]), _timestamp(found["LastModified"]))

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """See `Store.list`."""
        folder = "/".join(part for part in (self.prefix, check_prefix(prefix)) if part)
        start = f"{folder}/" if folder else ""
        base = f"{self.prefix}/" if self.prefix else ""
        found = []
        with translate_s3_errors(self.bucket):
            for item in list_objects(self._client, self.bucket, start):
                key = str(item["Key"])[len(base) :]
                # Consoles create empty objects that represent folders.
                if not key.endswith("/"):
                    modified = _timestamp(item["LastModified"])
                    marker = f"{item.get('ETag', '')}-{modified}-{item['Size']}"
                    found.append(ObjectInfo(key, int(item["Size"]), modified, marker))
        return sorted(found, key=lambda info: info.key)

    def folders(self, prefix: str = "") -> builtins.list[str]:
        """See `Store.folders`."""
        folder = "/".join(part for part in (self.prefix, check_prefix(prefix)) if part)
        start = f"{folder}/" if folder else ""
        with translate_s3_errors(self.bucket):
            return sorted(
                str(item["Prefix"])[len(start) : -1]
                for page in list_pages(self._client, self.bucket, start, Delimiter="/")
                for item in page.get("CommonPrefixes", ())
            )

    def strays(self, prefix: str = "") -> builtins.list[Stray]:
        """See `Store.strays`."""
        folder = "/".join(part for part in (self.prefix, check_prefix(prefix)) if part)
        base = f"{self.prefix}/" if self.prefix else ""
        keys, markers = [], {}
        with translate_s3_errors(self.bucket):
            for item in list_objects(self._client, self.bucket, f"{folder}/" if folder else ""):
                key = str(item["Key"])[len(base) :]
                if key.endswith("/"):
                    markers[key] = int(item["Size"])
                elif key:
                    keys.append(key)
        found = []
        for key, size in sorted(markers.items()):
            if size:
                found.append(Stray(key, f"an object of {size:,} bytes that stands for a folder"))
            elif not any(other.startswith(key) for other in keys):
                found.append(Stray(key, "an empty folder"))
        return found

    def remove_stray(self, stray: Stray) -> None:
        """See `Store.remove_stray`."""
        name = f"{self.prefix}/{stray.key}" if self.prefix else stray.key
        delete_object(self._client, self.bucket, name)

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
            try:
                put_object(self._client, self.bucket, name, data, IfNoneMatch="*")
            except ClientError as error:
                if is_name_taken(error):
                    return False
                info = error_info(error)
                if info.status == 409 and info.code == "ConditionalRequestConflict":
                    raise RunError(
                        "Another run is writing the same object",
                        f"s3://{self.bucket}/{name}",
                        "Wait for the other run to finish, then run again.",
                    ) from error
                raise
        return True

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
        """See `Store.delete_many`. Up to 1,000 objects a request.

        Services delete the objects of a request one after another, so that some hundred are spread
        over requests at once.
        """
        names = [self._object_name(key) for key in keys]
        size = min(BATCH_KEYS, max(_FEWEST_KEYS, -(-len(names) // REQUESTS_AT_ONCE)))
        batches = [names[at : at + size] for at in range(0, len(names), size)]
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
        folder = "/".join(part for part in (self.prefix, check_prefix(prefix)) if part)
        with translate_s3_errors(self.bucket):
            found = list_uploads(self._client, self.bucket, f"{folder}/" if folder else "")
            return [item for item in in_parallel(self, self._unfinished, found) if item]

    def _unfinished(self, item: S3Answer) -> UnfinishedWrite | None:
        """Returns an upload of a listing; None if it has ended since."""
        base = f"{self.prefix}/" if self.prefix else ""
        name, upload_id = str(item["Key"]), str(item["UploadId"])
        try:
            size = upload_bytes(self._client, self.bucket, name, upload_id)
        except ClientError as error:
            if error_info(error).code != "NoSuchUpload":
                raise
            return None
        started_s = _timestamp(item["Initiated"])
        return UnfinishedWrite(name[len(base) :], size, started_s, upload_id)

    def discard(self, unfinished: UnfinishedWrite) -> None:
        """See `Store.discard`."""
        target = {"Bucket": self.bucket, "Key": self._object_name(unfinished.key)}
        with translate_s3_errors(self.bucket):
            try:
                with_retries(
                    lambda: self._client.abort_multipart_upload(
                        **target, UploadId=unfinished.upload_id
                    )
                )
            except ClientError as error:
                if error_info(error).code != "NoSuchUpload":
                    raise

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


def _timestamp(moment: datetime) -> float:
    return moment.timestamp()
