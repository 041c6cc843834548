"""Sequences of removals from random deliveries leave exactly what they must.

The oracle reads the tars with the standard library's `tarfile`, the ledger and the log by itself
(tests/removal/patches.py); it knows what was removed from the commands that it gave.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.storage.open import open_store
from pipelines.verify.delivery import verify_delivery
from schemas.manifest import RemovalWay
from tests.bench.large_delivery import DEAL, KEY, asset_name, make_delivery
from tests.removal.patches import Output, Version


@dataclass(frozen=True)
class Plan:
    """A delivery and what is removed from it, step by step."""

    samples: int
    shard_samples: int
    steps: tuple[tuple[RemovalWay, frozenset[int]], ...]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draws one to three removals that leave at least one sample."""
    samples = draw(st.integers(2, 14))
    left, steps = set(range(samples)), list[tuple[RemovalWay, frozenset[int]]]()
    for _ in range(draw(st.integers(1, 3))):
        if len(left) < 2:
            break
        removed = draw(st.sets(st.sampled_from(sorted(left)), min_size=1, max_size=len(left) - 1))
        way: RemovalWay = draw(st.sampled_from(["patch", "tombstone"]))
        steps.append((way, frozenset(removed)))
        left -= removed
    return Plan(samples, draw(st.integers(1, 6)), tuple(steps))


def check_plan(plan: Plan) -> None:
    """Makes a delivery, removes what is planned, and compares every version with the first."""
    with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
        store = open_store(folder)
        make_delivery(store, plan.samples, plan.shard_samples, key=Path(folder) / "signing.key")
        output = Output(Path(folder), DEAL, KEY.skey)
        first, name, gone = output.version("v0001"), "v0001", set[str]()
        key_of = {row["asset_id"]: row["key"] for row in first.ledger}
        before = first
        for number, (way, removed) in enumerate(plan.steps):
            assets = sorted(map(asset_name, removed))
            touched = {one.shard for one in output.find(assets, name)}
            after = output.patch(assets, way, name, [f"n-{number}"])
            gone |= {key_of[asset] for asset in assets}
            check_version(first, after, gone)
            check_kept(before, after, touched)
            before, name = after, after.root.name


def check_version(first: Version, after: Version, gone: set[str]) -> None:
    """Checks that a version has what the first one has, without the samples of these keys."""
    left = {
        shard: [item for item in members if item[0].partition(".")[0] not in gone]
        for shard, members in first.samples.items()
    }
    found = {
        shard: [item for item in members if not item[0].startswith("__removed-")]
        for shard, members in after.samples.items()
    }
    assert found == {shard: members for shard, members in left.items() if members}
    rows = {key: row for key, row in after.rows.items() if row["status"] == "success"}
    assert rows == {key: row for key, row in first.rows.items() if key not in gone}
    vectors = {key: value for key, value in after.vectors.items() if key in first.vectors}
    assert vectors == {key: one for key, one in first.vectors.items() if key not in gone}
    entries = [{**row, "entry_index": 0} for row in first.ledger if row["key"] not in gone]
    assert [{**row, "entry_index": 0} for row in after.ledger] == entries
    assert [row["entry_index"] for row in after.ledger] == list(range(len(entries)))
    hashes = {row["leaf_hash"]: leaf for row, leaf in zip(first.ledger, first.leaves, strict=True)}
    assert after.leaves == [hashes[row["leaf_hash"]] for row in after.ledger]
    report = verify_delivery(str(after.delivery), (KEY.vkey,))
    assert [str(one) for one in report.problems] == []
    assert report.samples == len(first.rows) - len(gone)


def check_kept(before: Version, after: Version, touched: set[str]) -> None:
    """Checks that files of shards that lost nothing are the same ones, and other tars are not."""
    for shard in before.samples.keys() - touched:
        for path in sorted((before.delivery / "shards").glob(f"{shard}[._]*")):
            assert (after.delivery / "shards" / path.name).samefile(path)
    for shard in after.samples.keys() & touched:
        tar = f"shards/{shard}.tar"
        assert before.digests[tar] != after.digests[tar]


@pytest.mark.long
@settings(max_examples=3)
@given(plans())
def test_a_few_sequences(plan: Plan) -> None:
    check_plan(plan)


@pytest.mark.slow
@settings(max_examples=60)
@given(plans())
def test_many_sequences(plan: Plan) -> None:
    check_plan(plan)
