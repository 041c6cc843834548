"""A store on a real S3 service: OpenStack Swift with s3api, which is stricter than moto.

It is started by `infra/swift/start.py`. The fast suite uses an existing environment and is skipped
if there is none; the slow suite creates one.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from pipelines.delivery.recheck import recheck_shards
from pipelines.run.job import Job
from pipelines.run.lease import acquire_lease, hold_version
from pipelines.run.receipts import ShardReceipt
from pipelines.storage.open import open_store
from pipelines.storage.s3_client import S3Options, s3_client
from pipelines.storage.s3_requests import take_request_counts
from pipelines.storage.store import Store
from schemas.errors import InputError, RunError
from schemas.manifest import ShardRecord
from tests.faults.faulty_s3 import ALL_FAULTS, FaultyProxy, S3Fault, Schedule, faulty_proxy
from tests.faults.servers import started_swift
from tests.storage.store_contract import SMALLEST_PART, Exercise

# Removing the range from a request invalidates its signature, which Swift checks.
FAULTS = tuple(fault for fault in ALL_FAULTS if fault is not S3Fault.RANGE_IGNORED)
BIG = SMALLEST_PART + 100_000


@dataclass(frozen=True)
class Swift:
    """A running server."""

    options: S3Options
    secret: str
    data: Path


@pytest.fixture(
    scope="module", params=["ready", pytest.param("made", marks=pytest.mark.slow)], name="swift"
)
def running_swift(request: pytest.FixtureRequest) -> Iterator[Swift]:
    words = ["--no-install"] if request.param == "ready" else []
    with started_swift(*words) as settings, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", settings["access_key"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", settings["secret_key"])
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        options = S3Options(settings["endpoint"], settings["region"])
        s3_client(options)  # created while its credentials are set
        yield Swift(options, settings["secret_key"], Path(settings["data"]))
    assert not Path(settings["data"]).exists()


@pytest.fixture
def client(swift: Swift) -> Any:
    """A boto3 client, which has no static type because boto3 creates its class at run time."""
    return s3_client(swift.options)


@pytest.fixture
def bucket(client: Any) -> str:
    name = f"b-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def store(swift: Swift, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("pipelines.storage.s3_sink.PART_BYTES", SMALLEST_PART)
    return open_store(f"s3://{bucket}/p", swift.options)


@pytest.fixture(scope="module")
def proxy(swift: Swift) -> Iterator[FaultyProxy]:
    with faulty_proxy(swift.options.endpoint_url or "", Schedule(0, rate=0.0)) as running:
        s3_client(S3Options(running.endpoint, "us-east-1"))
        yield running


@pytest.mark.parametrize("seed", range(2))
def test_the_store_keeps_its_contract(store: Store, seed: int) -> None:
    course = Exercise(store, seed, BIG)
    course.run(40)
    course.check()
    assert course.errors == []


@pytest.mark.parametrize(
    ("seed", "rate"),
    [
        (1, 0.35),
        pytest.param(2, 0.35, marks=pytest.mark.slow),
        pytest.param(3, 0.9, marks=pytest.mark.slow),
    ],
)
def test_the_store_keeps_its_contract_over_a_faulty_network(
    swift: Swift,
    proxy: FaultyProxy,
    store: Store,
    bucket: str,
    seed: int,
    rate: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    short = SimpleNamespace(sleep=lambda seconds, wait=time.sleep: wait(seconds / 100))
    monkeypatch.setattr("tenacity.nap.time", short)
    far = open_store(f"s3://{bucket}/p", S3Options(proxy.endpoint, "us-east-1"))
    course = Exercise(far, seed, BIG)
    proxy.schedule = Schedule(seed, rate, FAULTS, in_a_row=2 if rate < 0.5 else 1000)
    course.run(30)
    proxy.schedule = Schedule(0, rate=0.0)
    course.check()
    assert rate > 0.5 or course.errors == []


def test_a_wrong_secret_is_refused(
    swift: Swift, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{swift.secret}x")
    # Another host name gives a new client, which has the current credentials.
    endpoint = (swift.options.endpoint_url or "").replace("127.0.0.1", "localhost")
    store = open_store(f"s3://{bucket}/p", S3Options(endpoint, "us-east-1"))
    for call in (store.ensure_writable, store.list, lambda: store.read_bytes("x")):
        with pytest.raises(InputError, match=r"denied: s3://b-.*Check the credentials"):
            call()


def test_a_missing_bucket_is_an_input_error(swift: Swift) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_store("s3://no-such-bucket-here/p", swift.options).ensure_writable()


def test_a_wrong_sha256_is_refused(client: Any, bucket: str, store: Store) -> None:
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=bucket, Key="p/x", Body=b"data", ChecksumSHA256=wrong)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert not store.exists("x")


def test_a_body_changed_in_transit_is_refused(client: Any, bucket: str, store: Store) -> None:
    """The signature covers the body's sha256, of parts as well as of whole objects."""

    def change(request: Any, **_: Any) -> None:
        request.body = b"other" + request.body.read()[5:]

    upload = client.create_multipart_upload(Bucket=bucket, Key="p/x")["UploadId"]
    where = {"Bucket": bucket, "Key": "p/x"}
    client.meta.events.register("before-send.s3", change)
    try:
        with pytest.raises(ClientError) as refused:
            client.put_object(**where, Body=b"12345678")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
        with pytest.raises(ClientError) as refused:
            client.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"12345678")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
    finally:
        client.meta.events.unregister("before-send.s3", change)
    assert not store.exists("x")


