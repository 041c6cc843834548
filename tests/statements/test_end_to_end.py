"""Statements and shares of packaged deliveries, and of an output in a bucket."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from pipelines.cli import main
from pipelines.storage.open import open_store
from pipelines.storage.s3_client import S3Options, s3_client
from tests.accounts.outputs import publish
from tests.end_to_end.command import Demo
from tests.ledger.ledger_cases import asset
from tests.statements.browser import Browser
from tests.statements.cases import run
from tests.statements.independent import faults


def test_the_demos_pages_are_sound(demo: Demo, tmp_path: Path, chromium: Browser) -> None:
    code, said, errors = run("--out", demo.out, "--all", "--to", tmp_path, "--json")
    assert code == 0, errors
    statements = json.loads(said)["statements"]
    deals = {"demo-main", "demo-images", "demo-strict"}
    found = set()
    for item in statements:
        account: Any = json.loads((tmp_path / f"{item['file']}.json").read_text("utf-8"))
        assert faults(account) == []
        found |= {delivery["deal_id"] for delivery in account["deliveries"]}
    assert found == deals
    for item in statements[:5]:
        verdict, problems = chromium.open(tmp_path / f"{item['file']}.html")
        assert verdict == "sound", problems
    paid = sum(total["total_minor"] for item in statements for total in item["totals"])
    assert paid == sum(demo.summaries[deal]["contributors_minor"] for deal in deals)


@pytest.mark.parametrize("by", ["contributor", "licence", "media"])
def test_the_demos_shares_are_the_manifest_and_the_pool(demo: Demo, by: str) -> None:
    for deal, summary in demo.summaries.items():
        said = io.StringIO()
        with redirect_stdout(said):
            assert (
                main(["share", "--out", str(demo.out), "--deal", deal, "--by", by, "--json"]) == 0
            )
        found = json.loads(said.getvalue())
        assert found["total"]["assets"] == str(demo.manifest(deal)["end"]["samples"])
        assert found["total"]["amount_minor"] == summary["contributors_minor"]
        assert found["pool_minor"] == summary["pool_minor"]
        assert found["agency_minor"] == summary["agency_minor"]
        stats = demo.delivery(deal).glob("shards/*_stats.json")
        sizes = [json.loads(path.read_text("utf-8"))["media_bytes"] for path in stats]
        assert found["total"]["bytes"] == str(sum(sizes))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(f"{s3_client.__module__}._clients", {})  # made for other endpoints
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    name = f"b-{uuid.uuid4().hex}"
    s3_client(S3Options(f"http://{host}:{port}", "us-east-1")).create_bucket(Bucket=name)
    yield f"s3://{name}/out"
    server.stop()


def test_an_output_in_a_bucket_gives_the_same_files(bucket: str, tmp_path: Path) -> None:
    rows = [asset(number, (("ada", 5_000), ("bob", 5_000))) for number in range(5)]
    local = tmp_path / "out"
    for output in (bucket, str(local)):
        publish(open_store(output), rows)
        assert run("--out", output, "--all", "--period", "2026")[0] == 0
    written = open_store(bucket)
    folder = local / "agency/statements/2026"
    names = [path.name for path in folder.iterdir()]
    assert len(names) == 6
    for name in names:
        remote = written.read_bytes(f"agency/statements/2026/{name}")
        assert remote == (folder / name).read_bytes()
