"""A deal's payout rules decide what a real run pays, and what they cannot decide is refused."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.ledger.pool_checks import check_pool

from .small_library import Row, SmallLibrary

_RULES = """
allocation = "weighted"
base = "considered"
weights = { starts = 2025-07-01, ends = 2026-06-30, source = "licences" }
deductions = [{ name = "legal fee", amount = "1.00" }]
levels = [{ name = "gold", contributors = ["c-1"] }]
agency_classes = [
    { level = "gold", agency_share = "0.25" },
    { level = "other", agency_share = "0.5" },
]

[select]
max_assets = 3
"""


@pytest.fixture
def library(tmp_path: Path) -> SmallLibrary:
    made = SmallLibrary(tmp_path)
    made.add_contributor("c-2")
    made.add(4, side=600, weight=2)
    made.add(2, side=600, weight=4, contributors=_owned("c-2"))
    made.add(1, side=64, weight=2, contributors=_owned("c-2"))  # too small, but considered
    made.rows.append(made.rows[0] | {"asset_id": "a-copy"})  # a duplicate, so not considered
    return made


def _owned(name: str) -> list[Row]:
    return [{"contributor_id": name, "share_bp": 10_000}]


@pytest.mark.long
def test_a_run_pays_by_the_rules_of_its_deal(library: SmallLibrary) -> None:
    library.deal += _RULES
    done = library.package("--json")
    assert done.code == 0, done.err
    files = {
        f"agency/{path.relative_to(library.agency)}": path.read_bytes()
        for path in library.agency.rglob("*.*")
    }
    record, lines = check_pool(files, "agency", pays_undelivered=True)
    # 9.00 after the deduction, over weights of 4 × 2 and 2 × 4 + 2: 0.50 for each unit of weight.
    assert record["deductions"] == [{"name": "legal fee", "minor": 100}]
    assert record["agency_minor"] == 400 // 4 + 500 // 2
    assert {line["contributor_id"]: line["credit_minor"] for line in lines} == {
        "c-1": 300,
        "c-2": 250,
    }
    assert record["rule"]["weights"]["source"] == "licences"

    weights = {row["asset_id"]: row["weight"] for row in library.rows}
    kept = {"c-1": 0.75, "c-2": 0.5}
    ledger = pq.read_table(library.agency / "ledger" / "ledger-00000.parquet").to_pylist()
    paid: defaultdict[str, int] = defaultdict(int)
    for row in ledger:
        who = row["contributor_id"]
        assert row["amount_minor"] == 50 * weights[row["asset_id"]] * kept[who]
        paid[who] += row["amount_minor"]
    assert len(ledger) == 3
    summary = done.json
    assert summary["undelivered_minor"] == 550 - sum(paid.values())
    assert (
        summary["pool_minor"]
        == 1_000
        == (summary["deductions_minor"] + summary["agency_minor"] + summary["contributors_minor"])
    )
    assert summary["rounding_minor"] == 0


@pytest.mark.long
def test_an_asset_in_no_class_ends_the_run_by_name(library: SmallLibrary) -> None:
    only_gold = '    { level = "other", agency_share = "0.5" },\n'
    assert only_gold in _RULES
    library.deal += _RULES.replace(only_gold, "").replace("considered", "delivered")
    done = library.package()
    assert done.code == 2, done.err
    assert "an asset is in no class of the deal" in done.err
    assert "of contributor 'c-2': image, level 'other'" in done.err
    assert not list(library.out.rglob("MANIFEST.json"))
    assert not list(library.out.rglob("pool.json"))
