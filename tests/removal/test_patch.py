"""A patch removes what it must and changes nothing else."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.verify.delivery import verify_delivery
from schemas.errors import InputError, RunError
from tests.end_to_end.command import DEALS, Demo, tree
from tests.removal.patches import Output, Version, copy_output

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]


@pytest.fixture
def main(demo: Demo, tmp_path: Path) -> Output:
    return copy_output(demo, "demo-main", tmp_path)


def check_sound(version: Version) -> None:
    """Both verifiers accept a version."""
    vkey = version.manifest["vkey"]
    report = verify_delivery(str(version.delivery), (vkey,))
    assert [str(one) for one in report.problems] == []
    script = ROOT / "docs" / "verify_delivery.py"
    command = [sys.executable, str(script), str(version.delivery), vkey]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def check_rest(before: Version, after: Version, removed: set[str]) -> None:
    """A patched version has what is left of the one before, member by member.

    Args:
        before: The version before.
        after: The patched version.
        removed: Keys of the removed samples.
    """
    left = {
        shard: [item for item in members if item[0].partition(".")[0] not in removed]
        for shard, members in before.samples.items()
    }
    assert after.samples == {shard: members for shard, members in left.items() if members}
    for name in ("rows", "vectors"):
        was = getattr(before, name)
        assert getattr(after, name) == {key: was[key] for key in was if key not in removed}
    assert after.shots == [row for row in before.shots if row["key"] not in removed]
    entries = [row for row in before.ledger if row["key"] not in removed]
    assert [row["entry_index"] for row in after.ledger] == list(range(len(entries)))
    assert [{**row, "entry_index": 0} for row in after.ledger] == [
        {**row, "entry_index": 0} for row in entries
    ]
    assert after.leaves == [
        leaf for leaf in before.leaves if json.loads(leaf)["key"] not in removed
    ]
    assert [hashlib.sha256(b"\0" + leaf).hexdigest() for leaf in after.leaves] == [
        row["leaf_hash"] for row in entries
    ]


@pytest.mark.parametrize("deal_id", DEALS)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_random_removals(demo: Demo, tmp_path: Path, deal_id: str, seed: int) -> None:
    output = copy_output(demo, deal_id, tmp_path)
    was = tree(output.root / deal_id / "v0001")
    chosen = random.Random(seed)
    assets = output.assets()
    removed = chosen.sample(assets, chosen.randint(1, len(assets) // 2))
    found = output.find(removed)
    after, before = output.patch(removed), output.version("v0001")
    check_sound(after)
    check_rest(before, after, {one.key for one in found})
    touched = {one.shard for one in found}
    assert after.manifest["patches"] == {
        "delivery": f"{deal_id}/v0001",
        "manifest_sha256": was["delivery/MANIFEST.json"],
        "original": f"{deal_id}/v0001",
        "way": "patch",
        "notices": ["n-1"],
        "as_of": "2026-11-27T00:00:00+00:00",
        "shards": sorted(touched),
        "dropped": [
            number
            for number, shard in enumerate(before.manifest["shards"])
            if shard["name"] not in after.samples
        ],
    }
    # The files of all other shards are the same, under the same names.
    for number, shard in enumerate(before.manifest["shards"]):
        own = {
            path
            for path in before.digests
            if path.startswith(f"shards/{shard['name']}")
            or path.partition("/")[2].partition(".")[0].endswith(f"b_{number}")
            or path in (f"metadata/metadata_{number}.parquet", f"shots/shots_{number}.parquet")
        }
        if shard["name"] not in touched:
            assert len(own) >= 4
            assert {path: after.digests.get(path) for path in own} == {
                path: before.digests[path] for path in own
            }
    assert tree(output.root / deal_id / "v0001") == was


def test_the_sums_are_those_of_the_ledger(main: Output) -> None:
    """Contributors' totals are less by the removed entries, and the agency's part is the same."""

    def sums(version: Version) -> tuple[Counter[str], int]:
        totals, rest = Counter[str](), 0
        for row in pq.read_table(version.root / "agency/sums/sums-00000.parquet").to_pylist():
            if row["contributor_id"] is None:
                rest += row["amount_minor"]
            else:
                totals[row["contributor_id"]] += row["amount_minor"]
        return totals, rest

    assets = main.assets()
    who = main.version("v0001").ledger[0]["contributor_id"]
    removed = [
        asset
        for asset in assets
        if any(
            row["asset_id"] == asset and row["contributor_id"] == who
            for row in main.version("v0001").ledger
        )
    ]
    after = main.patch(removed)
    ledger = Counter[str]()
    for row in after.ledger:
        ledger[row["contributor_id"]] += row["amount_minor"]
    totals, rest = sums(after)
    assert who not in totals
    assert totals == ledger
    assert rest == sums(main.version("v0001"))[1]


def test_a_shard_that_loses_everything_is_gone_and_numbers_stay(main: Output) -> None:
    before = main.version("v0001")
    shards = before.manifest["shards"]
    number = len(shards) // 2
    gone = shards[number]["name"]
    keys = {name.partition(".")[0] for name, _ in before.samples[gone]}
    by_key = {row["key"]: row["asset_id"] for row in before.ledger}
    after = main.patch([by_key[key] for key in keys])
    check_sound(after)
    check_rest(before, after, keys)
    assert after.manifest["patches"]["dropped"] == [number]
    assert [item["name"] for item in after.manifest["shards"]] == [
        item["name"] for item in shards if item["name"] != gone
    ]
    assert not [path for path in after.digests if gone in path]
    # A second patch, of the patch, still finds everything by the first numbers.
    last = shards[-1]["name"]
    key = before.samples[last][0][0].partition(".")[0]
    again = main.patch([by_key[key]], version="v0002", notices=["n-2"])
    check_sound(again)
    check_rest(before, again, {*keys, key})
    assert again.manifest["patches"]["dropped"] == [number]
    assert again.manifest["patches"]["original"] == "demo-main/v0001"
    assert again.manifest["patches"]["delivery"] == "demo-main/v0002"


def test_a_second_call_finds_the_version_and_changes_nothing(main: Output) -> None:
    assets = main.assets()[:3]
    first = main.patch(assets)
    was = tree(main.root)
    assert main.patch(assets).root == first.root
    assert tree(main.root) == was


def test_the_same_patch_has_the_same_bytes(demo: Demo, tmp_path: Path) -> None:
    outputs = [copy_output(demo, "demo-main", tmp_path / name) for name in "ab"]
    made = [tree(one.patch(one.assets()[:3]).root) for one in outputs]
    assert made[0] == made[1]


def test_a_second_patch_of_one_version_is_refused(main: Output) -> None:
    assets = main.assets()
    main.patch(assets[:1])
    was = tree(main.root)
    with pytest.raises(RunError, match="Another patch of this version"):
        main.patch(assets[1:2], notices=["n-2"])
    assert tree(main.root) == was


def test_what_cannot_be_patched_is_refused(main: Output) -> None:
    was = tree(main.root)
    with pytest.raises(InputError, match="nothing to patch"):
        main.patch([])
    with pytest.raises(InputError, match="Nothing would be left"):
        main.patch(main.assets())
    found = main.find(main.assets()[:1])
    with pytest.raises(InputError, match="no such published version"):
        main.patch_found(found, "patch", "v0009")
    main.patch_found(found, "patch")
    with pytest.raises(InputError, match="found in another version"):
        main.patch_found(found, "patch", "v0002")
    assert {path: was[path] for path in was} == {
        path: digest for path, digest in tree(main.root).items() if "v0001" in path
    }


@pytest.mark.parametrize("what", ["tar", "table", "ledger", "embeddings"])
def test_a_damaged_version_is_not_patched(main: Output, what: str) -> None:
    [one] = main.find(main.assets()[:1])
    root = main.version("v0001").root
    path = {
        "tar": root / "delivery" / "shards" / f"{one.shard}.tar",
        "table": root / "delivery" / "shards" / f"{one.shard}.parquet",
        "ledger": root / "agency" / "ledger" / "ledger-00000.parquet",
        "embeddings": root / "delivery" / "img_emb" / f"img_emb_{one.index}.npy",
    }[what]
    data = bytearray(path.read_bytes())
    at = len(data) // 2
    if what == "tar":  # in a member that is kept
        rows = pq.read_table(path.with_suffix(".parquet")).to_pylist()
        at = next(row["media_offset"] for row in rows if row["key"] != one.key)
    data[at] ^= 1
    found = main.find(main.assets()[:1])
    path.write_bytes(data)
    with pytest.raises(RunError, match=r"damaged|cannot be used"):
        main.patch_found(found, "patch")
    assert not (main.root / main.deal_id / "v0002" / "delivery" / "MANIFEST.json").exists()
