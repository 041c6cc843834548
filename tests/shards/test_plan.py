"""The shard plan: every sample in one shard, none empty, whatever the order."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from pipelines.layout import asset_hash
from pipelines.media.phash import Look
from pipelines.selection.dedupe import Candidate
from pipelines.shards.plan import plan_shards


def candidate(asset_id: str, family: str = "jpg", size: int = 1000, at: int = -1) -> Candidate:
    value = asset_hash(asset_id) if at < 0 else at
    return Candidate(asset_id, value, 0, "", family, None, 512, size, Look("", ""))


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
def test_a_plan_is_a_partition(chosen: list[Candidate], target: int, dice: random.Random) -> None:
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


@given(CHOSEN, st.integers(10_000, 1_000_000))
def test_no_shard_is_far_above_its_size(chosen: list[Candidate], target: int) -> None:
    for shard in plan_shards("deal", chosen, target):
        sizes = [item.bytes + 8_192 for item in shard.samples]
        if max(sizes) > target:
            assert len(sizes) == 1
        else:
            assert sum(sizes) <= 1.5 * target


def test_a_very_large_film_is_alone() -> None:
    films = [candidate(f"a{n}", "mp4", 9_000_000 if n == 20 else 50_000) for n in range(40)]
    planned = plan_shards("d", films, 4_000_000)
    sizes = [[item.bytes for item in shard.samples] for shard in planned]
    assert [9_000_000] in sizes and len(planned) == 2


def test_hashes_that_meet_stay_together() -> None:
    planned = plan_shards("d", [candidate(f"a{n}", at=7) for n in range(9)], 10_000)
    assert len(planned) == 1


def test_numbers_of_a_family_have_no_gap() -> None:
    planned = plan_shards("d", [candidate(f"a{n}") for n in range(40)], 20_000)
    assert [item.spec.name for item in planned] == [f"d-jpg-{n:05d}" for n in range(len(planned))]
    assert len(planned) > 5


def test_the_ends_of_the_hash_range_have_their_place() -> None:
    ends = [candidate("first", at=0), candidate("last", at=2**64 - 1)]
    planned = plan_shards("d", ends, 1)
    assert [[item.asset_id for item in shard.samples] for shard in planned] == [["first"], ["last"]]


def test_sizes_are_near_the_target() -> None:
    target = 100 * (100_000 + 8_192)
    planned = plan_shards("d", [candidate(f"a{n}", size=100_000) for n in range(5_000)], target)
    sizes = [sum(item.bytes + 8_192 for item in shard.samples) for shard in planned]
    assert len(planned) == 50
    assert all(0.4 < size / target <= 1.5 for size in sizes), sorted(sizes)


def test_one_shard_where_all_fits() -> None:
    planned = plan_shards("d", [candidate(f"a{n}") for n in range(100)], 2**30)
    assert len(planned) == 1
    assert plan_shards("d", [], 2**30) == []
