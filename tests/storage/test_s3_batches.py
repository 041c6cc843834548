"""Batched deletes and copies in a bucket whose server is busy, refuses, or lacks a request."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from pipelines.storage import s3_delete
from pipelines.storage.noted_store import NotedStore
from pipelines.storage.open import open_store
from pipelines.storage.recent import RecentFiles
from pipelines.storage.row_blocks import read_blocks
from pipelines.storage.s3_client import S3Client, S3Options, s3_client
from pipelines.storage.s3_requests import take_request_counts
from pipelines.storage.store import ObjectInfo, Store
from pipelines.storage.tables import read_block, write_blocks
from schemas.errors import InputError, RunError
from tests.faults.faulty_s3 import S3Fault, Schedule, faulty_proxy

_BUSY = (S3Fault.ERROR_500, S3Fault.SLOW_DOWN, S3Fault.ERROR_500_AFTER, S3Fault.HANG_UP_AFTER)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    short = SimpleNamespace(sleep=lambda seconds, wait=time.sleep: wait(seconds / 100))
    monkeypatch.setattr("tenacity.nap.time", short)
    monkeypatch.setattr(s3_delete, "_one_by_one", set())


@pytest.fixture
def bucket(moto: str) -> str:
    name = f"b-{uuid.uuid4().hex}"
    s3_client(S3Options(moto, "us-east-1")).create_bucket(Bucket=name)
    return name


@pytest.fixture
def store(moto: str, bucket: str) -> Store:
    return open_store(f"s3://{bucket}/p", S3Options(moto, "us-east-1"))


@pytest.fixture
def client(moto: str) -> S3Client:
    return s3_client(S3Options(moto, "us-east-1"))


def fill(store: Store, count: int) -> list[str]:
    keys = [f"a/{number:03d} ä&" for number in range(count)]
    for key in keys:
        store.write_bytes(key, key.encode())
    take_request_counts()
    return keys


def answer_with(client: S3Client, change: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
    """Changes parsed responses to DeleteObjects; returns a function that ends it."""

    def handler(parsed: dict[str, Any], **_: object) -> None:
        change(parsed)

    client.meta.events.register("after-call.s3.DeleteObjects", handler)
    return lambda: client.meta.events.unregister("after-call.s3.DeleteObjects", handler)


def test_a_prefix_is_deleted_in_few_requests(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.storage.s3_delete.BATCH_KEYS", 10)
    fill(store, 25)
    store.write_bytes("b", b"")
    take_request_counts()
    store.delete_prefix("a")
    assert take_request_counts() == {"DeleteObjects": 3, "ListObjectsV2": 1}
    assert [found.key for found in store.list()] == ["b"]


def test_missing_keys_and_no_keys_are_fine(store: Store) -> None:
    keys = fill(store, 3)
    store.delete_many([*keys[:2], "never", *keys[2:]])
    store.delete_many([])
    store.delete_many(keys)
    assert store.list() == []


def test_only_the_keys_that_the_service_was_too_busy_for_are_sent_again(
    store: Store, client: S3Client
) -> None:
    keys = fill(store, 6)
    asked: list[int] = []

    def busy(parsed: dict[str, Any]) -> None:
        asked.append(len(parsed["Deleted"]))
        if len(asked) < 3:
            taken = parsed["Deleted"].pop()
            parsed["Errors"] = [{"Key": taken["Key"], "Code": "SlowDown", "Message": "x"}]

    end = answer_with(client, busy)
    try:
        store.delete_many(keys)
    finally:
        end()
    assert asked == [6, 1, 1]
    assert store.list() == []


def test_keys_without_an_answer_are_sent_again(store: Store, client: S3Client) -> None:
    """A body that was cut off to nothing parses as a response without keys."""
    keys = fill(store, 4)
    calls: list[int] = []

    def cut(parsed: dict[str, Any]) -> None:
        calls.append(len(parsed.get("Deleted", ())))
        if len(calls) == 1:
            parsed.pop("Deleted")

    end = answer_with(client, cut)
    try:
        store.delete_many(keys)
    finally:
        end()
    assert calls == [4, 4]


def test_keys_that_stay_are_named_after_a_bounded_number_of_attempts(
    store: Store, client: S3Client
) -> None:
    keys = fill(store, 4)
    calls: list[int] = []

    def busy(parsed: dict[str, Any]) -> None:
        calls.append(1)
        parsed["Errors"] = [
            {"Key": f"p/{key}", "Code": "InternalError", "Message": "we failed"} for key in keys[1:]
        ]
        parsed["Deleted"] = [item for item in parsed["Deleted"] if item["Key"] == f"p/{keys[0]}"]

    end = answer_with(client, busy)
    try:
        with pytest.raises(RunError, match=r"p/a/001 ä& and 2 more of 4 .*InternalError"):
            store.delete_many(keys)
    finally:
        end()
    assert len(calls) == 6


def test_a_key_that_may_not_be_deleted_is_an_input_error(store: Store, client: S3Client) -> None:
    keys = fill(store, 4)
    calls: list[int] = []

    def deny(parsed: dict[str, Any]) -> None:
        calls.append(1)
        parsed["Deleted"].pop(2)
        parsed["Errors"] = [{"Key": f"p/{keys[2]}", "Code": "AccessDenied", "Message": "no"}]

    end = answer_with(client, deny)
    try:
        with pytest.raises(InputError, match=r"denied: s3://b-.*p/a/002"):
            store.delete_many(keys)
    finally:
        end()
    assert len(calls) == 1


@pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (405, "MethodNotAllowed")])
def test_a_service_without_batches_gets_one_request_a_key(
    store: Store, client: S3Client, status: int, code: str
) -> None:
    keys = fill(store, 5)

    def refuse(**_: object) -> tuple[Any, dict[str, Any]]:
        response = SimpleNamespace(status_code=status)
        error = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return response, error

    client.meta.events.register("before-call.s3.DeleteObjects", refuse)
    try:
        store.delete_many(keys)
        assert take_request_counts() == {"DeleteObject": 5}
        assert store.list() == []
    finally:
        client.meta.events.unregister("before-call.s3.DeleteObjects", refuse)


@pytest.mark.parametrize("fault", _BUSY)
def test_deletes_and_copies_survive_a_busy_service(moto: str, bucket: str, fault: S3Fault) -> None:
    with faulty_proxy(moto, Schedule(0, rate=0.0)) as proxy:
        store = open_store(f"s3://{bucket}/p", S3Options(proxy.endpoint, "us-east-1"))
        keys = fill(store, 12)
        attempts: Counter[str] = Counter()

        def first_two(method: str, path: str) -> S3Fault | None:
            attempts[path] += method in ("PUT", "POST")
            return fault if method in ("PUT", "POST") and attempts[path] <= 2 else None

        proxy.override = first_two
        store.copy([(key, f"c/{key}") for key in keys])
        store.delete_many(keys)
        assert proxy.fault_counts[fault] == 2 * (12 + 1)
        assert {found.key: store.read_bytes(found.key) for found in store.list()} == {
            f"c/{key}": key.encode() for key in keys
        }


def test_copies_that_fail_for_good_raise_and_leave_the_sources(moto: str, bucket: str) -> None:
    with faulty_proxy(moto, Schedule(0, rate=0.0)) as proxy:
        store = open_store(f"s3://{bucket}/p", S3Options(proxy.endpoint, "us-east-1"))
        keys = fill(store, 5)
        proxy.override = lambda _, path: S3Fault.SLOW_DOWN if "/c/a/003" in path else None
        with pytest.raises(RunError, match="SlowDown"):
            store.copy([(key, f"c/{key}") for key in keys])
        proxy.override = None
        assert {key: store.read_bytes(key) for key in keys} == {key: key.encode() for key in keys}
        found = {item.key: store.read_bytes(item.key) for item in store.list("c")}
        assert found == {key: key[2:].encode() for key in found} and f"c/{keys[3]}" not in found


def test_a_listing_that_changes_while_its_objects_are_deleted(
    store: Store, client: S3Client
) -> None:
    """Another process deletes and adds objects between the listing and the request."""
    keys = fill(store, 4)

    def interfere(**_: object) -> None:
        client.meta.events.unregister("before-call.s3.DeleteObjects", interfere)
        store.delete(keys[1])
        store.write_bytes("a/new", b"kept")

    client.meta.events.register_first("before-call.s3.DeleteObjects", interfere)
    store.delete_prefix("a")
    assert [found.key for found in store.list()] == ["a/new"]


def test_a_large_object_is_copied_part_by_part(
    store: Store, client: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.storage.s3_copy.MAX_COPY_BYTES", 11 << 20)
    monkeypatch.setattr("pipelines.storage.s3_copy._PART_BYTES", 5 << 20)
    data = bytes(range(251)) * 50_000  # 12.55 million
    store.write_bytes("big", data)
    refuse_large_copies(client)
    try:
        take_request_counts()
        store.copy([("big", "second")])
        assert take_request_counts()["UploadPartCopy"] == 3
    finally:
        client.meta.events.unregister("before-call.s3.CopyObject", _refuse)
    assert store.read_bytes("second") == data
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


def refuse_large_copies(client: S3Client) -> None:
    """Makes a client answer CopyObject as S3 does for an object above 5 GiB."""
    client.meta.events.register("before-call.s3.CopyObject", _refuse)


def _refuse(**_: object) -> tuple[Any, dict[str, Any]]:
    error = {"Code": "InvalidRequest", "Message": "The specified copy source is larger than"}
    metadata = {"HTTPStatusCode": 400}
    return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": metadata}


def test_an_object_that_changes_while_its_parts_are_copied_is_not_mixed(
    store: Store, client: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.storage.s3_copy.MAX_COPY_BYTES", 11 << 20)
    monkeypatch.setattr("pipelines.storage.s3_copy._PART_BYTES", 5 << 20)
    store.write_bytes("big", b"a" * 12_000_000)
    conditions: list[object] = []

    def change(params: dict[str, Any], **_: object) -> None:
        conditions.append(params["CopySourceIfMatch"])
        # moto ignores the condition, so that the test answers in its place.
        if params["PartNumber"] == 2:
            raise ClientError(
                {
                    "Error": {"Code": "PreconditionFailed"},
                    "ResponseMetadata": {"HTTPStatusCode": 412},
                },
                "UploadPartCopy",
            )

    refuse_large_copies(client)
    client.meta.events.register("provide-client-params.s3.UploadPartCopy", change)
    try:
        with pytest.raises(RunError):
            store.copy([("big", "second")])
    finally:
        client.meta.events.unregister("before-call.s3.CopyObject", _refuse)
        client.meta.events.unregister("provide-client-params.s3.UploadPartCopy", change)
    assert set(conditions) == {client.head_object(Bucket=bucket, Key="p/big")["ETag"]}
    assert not store.exists("second")
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


def test_a_copy_of_nothing_is_file_not_found(store: Store) -> None:
    fill(store, 1)
    with pytest.raises(FileNotFoundError, match="p/none"):
        store.copy([("none", "b")])


def test_the_services_time_is_asked_once_a_minute(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000.0]
    monkeypatch.setattr("pipelines.storage.s3_store.boottime_s", lambda: clock[0])
    take_request_counts()
    first = store.now_s()
    clock[0] += 59.5
    assert store.now_s() == first + 59.5
    assert take_request_counts() == {"ListObjectsV2": 1}
    clock[0] += 1
    assert abs(store.now_s() - time.time()) < 5  # the clock that went astray does not count
    assert take_request_counts() == {"ListObjectsV2": 1}


def test_a_block_of_rows_is_read_in_one_request(store: Store) -> None:
    table = pa.table({"n": [1, 2, 3]})
    [(_, first), (_, second)] = write_blocks(store, "x", [(1, table), (2, table.slice(1))])
    take_request_counts()
    assert read_block(store, second) == table.slice(1) and read_block(store, first) == table
    assert take_request_counts() == {"GetObject": 2}


def test_an_object_of_one_part_is_written_in_one_request(store: Store) -> None:
    take_request_counts()
    with store.open_write("x") as sink:
        sink.write(b"data")
    assert take_request_counts() == {"PutObject": 1}
    assert store.read_bytes("x") == b"data"


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_all_blocks_of_a_file_are_read_in_one_request(store: Store, sizes: list[int]) -> None:
    groups = [(at, pa.table({"n": range(at, at + size)})) for at, size in enumerate(sizes)]
    blocks = [block for _, block in write_blocks(store, "x", groups)]
    recent = RecentFiles(1 << 20)
    take_request_counts()
    found = [table for block in blocks for table in read_blocks(store, [block], recent)]
    assert found == [table for _, table in groups]
    assert take_request_counts() == {"GetObject": 1}


def test_blocks_of_files_that_are_too_large_to_keep_are_read_one_by_one(store: Store) -> None:
    tables = [pa.table({"n": [number]}) for number in range(3)]
    blocks = [block for _, block in write_blocks(store, "x", enumerate(tables))]
    take_request_counts()
    recent = RecentFiles(4 * blocks[0].file_bytes - 4)
    assert read_blocks(store, blocks, recent) == tables
    assert take_request_counts() == {"GetObject": 3}


def test_the_digest_of_a_written_object_is_known_until_it_is_replaced(store: Store) -> None:
    noted = NotedStore(store)
    noted.write_bytes("a", b"mine")
    noted.write_bytes("b", b"mine")
    store.write_bytes("b", b"that of another")
    store.write_bytes("c", b"mine")
    listed = {item.key: item for item in store.list()}
    found = {key: noted.sha256_of(item) for key, item in listed.items()}
    assert found == {"a": hashlib.sha256(b"mine").hexdigest(), "b": "", "c": ""}
    for marker in ("", '"of-another-kind"', "0" * 32):  # as other services have them
        assert noted.sha256_of(replace(listed["a"], marker=marker)) == ""


def test_the_digest_of_a_streamed_object_is_known_if_it_is_small(store: Store) -> None:
    noted = NotedStore(store)
    large = 17 << 20  # more than a part
    for key, pieces in {"a": [b"mi", b"ne"], "b": [b"1" * (9 << 20), b"2" * (8 << 20)]}.items():
        with noted.open_write(key) as sink:
            sink.write(pieces[0])
            sink.writev(pieces[1:])
    with pytest.raises(ZeroDivisionError), noted.open_write("c") as sink:
        sink.write(b"mine")
        raise ZeroDivisionError
    store.write_bytes("c", b"mine")
    listed = {item.key: item for item in store.list()}
    assert listed["b"].size_bytes == large
    found = {key: noted.sha256_of(item) for key, item in listed.items()}
    assert found == {"a": hashlib.sha256(b"mine").hexdigest(), "b": "", "c": ""}


def test_only_an_etag_that_is_the_md5_tells_the_digest(store: Store) -> None:
    """Another key, an upload in parts, a weak ETag, a part of the MD5 or more: all may differ."""
    noted = NotedStore(store)
    noted.write_bytes("a", b"mine")
    noted.write_bytes("b", b"other")
    md5, rest = hashlib.md5(b"mine").hexdigest(), "1700000000.0-4"
    a = ObjectInfo("a", 4)
    known = hashlib.sha256(b"mine").hexdigest()
    for etag in (f'"{md5}"', md5):
        assert noted.sha256_of(replace(a, marker=f"{etag}-{rest}")) == known
        assert noted.sha256_of(replace(a, key="b", marker=f"{etag}-{rest}")) == ""
        assert noted.sha256_of(replace(a, key="never", marker=f"{etag}-{rest}")) == ""
    for etag in (
        *(f"{md5}-1", f"{md5}-12", f"W/{md5}", md5[:-1], md5[1:], f"{md5}0", f"0{md5}", "", "-"),
        hashlib.md5(b"").hexdigest(),
        hashlib.md5(b"other").hexdigest(),
        known,
    ):
        for marker in (f'"{etag}"-{rest}', f"{etag}-{rest}", f'"{etag}"--0.5-4'):
            assert noted.sha256_of(replace(a, marker=marker)) == "", marker


def test_an_object_written_in_parts_or_twice_has_no_stale_digest(
    store: Store, client: S3Client, bucket: str
) -> None:
    """The first object is made of the MD5s of the second one's parts, so that MD5s agree."""
    noted = NotedStore(store)
    parts = [b"a" * (5 << 20), b"b"]
    noted.write_bytes("a", b"".join(hashlib.md5(part).digest() for part in parts))
    upload = client.create_multipart_upload(Bucket=bucket, Key="p/a")["UploadId"]
    etags = [
        client.upload_part(Bucket=bucket, Key="p/a", UploadId=upload, PartNumber=number, Body=part)[
            "ETag"
        ]
        for number, part in enumerate(parts, 1)
    ]
    client.complete_multipart_upload(
        Bucket=bucket,
        Key="p/a",
        UploadId=upload,
        MultipartUpload={
            "Parts": [{"PartNumber": at, "ETag": etag} for at, etag in enumerate(etags, 1)]
        },
    )
    noted.write_bytes("b", b"first")
    noted.write_bytes("b", b"second")
    found = {item.key: noted.sha256_of(item) for item in store.list()}
    assert found == {"a": "", "b": hashlib.sha256(b"second").hexdigest()}


def test_the_digests_of_files_in_a_folder_are_not_known(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    noted = NotedStore(store)
    noted.write_bytes("a", b"mine")
    assert [noted.sha256_of(item) for item in store.list()] == [""]
