"""The Croissant description: what it lists, and that it contains only inputs of the run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.shard_table import SHARD_TABLE_SCHEMA
from tests.end_to_end.command import AS_OF, DEALS, Demo


def described(demo: Demo, deal: str) -> Any:
    return json.loads((demo.delivery(deal) / "croissant.json").read_bytes())


@pytest.mark.parametrize("deal", DEALS)
def test_croissant_lists_the_files_of_the_manifest(demo: Demo, deal: str) -> None:
    files = {file["path"]: file for file in demo.manifest(deal)["files"]}
    listed = [item for item in described(demo, deal)["distribution"] if "contentUrl" in item]
    assert len(listed) == 2 * len(demo.manifest(deal)["shards"])
    for item in listed:
        file = files[item["contentUrl"]]
        assert (item["sha256"], item["contentSize"]) == (file["sha256"], f"{file['bytes']} B")


@pytest.mark.parametrize("deal", DEALS)
def test_croissant_has_a_field_for_every_column(demo: Demo, deal: str) -> None:
    sets = described(demo, deal)["recordSet"]
    assert [item["@id"] for item in sets] == sorted(
        {shard["family"] for shard in demo.manifest(deal)["shards"]}
    )
    for item in sets:
        columns = [name for name in SHARD_TABLE_SCHEMA.names if name != "captions"]
        assert [field["name"] for field in item["field"]] == columns


def test_croissant_dates_are_inputs_of_the_run(demo: Demo) -> None:
    description = described(demo, "demo-main")
    assert description["datePublished"] == AS_OF
    assert demo.manifest("demo-main")["deal"]["terms_sha256"] in description["license"]
    assert any("not fit for training" in item for item in description["rai:dataLimitations"])
