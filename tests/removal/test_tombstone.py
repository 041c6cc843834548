"""A tombstone overwrites what it must, and every other byte stays where it is."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.verify.delivery import verify_delivery
from tests.end_to_end.command import DEALS, Demo, tree
from tests.removal.patches import Output, Version, copy_output
from tests.removal.test_patch import check_sound

pytestmark = pytest.mark.long


def table(version: Version, shard: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(
        version.delivery / "shards" / f"{shard}.parquet"
    ).to_pylist()
    return rows


def some_of_each_shard(output: Output, seed: int) -> list[str]:
    """Assets such that every shard of several samples keeps one; some shards lose nothing."""
    chosen = random.Random(seed)
    by_key = {row["key"]: row["asset_id"] for row in output.version("v0001").ledger}
    removed = []
    for members in output.version("v0001").samples.values():
        keys = sorted({name.partition(".")[0] for name, _ in members})
        removed += chosen.sample(keys, chosen.randint(0, len(keys) - 1))
    return [by_key[key] for key in removed]


@pytest.mark.parametrize("deal_id", DEALS)
def test_everything_outside_the_removed_ranges_is_equal(
    demo: Demo, tmp_path: Path, deal_id: str
) -> None:
    output = copy_output(demo, deal_id, tmp_path)
    was = tree(output.root / deal_id / "v0001")
    removed = some_of_each_shard(output, 7)
    found = output.find(removed)
    assert len(found) > 3
    before, after = output.version("v0001"), output.patch(removed, "tombstone")
    check_sound(after)
    assert tree(output.root / deal_id / "v0001") == was
    for shard in before.samples:
        own = [one for one in found if one.shard == shard]
        path = f"shards/{shard}.tar"
        one, other = ((side.delivery / path).read_bytes() for side in (before, after))
        if not own:
            assert one == other
            continue
        expected = bytearray(one)
        for sample in own:
            start = sample.members[0].offset
            end = sample.members[-1].offset + sample.members[-1].length
            end += -end % 512
            expected[start:end] = b"\xff" * (end - start)
            expected[start - 512 : start] = other[start - 512 : start]
        assert bytes(expected) == other
        rows, marked = table(before, shard), table(after, shard)
        rows_removed = {sample.row for sample in own}
        assert [row["status"] for row in marked] == [
            "removed" if at in rows_removed else "success" for at in range(len(rows))
        ]
        for at, row in enumerate(rows):
            if at not in rows_removed:
                assert marked[at] == row  # all offsets too
    keys = {one.key for one in found}
    assert after.leaves == [leaf for leaf in before.leaves if json.loads(leaf)["key"] not in keys]


def test_vectors_stay_in_their_rows_and_removed_ones_are_zero(demo: Demo, tmp_path: Path) -> None:
    output = copy_output(demo, "demo-main", tmp_path)
    removed = some_of_each_shard(output, 3)
    found = [one for one in output.find(removed) if one.embedding_row is not None]
    before, after = output.version("v0001"), output.patch(removed, "tombstone")
    assert found
    for number in {one.index for one in found}:
        gone = {one.embedding_row for one in found if one.index == number}
        for kind in ("img_emb", "text_emb"):
            path = f"{kind}/{kind}_{number}.npy"
            was, now = np.load(before.delivery / path), np.load(after.delivery / path)
            assert was.shape == now.shape
            for row in range(len(was)):
                expected = np.zeros_like(was[row]) if row in gone else was[row]
                assert now[row].tobytes() == expected.tobytes()


@pytest.mark.parametrize("way", ["patch", "tombstone"])
def test_nothing_removed_is_left_anywhere(demo: Demo, tmp_path: Path, way: Any) -> None:
    output = copy_output(demo, "demo-main", tmp_path)
    removed = some_of_each_shard(output, 5)
    found = output.find(removed)
    before = output.version("v0001")
    rows = {row["key"]: row for shard in before.samples for row in table(before, shard)}
    others = [row for key, row in rows.items() if key not in {one.key for one in found}]
    wanted: dict[str, bytes] = {}
    for one in found:
        row = rows[one.key]
        for name in ("key", "asset", "media_sha256", "decision_sha256"):
            if all(row[name] != other[name] for other in others):
                wanted[f"{name} of {one.key}"] = row[name].encode()
        for name in ("caption", "title"):
            if len(row[name]) > 12 and not any(row[name] in str(other) for other in others):
                wanted[f"{name} of {one.key}"] = row[name].encode()
        tar = (before.delivery / "shards" / f"{one.shard}.tar").read_bytes()
        media = tar[row["media_offset"] : row["media_offset"] + row["media_length"]]
        for at in (len(media) // 3, len(media) // 2):
            wanted[f"bytes from {at} of {one.key}"] = media[at : at + 48]
    kept = contents(before)
    missing = [what for what, data in wanted.items() if data not in kept]
    assert missing == [] and len(wanted) > 20  # the search would find them
    left = contents(output.patch(removed, way))
    assert [what for what, data in wanted.items() if data in left] == []


def contents(version: Version) -> bytes:
    """Everything in a delivery, tables decompressed."""
    found = []
    for path in sorted(version.delivery.rglob("*")):
        if path.suffix == ".parquet":
            rows = pq.read_table(path).to_pylist()
            found += [str(value).encode() for row in rows for value in row.values()]
        elif path.is_file():
            found.append(path.read_bytes())
    return b"\n".join(found)


def test_damage_of_a_tombstone_is_named(demo: Demo, tmp_path: Path) -> None:
    output = copy_output(demo, "demo-main", tmp_path)
    removed = some_of_each_shard(output, 5)
    one = output.find(removed)[0]
    after = output.patch(removed, "tombstone")
    path = after.delivery / "shards" / f"{one.shard}.tar"
    data = bytearray(path.read_bytes())
    data[one.members[0].offset + 100] = 0
    path.write_bytes(data)
    report = verify_delivery(str(after.delivery), (after.manifest["vkey"],))
    named = {problem.member for problem in report.problems if problem.path == f"shards/{path.name}"}
    assert f"__removed-{one.index:05d}-{one.row:05d}__" in named


def test_a_patch_of_a_tombstoned_version_clears_it(demo: Demo, tmp_path: Path) -> None:
    output = copy_output(demo, "demo-main", tmp_path)
    assets = some_of_each_shard(output, 5)
    first, last = assets[:-1], assets[-1:]
    output.patch(first, "tombstone")
    again = output.patch(last, "tombstone", "v0002", ["n-2"])
    check_sound(again)
    rest = output.assets("v0003")
    patched = output.patch(rest[::3], "patch", "v0003", ["n-3"])
    check_sound(patched)
    assert {row["asset_id"] for row in patched.ledger} == set(rest) - set(rest[::3])
    for shard in patched.manifest["patches"]["shards"]:
        if shard in patched.samples:
            assert {row["status"] for row in table(patched, shard)} == {"success"}
