"""A catalogue behind s3://, against moto."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipelines.catalogue.read import open_catalogue, read_table
from pipelines.storage import s3_client
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import FORMATS, asset, read_table_batches, table_bytes

pytestmark = pytest.mark.long

CONTRIBUTORS = b"contributor_id\nc-1\n"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(s3_client, "_clients", {})
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="library")
        yield client


def _put(client: Any, prefix: str, kind: str, count: int = 500) -> None:
    rows = [asset(i, title="x" * 200) for i in range(count)]
    client.put_object(
        Bucket="library",
        Key=f"{prefix}assets/0.{kind}",
        Body=table_bytes(rows, kind, "assets"),
    )
    client.put_object(Bucket="library", Key=f"{prefix}contributors.csv", Body=CONTRIBUTORS)
    client.put_object(Bucket="library", Key=f"{prefix}media/0.jpg", Body=b"")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("prefix", ["", "catalogues/2026/"])
def test_s3_catalogue_reads_like_a_folder(client: Any, kind: str, prefix: str) -> None:
    _put(client, prefix, kind)
    catalogue = pickle.loads(pickle.dumps(open_catalogue(f"s3://library/{prefix}")))
    found = read_table_batches(catalogue)
    ids = [name for batch in found for name in batch.table["asset_id"].to_pylist()]
    assert ids == [f"a-{i}" for i in range(500)]
    assert read_table(catalogue, "contributors").num_rows == 1
    assert len(catalogue.digest) == 64


def test_a_compressed_and_joined_catalogue_behind_s3(client: Any) -> None:
    _put(client, "", "csv", 3)
    for name, data in {
        "contributors-1.csv.gz": gzip.compress(CONTRIBUTORS),
        "rights.json.gz": gzip.compress(b'[{"asset_id": "a-1", "sensitive": true}]'),
        "mapping.toml": b'[[mapping.assets.joins]]\nfile = "rights.json.gz"\n',
    }.items():
        client.put_object(Bucket="library", Key=name, Body=data)
    client.delete_object(Bucket="library", Key="contributors.csv")
    catalogue = open_catalogue("s3://library/")
    assert read_table(catalogue, "assets")["sensitive"].to_pylist() == [None, True, None]
    assert read_table(catalogue, "contributors").num_rows == 1


def test_s3_digest_equals_that_of_the_folder(client: Any, tmp_path: Any) -> None:
    _put(client, "c/", "csv")
    (tmp_path / "assets").mkdir()
    rows = [asset(i, title="x" * 200) for i in range(500)]
    (tmp_path / "assets/0.csv").write_bytes(table_bytes(rows, "csv", "assets"))
    (tmp_path / "contributors.csv").write_bytes(CONTRIBUTORS)
    assert open_catalogue("s3://library/c").digest == open_catalogue(str(tmp_path)).digest


def test_prefix_matches_whole_folder_names_only(client: Any) -> None:
    _put(client, "catalogue-old/", "csv")
    with pytest.raises(InputError, match="no table assets"):
        open_catalogue("s3://library/catalogue")


def test_missing_bucket_is_an_input_error(client: Any) -> None:
    with pytest.raises(InputError, match="bucket does not exist: s3://nobody"):
        open_catalogue("s3://nobody/catalogue")


def test_changed_object_is_refused(client: Any) -> None:
    _put(client, "", "jsonl")
    catalogue = open_catalogue("s3://library/")
    _put(client, "", "jsonl", count=7)
    with pytest.raises(InputError, match="changed while"):
        read_table_batches(catalogue)


def test_interrupted_body_is_requested_again(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ResponseStreamingError
    from botocore.response import StreamingBody

    _put(client, "", "parquet")
    catalogue = open_catalogue("s3://library/")
    whole = StreamingBody.read
    broken: list[int] = []

    def read(self: Any, amt: int | None = None) -> Any:
        if len(broken) < 2:
            broken.append(1)
            raise ResponseStreamingError(error="cut")
        return whole(self, amt)

    monkeypatch.setattr(StreamingBody, "read", read)
    assert sum(batch.table.num_rows for batch in read_table_batches(catalogue)) == 500
    assert len(broken) == 2
