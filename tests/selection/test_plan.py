"""The shard plan: every sample is in one shard and no shard is empty, whatever the order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.run.receipts import ShardSpec
from pipelines.selection import plan
from pipelines.selection.plan import _OVERHEAD_BYTES as OVERHEAD
from schemas.layout import asset_hash


class PlanCandidate(NamedTuple):
    """What the plan knows about an asset."""

    asset_id: str
    hash: int
    family: str
    bytes: int


class PlannedCandidates(NamedTuple):
    """A shard with its samples."""

    spec: ShardSpec
    samples: list[PlanCandidate]


KINDS: dict[str, Any] = {"asset_id": pa.string(), "hash": pa.uint64(), "family": pa.string()}
SCHEMA = pa.schema({**KINDS, "bytes": pa.int64()})


def candidate(asset_id: str, family: str = "jpg", size: int = 1000, at: int = -1) -> PlanCandidate:
    return PlanCandidate(asset_id, asset_hash(asset_id) if at < 0 else at, family, size)


def plan_shards(
    deal_id: str, chosen: Sequence[PlanCandidate], target: int
) -> list[PlannedCandidates]:
    table = pa.Table.from_pylist([item._asdict() for item in chosen], schema=SCHEMA)
    return [
        PlannedCandidates(shard.spec, [chosen[row] for row in shard.rows.tolist()])
        for shard in plan.plan_shards(deal_id, table, target)
    ]


CHOSEN = st.lists(
    st.builds(
        candidate,
        st.text(min_size=1, max_size=8),
        st.sampled_from(["jpg", "png", "webp", "mp4"]),
        st.integers(1, 200_000),
    ),
    unique_by=lambda item: item.asset_id,
    max_size=60,
)


@given(CHOSEN, st.integers(1, 1_000_000), st.randoms(use_true_random=False))
def test_plan_is_a_partition(chosen: list[PlanCandidate], target: int, dice: random.Random) -> None:
    planned = plan_shards("deal", chosen, target)
    placed = [item.asset_id for shard in planned for item in shard.samples]
    assert sorted(placed) == sorted(item.asset_id for item in chosen)
    assert all(shard.samples for shard in planned)
    assert [shard.spec.index for shard in planned] == list(range(len(planned)))
    assert len({shard.spec.name for shard in planned}) == len(planned)
    for shard in planned:
        assert {item.family for item in shard.samples} == {shard.spec.family}
        hashes = [item.hash for item in shard.samples]
        assert hashes == sorted(hashes)
        assert shard.spec.name.startswith(f"deal-{shard.spec.family}-")
    shuffled = chosen.copy()
    dice.shuffle(shuffled)
    assert plan_shards("deal", shuffled, target) == planned


def ranges_by_hand(
    items: list[PlanCandidate], low: int, span: int, target: int
) -> list[list[PlanCandidate]]:
    """Returns the ranges that the plan must make, sample by sample: slow but obviously right."""
    pieces = -(-sum(item.bytes + 8_192 for item in items) // target)
    found: dict[int, list[PlanCandidate]] = {}
    for item in items:
        found.setdefault((item.hash - low) * pieces // span, []).append(item)
    shards: list[list[PlanCandidate]] = []
    for at, samples in found.items():
        start, end = -(-at * span // pieces), -(-(at + 1) * span // pieces)
        if 2 * sum(item.bytes + 8_192 for item in samples) > 3 * target and end - start > 1:
            shards += ranges_by_hand(samples, low + start, end - start, target)
        else:
            shards.append(samples)
    return shards


@given(CHOSEN, st.integers(1, 1_000_000))
def test_ranges_equal_the_simple_algorithm(chosen: list[PlanCandidate], target: int) -> None:
    for family in {item.family for item in chosen}:
        ordered = sorted((it for it in chosen if it.family == family), key=lambda it: it.hash)
        shards = [[item] for item in ordered if item.bytes + 8_192 > target]
        others = [item for item in ordered if item.bytes + 8_192 <= target]
        shards += ranges_by_hand(others, 0, 2**64, target)
        planned = plan_shards("deal", chosen, target)
        found = [shard.samples for shard in planned if shard.spec.family == family]
        assert found == sorted(shards, key=lambda samples: samples[0].hash)


@given(CHOSEN, st.integers(10_000, 1_000_000))
def test_no_shard_exceeds_its_size_limit(chosen: list[PlanCandidate], target: int) -> None:
    for shard in plan_shards("deal", chosen, target):
        sizes = [item.bytes + 8_192 for item in shard.samples]
        if max(sizes) > target:
            assert len(sizes) == 1
        else:
            assert sum(sizes) <= 1.5 * target


def test_very_large_film_gets_its_own_shard() -> None:
    films = [candidate(f"a{n}", "mp4", 9_000_000 if n == 20 else 50_000) for n in range(40)]
    planned = plan_shards("d", films, 4_000_000)
    sizes = [[item.bytes for item in shard.samples] for shard in planned]
    assert [9_000_000] in sizes and len(planned) == 2


def test_equal_hashes_stay_in_one_shard() -> None:
    planned = plan_shards("d", [candidate(f"a{n}", at=7) for n in range(9)], 10_000)
    assert len(planned) == 1


def test_shard_numbers_of_a_family_are_consecutive() -> None:
    planned = plan_shards("d", [candidate(f"a{n}") for n in range(40)], 20_000)
    assert [item.spec.name for item in planned] == [f"d-jpg-{n:05d}" for n in range(len(planned))]
    assert len(planned) > 5


def test_smallest_and_largest_hashes_are_planned() -> None:
    ends = [candidate("first", at=0), candidate("last", at=2**64 - 1)]
    planned = plan_shards("d", ends, 1)
    assert [[item.asset_id for item in shard.samples] for shard in planned] == [["first"], ["last"]]


def test_shard_sizes_are_near_the_target() -> None:
    target = 100 * (100_000 + 8_192)
    planned = plan_shards("d", [candidate(f"a{n}", size=100_000) for n in range(5_000)], target)
    sizes = [sum(item.bytes + 8_192 for item in shard.samples) for shard in planned]
    assert len(planned) == 50
    assert all(0.4 < size / target <= 1.5 for size in sizes), sorted(sizes)


def test_samples_that_fit_make_one_shard() -> None:
    planned = plan_shards("d", [candidate(f"a{n}") for n in range(100)], 2**30)
    assert len(planned) == 1
    assert plan_shards("d", [], 2**30) == []


@given(
    sizes=st.lists(st.integers(1, 3_000_000), min_size=1, max_size=60),
    least=st.integers(1, 9),
    equal=st.booleans(),
)
def test_deals_ask_for_shards(sizes: list[int], least: int, equal: bool) -> None:
    """At least so many, of equal counts, and never two splits in one."""
    rows = len(sizes)
    chosen = pa.table(
        {
            "hash": pa.array(
                [(at * 0x9E3779B97F4A7C15) % 2**64 for at in range(rows)], pa.uint64()
            ),
            "family": ["jpg"] * rows,
            "bytes": pa.array(sizes, pa.int64()),
            "split": ["validation" if at % 5 == 4 else "train" for at in range(rows)],
        }
    )
    planned = plan.plan_shards("d", chosen, 2_000_000, least, equal)
    assert sorted(row for one in planned for row in one.rows.tolist()) == list(range(rows))
    for split, head in (("train", "d-jpg-0"), ("validation", "d-jpg-val-0")):
        own = [one for one in planned if one.spec.name.startswith(head)]
        counts = [len(one.rows) for one in own]
        assert {chosen["split"][row].as_py() for one in own for row in one.rows.tolist()} <= {split}
        samples = sum(counts)
        assert len(own) >= min(least, samples)
        if equal and samples:
            assert max(counts) - min(counts) <= 1
            assert len(own) % least == 0 or len(own) == samples
    assert [one.spec.index for one in planned] == list(range(len(planned)))


def test_a_removal_changes_one_range_unless_one_less_is_needed() -> None:
    """What docs/removal.md says of packaging again after a removal."""
    chosen = [candidate(f"a-{number}", size=10_000) for number in range(100)]
    need = sum(item.bytes + OVERHEAD for item in chosen)

    def shards(assets: Sequence[PlanCandidate], pieces: int) -> dict[str, list[str]]:
        planned = plan_shards("deal", assets, -(-need // pieces))
        return {one.spec.name: [asset.asset_id for asset in one.samples] for one in planned}

    before = shards(chosen, 5)
    after = shards(chosen[1:], 5)
    assert before.keys() == after.keys() and len(before) == 5
    assert sum(before[name] != after[name] for name in before) == 1
    fewer = shards(chosen[30:], 5)
    assert len(fewer) == 4
    kept = {item.asset_id for item in chosen[30:]}
    left = {name: [one for one in before[name] if one in kept] for name in before}
    assert all(assets not in fewer.values() for assets in left.values())
