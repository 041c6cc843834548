"""A store below an S3 prefix, with a local server and with servers that refuse or disconnect."""

from __future__ import annotations

import pickle
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from pipelines.storage.open import open_store
from pipelines.storage.s3_client import S3Options, response_error, s3_client
from pipelines.storage.s3_sink import PART_BYTES
from pipelines.storage.store import Store
from schemas.errors import InputError, RunError


@pytest.fixture(scope="module")
def options() -> Iterator[S3Options]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Options(f"http://{host}:{port}", "us-east-1")
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def bucket(options: S3Options) -> str:
    name = f"b-{uuid.uuid4().hex}"
    s3_client(options).create_bucket(Bucket=name)
    return name


@pytest.fixture
def store(options: S3Options, bucket: str) -> Store:
    return open_store(f"s3://{bucket}/some/prefix/", options)


def test_objects_round_trip_and_are_listed(store: Store, bucket: str) -> None:
    again = pickle.loads(pickle.dumps(store))
    again.write_bytes("b/c.txt", b"hello")
    again.write_bytes("a.txt", b"")
    assert store.uri == f"s3://{bucket}/some/prefix"
    assert store.read_bytes("b/c.txt") == b"hello"
    assert store.read_bytes("a.txt") == b""
    assert store.exists("a.txt") and not store.exists("b")
    assert store.size("b/c.txt") == 5
    assert [(info.key, info.size_bytes) for info in store.list()] == [("a.txt", 0), ("b/c.txt", 5)]
    assert [info.key for info in store.list("b")] == ["b/c.txt"]


def test_a_copy_has_the_same_bytes_and_no_part_in_later_writes(store: Store) -> None:
    store.write_bytes("a/x y", b"one")
    store.write_bytes("b/y", b"other")
    store.copy([("a/x y", "b/y")])
    assert store.read_bytes("b/y") == b"one"
    store.write_bytes("a/x y", b"two")
    assert store.read_bytes("b/y") == b"one"
    with pytest.raises(FileNotFoundError):
        store.copy([("none", "b/y")])


def test_keys_outside_the_prefix_are_neither_listed_nor_deleted(
    options: S3Options, bucket: str
) -> None:
    whole = open_store(f"s3://{bucket}", options)
    for key in ("p/1", "pq/2", "p/sub/3", "p/suburb"):
        whole.write_bytes(key, b"")
    part = open_store(f"s3://{bucket}/p", options)
    assert [info.key for info in part.list()] == ["1", "sub/3", "suburb"]
    part.delete_prefix("sub")
    part.delete("1")
    part.delete("1")
    assert [info.key for info in whole.list()] == ["p/suburb", "pq/2"]


def test_ranges_are_cut_at_the_end_of_the_object(store: Store) -> None:
    store.write_bytes("x", bytes(range(256)))
    assert store.read_range("x", 10, 3) == bytes([10, 11, 12])
    assert store.read_range("x", 250, 100) == bytes(range(250, 256))
    assert store.read_range("x", 256, 5) == store.read_range("x", 3, 0) == b""
    with pytest.raises(FileNotFoundError):
        store.read_range("y", 0, 5)


def test_a_listing_has_a_new_marker_for_a_rewritten_object(store: Store) -> None:
    store.write_bytes("x", b"one")
    [first] = store.list()
    assert [info.marker for info in store.list()] == [first.marker] != [""]
    store.write_bytes("x", b"two")
    assert store.list()[0].marker != first.marker


def test_an_open_object_can_be_read_from_any_position(store: Store) -> None:
    store.write_bytes("x", bytes(range(256)))
    with store.open_read("x") as file:
        file.seek(-4, 2)
        assert file.read() == bytes([252, 253, 254, 255])
        file.seek(10)
        assert file.read(2) == bytes([10, 11])


