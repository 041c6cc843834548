"""One request for a range of bytes gives a member, from a folder and from S3."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from pipelines.storage.s3_client import S3Options, s3_client
from tests.end_to_end.command import Demo


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Options]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Options(f"http://{host}:{port}", "us-east-1")
    server.stop()


def test_from_a_folder(demo: Demo) -> None:
    count = 0
    for table in sorted(demo.delivery("demo-main").glob("shards/*.parquet")):
        with table.with_suffix(".tar").open("rb") as tar:
            for row in pq.read_table(table).to_pylist():
                for kind in ("media", "txt", "json"):
                    tar.seek(row[f"{kind}_offset"])
                    data = tar.read(row[f"{kind}_length"])
                    assert hashlib.sha256(data).hexdigest() == row[f"{kind}_sha256"]
                    count += 1
    assert count > 100


def test_from_s3(demo: Demo, s3: S3Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    bucket = f"b-{uuid.uuid4().hex}"
    client = s3_client(s3)
    client.create_bucket(Bucket=bucket)
    table = min(demo.delivery("demo-main").glob("shards/*-png-*.parquet"))
    tar = table.with_suffix(".tar")
    client.put_object(Bucket=bucket, Key=f"delivery/shards/{tar.name}", Body=tar.read_bytes())
    row = pq.read_table(table).to_pylist()[-1]
    first, last = row["media_offset"], row["media_offset"] + row["media_length"] - 1
    answer = client.get_object(
        Bucket=bucket, Key=f"delivery/shards/{row['shard']}.tar", Range=f"bytes={first}-{last}"
    )
    data = answer["Body"].read()
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert len(data) == row["media_length"] < tar.stat().st_size
    assert hashlib.sha256(data).hexdigest() == row["media_sha256"]
