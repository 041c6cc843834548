"""The index of looks finds every near pair; in a crowd, the nearest and the first."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.media.phash import NEAR_BITS
from pipelines.selection.dedupe import bytes_of
from pipelines.selection.perceptual_index import PerceptualIndex
from tests.media.near import hamming, is_near
from tests.selection.candidates import COLOURS, Candidate, candidate, look, table_of
from tests.selection.test_dedupe import crowd


def pairs_of(ranked: list[Candidate], most: int) -> dict[tuple[int, int], int]:
    table = table_of(ranked)
    hashes, colours = bytes_of(table["phash"], np.uint64), bytes_of(table["colour"], np.uint8)
    found = PerceptualIndex(hashes, colours).pairs(most)
    pairs = zip(found.early.tolist(), found.late.tolist(), strict=True)
    return dict(zip(pairs, found.bits.tolist(), strict=True))


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 160))
def test_every_near_pair_is_found(seed: int, size: int) -> None:
    ranked = crowd(random.Random(seed), size)
    due = {
        (early, late): hamming(ranked[early].look.phash, ranked[late].look.phash)
        for late in range(size)
        for early in range(late)
        if is_near(ranked[early].look, ranked[late].look)
    }
    assert pairs_of(ranked, size) == due


def test_in_a_crowd_the_nearest_and_the_first_are_found() -> None:
    dice = random.Random(7)
    bits = [sum(1 << at for at in dice.sample(range(NEAR_BITS), 20)) for _ in range(300)]
    ranked = [candidate(f"a{at:03d}", look(one, bytes(COLOURS))) for at, one in enumerate(bits)]
    found = pairs_of(ranked, 4)
    late = len(bits) - 1
    to_last = sorted((bits[at] ^ bits[late]).bit_count() for at in range(late))
    assert {early for early, other in found if other == late} >= {0, 1, 2, 3}
    assert sorted(found[pair] for pair in found if pair[1] == late)[:4] == to_last[:4]
    assert sum(other == late for _, other in found) <= 8


def test_an_empty_index_has_no_pairs() -> None:
    assert pairs_of([], 8) == {}