@pytest.mark.parametrize(
    "size", [0, 10, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES]
)
def test_a_streamed_write_is_exact_around_part_sizes(
    store: Store, options: S3Options, bucket: str, size: int
) -> None:
    data = bytes(size % 251 for size in range(1009)) * (size // 1009 + 1)
    data = data[:size]
    with store.open_write("big") as sink:
        for start in range(0, size, 5_000_011):
            sink.write(memoryview(data)[start : start + 5_000_011])
        assert not store.exists("big")
    assert store.read_bytes("big") == data
    assert "Uploads" not in s3_client(options).list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("size", [10, PART_BYTES + 1])
def test_a_streamed_write_first_requires_that_the_key_is_free(
    store: Store, options: S3Options, size: int
) -> None:
    """An equal object is kept; a different one is overwritten by a second, unconditional call."""
    conditions: list[str | None] = []

    def note(params: dict[str, str], **_: object) -> None:
        conditions.append(params.get("IfNoneMatch"))

    def stream(data: bytes) -> list[str | None]:
        conditions.clear()
        with store.open_write("big") as sink:
            sink.write(data)
        assert store.read_bytes("big") == data
        return list(conditions)

    events = s3_client(options).meta.events
    calls = [
        f"provide-client-params.s3.{name}" for name in ("PutObject", "CompleteMultipartUpload")
    ]
    for call in calls:
        events.register(call, note)
    try:
        assert stream(bytes(size)) == ["*"]
        assert stream(bytes(size)) == ["*"]
        assert stream(b"x" * size) == ["*", None]
        assert store.unfinished_writes() == []
    finally:
        for call in calls:
            events.unregister(call, note)


def test_a_failed_streamed_write_leaves_no_object_and_no_upload(
    store: Store, options: S3Options, bucket: str
) -> None:
    with pytest.raises(ZeroDivisionError), store.open_write("big") as sink:
        sink.write(bytes(PART_BYTES + 1))
        assert s3_client(options).list_multipart_uploads(Bucket=bucket)["Uploads"]
        raise ZeroDivisionError
    assert store.list() == []
    assert "Uploads" not in s3_client(options).list_multipart_uploads(Bucket=bucket)


def test_write_new_does_not_overwrite(store: Store) -> None:
    assert store.write_new("commit", b"first")
    assert not store.write_new("commit", b"second")
    assert store.read_bytes("commit") == b"first"


def test_a_missing_object_is_file_not_found(store: Store) -> None:
    for call in (store.read_bytes, store.open_read, store.size):
        with pytest.raises(FileNotFoundError):
            call("nothing")


def test_a_missing_bucket_is_named_in_the_error(options: S3Options) -> None:
    store = open_store("s3://no-such-bucket-here/p", options)
    for call in (
        store.ensure_writable,
        store.list,
        lambda: store.read_bytes("x"),
        lambda: store.write_bytes("x", b""),
        lambda: store.write_new("x", b""),
    ):
        with pytest.raises(InputError, match="does not exist: s3://no-such-bucket-here"):
            call()


def test_ensure_writable_leaves_no_object(store: Store) -> None:
    store.ensure_writable()
    assert store.list() == []


class _RefusingHandler(BaseHTTPRequestHandler):
    """Answers every request like a service whose policy grants nothing."""

    def _refuse(self) -> None:
        body = (
            b'<?xml version="1.0" encoding="UTF-8"?>'
            b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        )
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _refuse

    def log_message(self, format: str, *args: object) -> None:
        pass


class _TruncatingHandler(_RefusingHandler):
    """Sends the first 1,000 bytes of the requested range and disconnects."""

    content = bytes(range(250)) * 14
    requests = 0
    give_up = False

    def do_GET(self) -> None:
        type(self).requests += 1
        wanted = self.headers.get("Range", "bytes=0-")
        start = int(wanted.removeprefix("bytes=").split("-")[0])
        body = self.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"e"')
        if start:
            total = len(self.content)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.end_headers()
        if not (self.give_up and start):
            self.wfile.write(body[:1000])
        self.close_connection = True


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[S3Options]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield S3Options(f"http://127.0.0.1:{server.server_port}", "us-east-1")
    finally:
        server.shutdown()
        server.server_close()


def test_denied_access_is_an_input_error() -> None:
    with serving(_RefusingHandler) as options:
        store = open_store("s3://closed/p", options)
        for call in (
            store.ensure_writable,
            store.list,
            lambda: store.read_bytes("x"),
            lambda: store.write_bytes("x", b""),
        ):
            with pytest.raises(InputError, match=r"denied: s3://closed.*Check the credentials"):
                call()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ExpiredToken", "credentials have expired.*Get new ones.*completed work is kept"),
        ("ExpiredTokenException", "credentials have expired"),
        ("TokenRefreshRequired", "credentials have expired"),
        ("RequestTimeTooSkewed", "clock is wrong.*Set the clock.*completed work is kept"),
    ],
)
@pytest.mark.parametrize("status", [400, 403])
def test_credentials_that_expire_are_an_error_of_the_run(
    code: str, message: str, status: int
) -> None:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = response_error(ClientError(answer, "GetObject"), "b", "p/x")
    assert type(error) is RunError
    assert re.search(message, str(error))
    assert "s3://b/p/x" in str(error)


