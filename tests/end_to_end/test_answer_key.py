"""Each deal's outcome compared with the answer key, which is made only from what was planted."""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.rights.rules.reasons import REASONS
from pipelines.storage.columns import values_of
from schemas.layout import asset_hash
from schemas.reasons import Reason
from tests.demo.test_answer_key import UNPLANTED_REASONS
from tests.end_to_end.command import DEALS, Demo, tables
from tests.ledger.pool_checks import check_pool

pytestmark = pytest.mark.parametrize("deal_id", DEALS)


def decisions(demo: Demo, deal_id: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tables(demo.agency(deal_id) / "decisions").to_pylist()
    return rows


def test_decisions_match_the_answer_key(demo: Demo, deal_id: str) -> None:
    key = demo.key["deals"][deal_id]
    found: dict[str, list[tuple[object, object, tuple[str, ...]]]] = {}
    for row in decisions(demo, deal_id):
        reasons = row["reasons"]
        value = (row["outcome"], row["stage"], tuple(sorted(reasons)))
        found.setdefault(str(row["asset_id"]), []).append(value)
    unnamed = [name for name in found if name not in key["assets"]]
    assert len(unnamed) == demo.key["unnamed_rows"]
    for name in unnamed:  # a row locator replaces an id that cannot be read
        assert found.pop(name) == [("dead_letter", "read", ("row.unreadable",))]
    expected = {
        name: [(recorded["outcome"], recorded["stage"], tuple(sorted(recorded["reasons"])))]
        * recorded["rows"]
        for name, recorded in key["assets"].items()
    }
    assert found == expected


def test_failed_assets_match_the_answer_key(demo: Demo, deal_id: str) -> None:
    key = demo.key["deals"][deal_id]
    rows = tables(demo.agency(deal_id) / "dead_letters").to_pylist()
    named = [row for row in rows if row["asset_id"] in key["assets"]]
    assert {row["asset_id"]: row["reason"] for row in named} == key["dead_letters"]
    assert len(rows) - len(named) == demo.key["unnamed_rows"]
    assert all(row["detail"] and row["stage"] == Reason(row["reason"]).info.stage for row in rows)
    recorded = [
        {"asset_id": row["asset_id"], "stage": row["stage"], "reason": row["reasons"][0]}
        | {"detail": row["detail"]}
        for row in tables(demo.agency(deal_id) / "decisions").to_pylist()
        if row["outcome"] == "dead_letter"
    ]
    by_id = sorted(recorded, key=lambda row: str(row["asset_id"]))
    assert sorted(rows, key=lambda row: row["asset_id"]) == by_id


def test_duplicates_match_the_answer_key(demo: Demo, deal_id: str) -> None:
    key = demo.key["deals"][deal_id]
    found = {
        row["asset_id"]: {"kept": row["kept_asset_id"], "kind": code[10:]}
        for row in decisions(demo, deal_id)
        for code in row["reasons"]
        if code in ("duplicate.exact", "duplicate.near")  # in place of these another is kept
    }
    assert found == key["duplicates"]
    assert found  # every deal has some


def test_counts_match_the_answer_key(demo: Demo, deal_id: str) -> None:
    key = demo.key["deals"][deal_id]["counts"]
    steps = demo.summaries[deal_id]["steps"]
    for name in ("read", "screen", "enrich", "select"):
        recorded = {
            "in": steps[name]["entered"],
            "refused": steps[name]["refused"],
            "dead_letters": steps[name]["dead_letters"],
            "out": steps[name]["passed"],
        }
        assert recorded == key[name], name
    assert steps["write"]["passed"] == steps["write"]["entered"] == key["delivered"]
    assert demo.summaries[deal_id]["samples"] == key["delivered"]
    reasons: Counter[str] = Counter()
    for step in steps.values():
        reasons.update(step["refused_by_reason"])
        reasons.update(step["dead_letters_by_reason"])
    assert dict(reasons) == key["by_reason"]
    assert "steps" not in demo.manifest(deal_id)
    kept = json.loads((demo.agency(deal_id) / "counts.json").read_bytes())
    assert kept["steps"] == steps


def test_payouts_match_the_answer_key(demo: Demo, deal_id: str) -> None:
    key = demo.key["deals"][deal_id]
    paid, lines = {}, 0
    for path in sorted((demo.agency(deal_id) / "statements").glob("*.json")):
        statement = json.loads(path.read_bytes())
        paid[statement["contributor_id"]] = statement["total_minor"]
        assert statement["currency"] == key["currency"]
        lines += len(statement["lines"])
        with path.with_suffix(".csv").open(newline="", encoding="utf-8") as source:
            assert len(list(csv.reader(source))) > len(statement["lines"])
    assert paid.keys() == key["payouts"].keys()
    for contributor, payout in key["payouts"].items():
        assert payout["least"] <= paid[contributor] <= payout["most"]
    summary = demo.summaries[deal_id]
    assert summary["agency_minor"] == key["agency_minor"]
    assert (
        summary["agency_minor"] + sum(paid.values()) == key["pool_minor"] == summary["pool_minor"]
    )
    ledger = pq.read_table(demo.agency(deal_id) / "ledger" / "ledger-00000.parquet")
    assert len(ledger) == lines == demo.manifest(deal_id)["ledger"]["entries"]
    grouped = ledger.group_by("contributor_id").aggregate([("amount_minor", "sum")])
    assert _pairs(grouped) == paid
    root = demo.agency(deal_id)
    files = {f"agency/{path.relative_to(root)}": path.read_bytes() for path in root.rglob("*.*")}
    record, _ = check_pool(files, "agency")
    assert (record["name"], record["deal_id"]) == ("price", deal_id)
    assert record["gross_minor"] == key["pool_minor"]


def _pairs(grouped: pa.Table) -> dict[str, int]:
    names, sums = grouped["contributor_id"], grouped["amount_minor_sum"]
    return dict(zip(values_of(names, str), values_of(sums, int), strict=True))


def test_cap_keeps_the_first_assets_by_hash(demo: Demo, deal_id: str) -> None:
    key = demo.key["deals"][deal_id]
    wanted, left = [], []
    for row in decisions(demo, deal_id):
        if row["outcome"] == "delivered":
            wanted.append(str(row["asset_id"]))
        elif row["reasons"] == ["select.over_cap"]:
            left.append(str(row["asset_id"]))
    if key["max_assets"] is None:
        assert not left
    else:
        assert left and len(wanted) == key["max_assets"]
        assert max(map(asset_hash, wanted)) < min(map(asset_hash, left))


def test_delivered_media_are_the_planted_files(demo: Demo, deal_id: str) -> None:
    rows = decisions(demo, deal_id)
    planted = demo.key["media"]
    wanted = {
        row["key"]: planted[str(row["asset_id"])]["sha256"]
        for row in rows
        if row["outcome"] == "delivered"
    }
    shards = tables(demo.delivery(deal_id) / "shards")
    found = zip(shards["key"].to_pylist(), shards["original_sha256"].to_pylist(), strict=True)
    assert dict(found) == wanted
    for row in shards.to_pylist():
        is_original = row["media_sha256"] == row["original_sha256"]
        assert is_original == (row["rendition"] == "")
        assert row["plain_differences"] == ""


def test_demo_plants_every_reason(demo: Demo, deal_id: str) -> None:
    assert deal_id in demo.key["deals"]
    codes: set[str] = set()
    for deal in demo.key["deals"].values():
        codes.update(deal["counts"]["by_reason"])
    assert codes == set(REASONS) - UNPLANTED_REASONS
