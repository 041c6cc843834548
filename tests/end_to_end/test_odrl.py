"""`fairshard odrl`: exports every decision of a published run as a policy, and changes nothing."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from pipelines.cli import main
from pipelines.storage.columns import values_of
from schemas.reason_info import Outcome
from tests.end_to_end.command import Demo, tables, tree
from tests.odrl.odrl_rules import check_policy, triples

DEAL = "demo-main"


@pytest.fixture
def published(demo: Demo, tmp_path: Path) -> Path:
    """Returns a copy of a published version that tests may write to."""
    return Path(shutil.copytree(demo.delivery(DEAL).parent, tmp_path / "run" / "v0001"))


def odrl(demo: Demo, place: object, *more: object) -> int:
    arguments = ["odrl", "--run", place, "--deal", demo.deal(DEAL), "--quiet", *more]
    return main([str(item) for item in arguments])


def policies(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "decisions.jsonl").read_text(encoding="ascii")
    return [json.loads(row) for row in text.splitlines()]


def test_every_decision_is_a_policy(
    demo: Demo, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(published)
    assert odrl(demo, published, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    decisions = tables(demo.agency(DEAL) / "decisions").to_pylist()
    outcomes = Counter(row["outcome"] for row in decisions)
    assert summary == {"policies": f"{published}/agency/odrl", "decisions": dict(outcomes)}
    assert set(outcomes) == {outcome.value for outcome in Outcome}

    folder = published / "agency" / "odrl"
    made = policies(folder)
    expected = Counter(
        (row["asset_id"], row["outcome"], tuple(row["reasons"])) for row in decisions
    )
    assert expected == Counter(
        (
            policy["target"]["assetId"],
            policy["outcome"],
            tuple(reason["code"] for reason in policy.get("reason", [])),
        )
        for policy in made
    )
    deal = check_policy(triples((folder / "deal.jsonld").read_bytes()))
    for policy in made:
        check_policy(triples(json.dumps(policy)))
        assert policy["deal"] == str(deal)
        delivered = policy["outcome"] == "delivered"
        assert policy["@type"] == ("Agreement" if delivered else "Set")
        assert bool(policy.get("permission")) == delivered
    assert triples((folder / "profile.jsonld").read_bytes())

    # Nothing else is changed, the delivery is still sound, and a repetition gives the same bytes.
    after = tree(published)
    added = {f"agency/odrl/{name}" for name in ("deal.jsonld", "decisions.jsonl", "profile.jsonld")}
    assert set(after) - set(before) == added and before.items() <= after.items()
    assert main(["verify", str(published / "delivery"), "--quiet"]) == 0
    assert odrl(demo, published) == 0
    assert tree(published) == after


def test_buyer_policies_name_only_commitments(demo: Demo, published: Path, tmp_path: Path) -> None:
    before = tree(published)
    target = tmp_path / "policies"
    assert odrl(demo, published, "--for", "buyer", "--to", target) == 0
    assert tree(published) == before
    shards = sorted((published / "delivery" / "shards").glob("*.parquet"))
    commitments = {row for path in shards for row in pq.read_table(path)["asset"].to_pylist()}
    made = policies(target)
    assert {policy["target"]["commitment"] for policy in made} == commitments
    assert len(made) == len(commitments)
    named = {key for policy in made for key in policy["target"]}
    assert named == {"@type", "uid", "partOf", "commitment", "shard", "key"}
    for policy in made:
        check_policy(triples(json.dumps(policy)))
    text = b"".join(path.read_bytes() for path in sorted(target.iterdir())).decode()
    ledger = tables(demo.agency(DEAL) / "ledger")
    names = {
        *values_of(ledger["asset_id"], str),
        *values_of(ledger["contributor_id"], str),
    }
    telling = {json.dumps(name)[1:-1] for name in names if len(name) >= 6}  # one is just "."
    assert len(telling) > len(commitments) / 2
    assert not {name for name in telling if name in text}


def test_refused_export_leaves_no_files(
    demo: Demo, published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(published)
    other = demo.deal("demo-strict")
    nowhere = tmp_path / "none"
    inside = published / "delivery" / "policies"
    for arguments, message in (
        (["--run", published, "--deal", other], "different terms"),
        (["--run", nowhere, "--deal", other], "no published run"),
        (["--run", published, "--deal", nowhere], "cannot be read"),
        (
            ["--run", published, "--deal", demo.deal(DEAL), "--to", inside],
            "cannot be added to a signed",
        ),
        (["--run", published, "--deal", demo.deal(DEAL), "--for", "buyer"], "need a folder"),
    ):
        assert main(["odrl", "--quiet", *map(str, arguments)]) == 2
        error = capsys.readouterr().err
        assert message in error and "Traceback" not in error
    assert tree(published) == before and not nowhere.exists()


def test_missing_part_of_the_decisions_fails(
    demo: Demo, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for pattern in ("screen-*", "write-*"):
        part = sorted((published / "agency" / "decisions").glob(pattern))[0]
        data = part.read_bytes()
        part.unlink()
        assert odrl(demo, published) == 1
        assert "do not agree with the run's counts" in capsys.readouterr().err
        assert not (published / "agency" / "odrl" / "decisions.jsonl").exists()
        part.write_bytes(data)
    assert odrl(demo, published) == 0


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yields a client of the endpoint with the bucket `agency`, which the command uses."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="agency")
    yield client
    server.stop()


def test_export_to_a_bucket_has_the_same_bytes(demo: Demo, published: Path, bucket: Any) -> None:
    for name in tree(published):
        bucket.upload_file(str(published / name), "agency", f"out/d/v0001/{name}")
    assert odrl(demo, published) == 0
    assert odrl(demo, "s3://agency/out/d/v0001") == 0
    for path in (published / "agency" / "odrl").iterdir():
        key = f"out/d/v0001/agency/odrl/{path.name}"
        assert bucket.get_object(Bucket="agency", Key=key)["Body"].read() == path.read_bytes()