def test_an_existing_key_is_not_overwritten_conditionally(
    client: Any, bucket: str, store: Store
) -> None:
    with pytest.raises(ClientError) as refused:
        store.write_bytes("x", b"1")
        client.put_object(Bucket=bucket, Key="p/x", Body=b"2", IfNoneMatch="*")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert not store.write_new("x", b"3") and store.read_bytes("x") == b"1"


def test_only_one_of_many_simultaneous_leases_is_acquired(store: Store) -> None:
    """Swift may tell several simultaneous writers that their object is new; leases allow that."""
    wins, refusals = [], []
    start = threading.Barrier(6)

    def work(number: int) -> None:
        start.wait()
        try:
            wins.append(acquire_lease(store, "acme", "v0001", f"run {number}"))
        except RunError as error:
            refusals.append(str(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1 and len(refusals) == 5
    assert all(
        f"acme/v0001: {wins[0].run_id}" in message.replace("run run", "run") for message in refusals
    )


def test_parts_below_5_mib_are_refused(client: Any, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "x"}
    upload = client.create_multipart_upload(**where)["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": client.upload_part(
                **where, UploadId=upload, PartNumber=number, Body=bytes(1000)
            )["ETag"],
        }
        for number in (1, 2)
    ]
    with pytest.raises(ClientError, match="EntityTooSmall"):
        client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})


def test_a_listing_of_many_pages_is_complete(client: Any, store: Store) -> None:
    def small_pages(params: dict[str, Any], **_: Any) -> None:
        params["MaxKeys"] = 3

    keys = sorted(f"{number}/ä b{number}" for number in range(10))
    for key in keys:
        store.write_bytes(key, b"1")
    client.meta.events.register("provide-client-params.s3.ListObjectsV2", small_pages)
    try:
        assert [info.key for info in store.list()] == keys
    finally:
        client.meta.events.unregister("provide-client-params.s3.ListObjectsV2", small_pages)


def test_unfinished_uploads_are_found_and_removed(client: Any, bucket: str, store: Store) -> None:
    upload = client.create_multipart_upload(Bucket=bucket, Key="p/a/x")["UploadId"]
    client.upload_part(
        Bucket=bucket, Key="p/a/x", UploadId=upload, PartNumber=1, Body=bytes(100_000)
    )
    (unfinished,) = store.unfinished_writes()
    assert (unfinished.key, unfinished.size_bytes, unfinished.upload_id) == ("a/x", 100_000, upload)
    assert abs(unfinished.modified_s - store.now_s()) < 60
    assert store.unfinished_writes("b") == []
    store.discard(unfinished)
    store.discard(unfinished)
    assert store.unfinished_writes() == []


