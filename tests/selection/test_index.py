"""Bands find near pairs; in a crowd, the nearest and the first."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.selection.bands import Looks, Pairs, near_looks
from pipelines.selection.near import NEAR

_Hashes = npt.NDArray[np.uint64]


def looks_of(hashes: _Hashes, brightness: int = 100) -> Looks:
    count = len(hashes)
    greys = np.full((count, 16), brightness, np.uint8)
    return Looks(hashes, greys, np.zeros((count, 16, 2), np.int16), np.ones(count, np.bool_))


def hashes_of(values: list[int]) -> _Hashes:
    data = b"".join(value.to_bytes(32, "big") for value in values)
    return np.frombuffer(data, np.uint64).reshape(-1, 4)


def copied(hashes: _Hashes, dice: np.random.Generator, share: float) -> _Hashes:
    """Hashes of which each bit is changed in a share of the cases."""
    flips = np.packbits(dice.random((len(hashes), 256)) < share, axis=1).view(np.uint64)
    changed: _Hashes = hashes ^ flips
    return changed


def every_pair(looks: Looks) -> Pairs:
    late, early = np.tril_indices(len(looks), -1)
    return looks.near(early, late, NEAR)


def as_set(pairs: Pairs) -> set[tuple[int, int, int]]:
    rows = zip(pairs.early.tolist(), pairs.late.tolist(), pairs.bits.tolist(), strict=True)
    return set(rows)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 96))
def test_every_near_pair_of_a_few_is_found(seed: int, size: int) -> None:
    dice = np.random.default_rng(seed)
    some = dice.integers(0, 2**64, (max(1, size // 8), 4), np.uint64)
    looks = looks_of(copied(some[dice.integers(0, len(some), size)], dice, 0.15))
    assert as_set(near_looks(looks, NEAR, size)) == as_set(every_pair(looks))


@pytest.mark.parametrize(("share", "least"), [(0.03, 0.999), (0.12, 0.9)])
def test_nearly_every_near_pair_of_many_is_found(share: float, least: float) -> None:
    dice = np.random.default_rng(1)
    hashes = dice.integers(0, 2**64, (12_000, 4), np.uint64)
    hashes[10_000:11_000] = copied(hashes[:1_000], dice, share)
    found = near_looks(looks_of(hashes), NEAR, 8)
    due = {(at, at + 10_000) for at in range(1_000)}
    right = due & set(zip(found.early.tolist(), found.late.tolist(), strict=True))
    assert len(right) >= least * len(due)
    assert as_set(found) == as_set(looks_of(hashes).near(found.early, found.late, NEAR))


def test_copies_are_found_among_pages_whose_low_bits_are_alike() -> None:
    dice = np.random.default_rng(2)
    layout = dice.integers(0, 2**64, (1, 4), np.uint64)
    pages = copied(np.repeat(layout, 2_500, axis=0), dice, 0.2)
    pages[2_000:] = copied(pages[:500], dice, 0.02)
    found = near_looks(looks_of(pages), NEAR, 8)
    pairs = set(zip(found.early.tolist(), found.late.tolist(), strict=True))
    assert sum((at, at + 2_000) in pairs for at in range(500)) >= 495


def test_a_crop_is_found_by_its_colours() -> None:
    """A quarter of its bits differ: too many to share many first bits with its original."""
    dice = np.random.default_rng(3)
    count, copies = 10_000, 300
    hashes = dice.integers(0, 2**64, (count, 4), np.uint64)
    hashes[-copies:] = copied(hashes[:copies], dice, 0.22)
    slopes = dice.normal(0, 12, (count, 16)) + dice.uniform(40, 215, (count, 1))
    slopes[-copies:] = slopes[:copies] + dice.normal(0, 4, (copies, 16))
    tints = np.repeat(dice.normal(0, 25, (count, 1, 2)), 16, axis=1)
    tints[-copies:] = tints[:copies] + dice.normal(0, 2, (copies, 1, 2))
    brightness, colours = slopes.clip(0, 255).astype(np.uint8), tints.astype(np.int16)
    looks = Looks(hashes, brightness, colours, np.zeros(count, np.bool_))
    found = near_looks(looks, NEAR, 8)
    originals = np.arange(copies)
    due = as_set(looks.near(originals, originals + count - copies, NEAR))
    assert len(due) > copies / 2
    assert len(due & as_set(found)) >= 0.95 * len(due)


def test_in_a_crowd_the_nearest_and_the_first_are_found() -> None:
    dice = random.Random(7)
    bits = [sum(1 << at for at in dice.sample(range(256), 20)) for _ in range(90)]
    found = near_looks(looks_of(hashes_of(bits)), NEAR, 4)
    late = len(bits) - 1
    of_last = found.late == late
    to_last = sorted((bits[at] ^ bits[late]).bit_count() for at in range(late))
    assert set(found.early[of_last].tolist()) >= {0, 1, 2, 3}
    assert sorted(found.bits[of_last].tolist())[:4] == to_last[:4]
    assert of_last.sum() <= 8


def test_each_of_many_equal_looks_is_near_the_first() -> None:
    found = near_looks(looks_of(hashes_of([5] * 2_000)), NEAR, 8)
    assert set(found.late[found.early == 0].tolist()) == set(range(1, 2_000))
    assert len(found.bits) <= 16 * 2_000


def test_no_looks_have_no_pairs() -> None:
    assert len(near_looks(looks_of(hashes_of([])), NEAR, 8).bits) == 0
