"""Cleaning removes leftovers and keeps what is published, shared, held or recent."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from pipelines.cli import main
from pipelines.process.identity import ProcessIdentity
from pipelines.run.lease import hold_version
from pipelines.run.lease_record import LeaseRecord
from pipelines.run.leftovers import LeftoverKind, clean_output, discard_unfinished_of
from pipelines.storage.open import open_store
from pipelines.storage.s3_client import S3Options, s3_client
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes

DAY = 86_400.0
KEEP = {
    "agency/signing.key": b"PRIVATE",
    "agency/features/a/part.parquet": b"features",
    "acme/v0001/delivery/MANIFEST.json": b"{}",
    "acme/v0001/delivery/shards/s.tar": b"tar",
    "acme/v0001/agency/run.json": json_bytes({"run_id": "done"}),
    "notes/v0001/delivery/mine.txt": b"no run made this",
    "letters/v0001.txt": b"nor this",
    "agency/other.txt": b"nor this",
}
LEFT = {
    "acme/v0002/agency/run.json": json_bytes({"run_id": "cut"}),
    "acme/v0002/delivery/shards/s.tar": b"tar",
    "agency/work/cut/plan/s.parquet": b"plan",
    "agency/work/done/units/1.json": b"{}",
}


def fill(store: Store) -> None:
    for key, data in {**KEEP, **LEFT}.items():
        store.write_bytes(key, data)


def age(folder: Path, seconds: float) -> None:
    then = time.time() - seconds
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


def contents(store: Store) -> dict[str, bytes]:
    return {item.key: store.read_bytes(item.key) for item in store.list()}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(str(tmp_path))
    fill(store)
    (tmp_path / "agency/features/a/.tmp-01").write_bytes(b"half")
    (tmp_path / "acme/v0001/delivery/shards/.tmp-02").write_bytes(b"half")
    age(tmp_path, 2 * DAY)
    return store


def test_only_leftovers_are_removed(store: Store) -> None:
    found = clean_output(store, DAY)
    assert [(item.kind, item.name, item.objects, item.kept_reason) for item in found] == [
        (LeftoverKind.TEMPORARY, "acme/v0001/delivery/shards/.tmp-02", 1, ""),
        (LeftoverKind.TEMPORARY, "agency/features/a/.tmp-01", 1, ""),
        (LeftoverKind.VERSION, "acme/v0002", 3, ""),
        (LeftoverKind.WORK, "agency/work/done", 1, ""),
    ]
    assert all(abs(item.age_s - 2 * DAY) < 600 for item in found)
    version = LEFT.keys() - {"agency/work/done/units/1.json"}
    assert found[2].size_bytes == sum(len(LEFT[key]) for key in version)
    assert contents(store) == KEEP
    assert store.unfinished_writes() == []
    assert clean_output(store, DAY) == []


@pytest.mark.parametrize("data", [b'{"run_id": "cu', b"\xff", b"[]", b"{}"])
def test_a_version_is_removed_whose_record_is_damaged(store: Store, data: bytes) -> None:
    """The messages about damaged files of a run say that this helps."""
    (Path(store.uri) / "acme/v0002/agency/run.json").write_bytes(data)
    age(Path(store.uri), 2 * DAY)
    removed = {item.name for item in clean_output(store, DAY)}
    assert {"acme/v0002", "agency/work/cut", "agency/work/done"} <= removed
    assert contents(store) == KEEP


def test_a_dry_run_removes_nothing(store: Store) -> None:
    before = sorted(path for path in Path(store.uri).rglob("*"))
    dry = clean_output(store, DAY, dry_run=True)
    assert sorted(path for path in Path(store.uri).rglob("*")) == before
    assert dry == [
        type(item)(**{**item.__dict__, "age_s": dry[index].age_s})
        for index, item in enumerate(clean_output(store, DAY))
    ]


def test_recent_leftovers_are_kept(store: Store) -> None:
    assert {item.kept_reason for item in clean_output(store, 3 * DAY)} == {"too recent"}
    assert contents(store) == {**KEEP, **LEFT}
    (Path(store.uri) / "acme/v0002/delivery/shards/s.tar").touch()
    kept = {item.name: item.kept_reason for item in clean_output(store, DAY)}
    assert kept["acme/v0002"] == "too recent" and kept["agency/work/done"] == ""
    assert store.exists("agency/work/cut/plan/s.parquet")


def test_files_of_a_live_run_are_kept(store: Store) -> None:
    with hold_version(store, "acme", "v0002", "cut"):
        age(Path(store.uri), 2 * DAY)
        found = {item.name: item.kept_reason for item in clean_output(store, 0.0)}
        assert "held by run cut, process" in found["acme/v0002"]
        assert found["agency/features/a/.tmp-01"] == "a run is in progress"
        assert found["agency/work/done"] == ""
        assert contents(store).keys() >= KEEP.keys() | {
            "acme/v0002/delivery/shards/s.tar",
            "agency/work/cut/plan/s.parquet",
        }
        assert len(store.unfinished_writes()) == 2


def test_unfinished_writes_of_a_published_version_are_removed_unless_it_is_held(
    store: Store,
) -> None:
    def unfinished() -> list[str]:
        return [item.key for item in store.unfinished_writes()]

    before = unfinished()
    with hold_version(store, "acme", "v0001", "repair"):
        discard_unfinished_of(store, "acme", "v0001")
        assert unfinished() == before
    discard_unfinished_of(store, "acme", "v0001")
    assert unfinished() == ["agency/features/a/.tmp-01"]
    assert contents(store) == {**KEEP, **LEFT}


def test_work_of_a_run_that_just_started_is_kept(store: Store) -> None:
    """Its version has only a claim, and no record yet."""
    with hold_version(store, "beta", "v0001", "done"):
        found = {item.name: item.kept_reason for item in clean_output(store, 0.0)}
    assert found["agency/work/done"] == "the run is in progress"
    assert store.exists("agency/work/done/units/1.json")


def test_claims_of_published_or_removed_versions_are_removed(store: Store) -> None:
    elsewhere = ProcessIdentity("far", "another boot", "pid:[1]", 1, 1)
    for deal_id, version in (("acme", "v0001"), ("gone", "v0003")):
        claim = LeaseRecord(deal_id, version, 1, "r", elsewhere, "", "")
        store.write_bytes(claim.key(), claim.to_json())
        store.write_bytes(claim.key("done"), b"{}\n")  # as runs of earlier versions left it
    age(Path(store.uri), 2 * DAY)
    found = clean_output(store, DAY)
    assert [item.name for item in found if item.kind is LeftoverKind.LEASE] == [
        "agency/claims/acme/v0001",
        "agency/claims/gone/v0003",
    ]
    assert contents(store) == KEEP


def test_clean_command(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean", store.uri, "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert "unpublished version" in output and "acme/v0002" in output and "2.0 d" in output
    assert "4 would be removed" in output
    assert main(["clean", store.uri, "--older-than", "1d", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["removed"] == 4 and not summary["dry_run"]
    assert contents(store) == KEEP
    assert main(["clean", store.uri]) == 0
    assert "Nothing was left behind" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["clean", store.uri, "--older-than", "soon"])
    assert "write 90m, 24h or 7d" in capsys.readouterr().err


@pytest.fixture
def remote_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setattr("pipelines.storage.s3_store.SETTLE_S", 0.0)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options, bucket = S3Options(f"http://{host}:{port}", "us-east-1"), f"b-{uuid.uuid4().hex}"
    s3_client(options).create_bucket(Bucket=bucket)
    yield open_store(f"s3://{bucket}/out", options)
    server.stop()


def test_bucket_is_cleaned_like_a_folder(remote_store: Store) -> None:
    fill(remote_store)
    remote_store.write_bytes(".fairshard-probe", b"")
    client = s3_client(remote_store.options)  # type: ignore[attr-defined]  # the S3 store has them
    bucket = remote_store.uri.split("/")[2]
    where = {"Bucket": bucket, "Key": "out/acme/v0001/delivery/shards/s.tar"}
    upload = client.create_multipart_upload(**where)["UploadId"]
    client.upload_part(**where, UploadId=upload, PartNumber=1, Body=bytes(1000))
    # For moto, every upload was started in 2010.
    young = {
        item.kept_reason
        for item in clean_output(remote_store, DAY, dry_run=True)
        if item.kind != LeftoverKind.UPLOAD
    }
    assert young == {"too recent"} and contents(remote_store).keys() > KEEP.keys()
    found = {
        item.name: (str(item.kind), item.size_bytes) for item in clean_output(remote_store, 0.0)
    }
    assert found["acme/v0001/delivery/shards/s.tar"] == ("unfinished upload", 1000)
    assert found.keys() >= {".fairshard-probe", "acme/v0002", "agency/work/done"}
    assert contents(remote_store) == KEEP
    assert remote_store.unfinished_writes() == []