def test_a_missing_bucket_is_one_fault_whatever_was_asked_for() -> None:
    answer = {"Error": {"Code": "NoSuchBucket"}}
    errors = {
        str(response_error(ClientError(answer, "GetObject"), "b", key)) for key in ("", "p/x")
    }
    assert errors == {"The bucket does not exist: s3://b. Create it, or correct the URI."}


def test_a_service_that_fails_is_quoted_without_a_count_of_retries() -> None:
    """Botocore is told not to repeat requests, so its count is always 0; we repeat them."""
    answer = {
        "Error": {"Code": "SlowDown", "Message": "Please reduce your request rate."},
        "ResponseMetadata": {"HTTPStatusCode": 503, "MaxAttemptsReached": True, "RetryAttempts": 0},
    }
    error = response_error(ClientError(answer, "PutObject"), "b", "p/x")
    assert str(error) == (
        "The S3 service failed: s3://b/p/x (SlowDown: PutObject: Please reduce your "
        "request rate.). Run again; completed work is kept."
    )


def test_an_unreachable_endpoint_is_an_input_error() -> None:
    with serving(_RefusingHandler) as options:
        pass
    with pytest.raises(InputError, match="cannot be reached"):
        open_store("s3://b/p", options).list()


def test_an_interrupted_download_is_resumed() -> None:
    class Handler(_TruncatingHandler):
        requests = 0

    with serving(Handler) as options:
        assert open_store("s3://b", options).read_bytes("x") == Handler.content
    assert Handler.requests == 4


def test_a_download_that_cannot_be_resumed_is_a_run_error() -> None:
    class Handler(_TruncatingHandler):
        give_up = True

    with serving(Handler) as options, pytest.raises(RunError, match=r"broke off.*1000 of 3500"):
        open_store("s3://b", options).read_bytes("x")


def test_objects_that_stand_for_folders(store: Store, options: S3Options, bucket: str) -> None:
    client = s3_client(options)
    before = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    prefix = store.uri.removeprefix(f"s3://{bucket}").strip("/")
    base = f"{prefix}/" if prefix else ""
    store.write_bytes("kept/a", b"1")
    for key, body in (("kept/", b""), ("empty/", b""), ("full/", b"smuggled")):
        client.put_object(Bucket=bucket, Key=base + key, Body=body)
    found = {stray.key: stray.what for stray in store.strays()}
    assert found == {
        "empty/": "an empty folder",
        "full/": "an object of 8 bytes that stands for a folder",
    }
    assert [stray.key for stray in store.strays("full")] == ["full/"]
    for stray in store.strays():
        store.remove_stray(stray)
    assert store.strays() == [] and store.read_bytes("kept/a") == b"1"
    assert len(client.list_objects_v2(Bucket=bucket)["Contents"]) == len(before) + 2