def test_now_and_modification_times_use_the_services_clock(store: Store) -> None:
    store.write_bytes("x", b"")
    assert abs(store.now_s() - time.time()) < 5
    assert abs(store.stat("x").modified_s - store.now_s()) < 5


def test_only_one_run_holds_a_version(store: Store) -> None:
    with hold_version(store, "acme", "v0001", "first") as lease:
        lease.confirm()
        with (
            pytest.raises(RunError, match="acme/v0001: run first"),
            hold_version(store, "acme", "v0001", "second"),
        ):
            pytest.fail("two runs hold the same version")
    assert store.list() == []


def test_a_flipped_byte_on_the_servers_disk_is_detected(swift: Swift, store: Store) -> None:
    """The service returns the object with status 200; only the recorded digest shows the damage."""
    data = uuid.uuid4().bytes * 5_000
    digest = hashlib.sha256(data).hexdigest()
    shard = ShardRecord(name="s", family="jpg", samples=1, bytes=len(data), sha256=digest)
    receipt = ShardReceipt(shard, 0, "", ())
    job = cast(Job, SimpleNamespace(delivery="d", work="w", progress_path=""))
    with store.open_write("d/shards/s.tar") as sink:
        sink.write(data)
    store.write_bytes("w/shards/s.json", b"{}")
    recheck_shards(store, job, [receipt])
    (path,) = (found for found in swift.data.rglob("*.data") if found.read_bytes() == data)
    with path.open("r+b") as file:
        file.seek(40_000)
        file.write(bytes([data[40_000] ^ 1]))
    with pytest.raises(RunError, match=r"not what was written: shards/s\.tar: sha256"):
        recheck_shards(store, job, [receipt])
    assert not store.exists("w/shards/s.json")


def test_many_objects_are_copied_and_deleted_in_few_requests(store: Store) -> None:
    keys = [f"a/{number} ä&" for number in range(12)]
    for key in keys:
        store.write_bytes(key, key.encode())
    take_request_counts()
    store.copy([(key, f"b/{key}") for key in keys])
    store.delete_many([*keys, "a/never"])
    assert take_request_counts() == {"CopyObject": 12, "DeleteObjects": 1}
    assert {found.key: store.read_bytes(found.key) for found in store.list()} == {
        f"b/{key}": key.encode() for key in keys
    }


def test_a_large_object_is_copied_part_by_part(
    client: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = uuid.uuid4().bytes * 750_000  # 12 million
    monkeypatch.setattr("pipelines.storage.s3_copy.MAX_COPY_BYTES", 11_000_000)
    monkeypatch.setattr("pipelines.storage.s3_copy._PART_BYTES", SMALLEST_PART)
    with store.open_write("big") as sink:
        sink.write(data)

    def refuse(**_: object) -> tuple[Any, dict[str, Any]]:
        error = {"Error": {"Code": "InvalidRequest"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
        return SimpleNamespace(status_code=400), error

    def change(params: dict[str, Any], **_: object) -> None:
        if params["PartNumber"] == 2:
            store.write_bytes("big", b"x" * 12_000_000)

    client.meta.events.register("before-call.s3.CopyObject", refuse)
    try:
        store.copy([("big", "second")])
        assert store.read_bytes("second") == data
        # Parts of two objects must not be joined: the service refuses the later ones.
        client.meta.events.register("provide-client-params.s3.UploadPartCopy", change)
        monkeypatch.setattr("pipelines.storage.s3_copy._PARTS_AT_ONCE", 1)
        with pytest.raises(RunError, match="PreconditionFailed"):
            store.copy([("big", "third")])
    finally:
        client.meta.events.unregister("before-call.s3.CopyObject", refuse)
        client.meta.events.unregister("provide-client-params.s3.UploadPartCopy", change)
    assert not store.exists("third") and store.unfinished_writes() == []
