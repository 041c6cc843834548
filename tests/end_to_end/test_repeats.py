"""The same inputs give the same bytes, whatever the store and wherever a run was interrupted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.end_to_end.command import Demo, fairshard, folders, kill_when, tree

_S3 = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def test_second_deal_computes_no_features(demo: Demo, tmp_path: Path) -> None:
    first = demo.summaries["demo-main"]["computed"]
    assert min(first.values()) > 0
    # All assets of the strict deal were already in one of the two earlier deals.
    assert demo.summaries["demo-strict"]["computed"] == dict.fromkeys(first, 0)
    demo.copy_features(tmp_path)
    ended = fairshard(*demo.package("demo-main", tmp_path, "--workers", 1))
    assert ended.code == 0, ended.err
    assert ended.json["computed"] == dict.fromkeys(first, 0)
    assert tree(tmp_path / "demo-main") == tree(demo.out / "demo-main")


@pytest.mark.slow
def test_demo_library_is_reproducible(demo: Demo, tmp_path: Path) -> None:
    rows = demo.key["rows"]
    arguments = ("--assets", rows, "--workers", 4, "--quiet", "--json")
    ended = fairshard("demo", "--out", tmp_path / "demo", *arguments)
    assert ended.code == 0, ended.err
    again = Demo(tmp_path / "demo", {"demo-main": ended.json})
    assert tree(again.catalogue) == tree(demo.catalogue)
    assert tree(again.delivery("demo-main")) == tree(demo.delivery("demo-main"))


@pytest.mark.slow
def test_killed_run_is_resumed(demo: Demo, tmp_path: Path) -> None:
    deal_id = "demo-main"
    arguments = demo.package(deal_id, tmp_path, "--workers", 1)
    own = tmp_path / deal_id / "v0001"

    def some(pattern: str, root: Path = tmp_path) -> Callable[[], bool]:
        return lambda: next(root.glob(pattern), None) is not None

    moments = {
        "a unit is done": some("agency/work/*/units/*.json"),
        "a shard is half written": some("delivery/shards/.tmp-*", own),
        "the log is written": some("delivery/checkpoint", own),
    }
    done = 0
    for moment, ready in moments.items():
        if kill_when(arguments, ready):
            assert not (own / "delivery" / "MANIFEST.json").exists(), moment
            done += 1
        else:  # it ended before it could be killed, so this one starts again
            shutil.rmtree(tmp_path / deal_id)
    assert done >= 2
    ended = fairshard(*arguments)
    assert ended.code == 0, ended.err
    assert tree(own) == tree(demo.out / deal_id / "v0001")
    assert folders(tmp_path / deal_id) == {"latest.json", "v0001"}
    assert folders(tmp_path / "agency") == {"books", "features", "log", "runs"}
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    (tmp_path / "agency" / "work").mkdir()
    again = fairshard(*[item for item in arguments if item not in ("--json", "--quiet")])
    assert again.code == 0 and "Nothing to do" in again.out, again.err
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


@pytest.fixture
def bucket() -> Iterator[tuple[str, str]]:
    """Yields an endpoint and an empty bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client(endpoint).create_bucket(Bucket="agency")
    yield endpoint, "agency"
    server.stop()


def client(endpoint: str) -> Any:
    """Returns a boto3 client; untyped, because boto3 creates its classes at run time."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.mark.slow
def test_bucket_output_has_the_bytes_of_a_folder(
    demo: Demo, bucket: tuple[str, str], tmp_path: Path
) -> None:
    endpoint, name = bucket
    env = {**_S3, "AWS_ENDPOINT_URL": endpoint}
    uri = f"s3://{name}/out"
    ended = fairshard(*demo.package("demo-strict", uri, "--workers", 1), env=env)
    assert ended.code == 0, ended.err
    assert ended.json["delivery"] == f"{uri}/demo-strict/v0001/delivery"
    s3 = client(endpoint)
    for item in s3.list_objects_v2(Bucket=name)["Contents"]:
        path = tmp_path / item["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.get_object(Bucket=name, Key=item["Key"])["Body"].read())
    assert tree(tmp_path / "out" / "demo-strict") == tree(demo.out / "demo-strict")
    assert folders(tmp_path / "out" / "agency") == {"books", "features", "log", "runs"}
    assert fairshard("verify", ended.json["delivery"], "--quiet", env=env).code == 0
    card = f"{ended.json['delivery']}/README.md".removeprefix(f"s3://{name}/")
    s3.put_object(Bucket=name, Key=card, Body=b"changed")
    damaged = fairshard("verify", ended.json["delivery"], "--quiet", "--json", env=env)
    assert damaged.code == 1
    assert [problem["path"] for problem in damaged.json["problems"]] == ["README.md"]
    again = fairshard(*demo.package("demo-strict", uri, "--workers", 1), env=env)
    assert again.code == 0 and again.json["complete"]
