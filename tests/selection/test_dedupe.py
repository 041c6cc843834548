"""Duplicates: the fast search finds what a comparison of all pairs finds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.media.looks import LOOK_BYTES
from pipelines.media.phash import NEAR_BITS, NEAR_COLOUR
from pipelines.selection import dedupe
from pipelines.selection.near import NEAR, choose_kept, near_pairs
from pipelines.selection.perceptual_index import NO_MATCH, Indices
from schemas.unit import UNIT_SCHEMA
from tests.selection.candidates import (
    BITS,
    COLOURS,
    AllAgree,
    Candidate,
    candidate,
    flipped,
    is_possible,
    look,
    near_duplicates_by_pairs,
    shifted,
    table_of,
)


def near_duplicates(ranked: Sequence[Candidate]) -> dict[str, str]:
    order = np.arange(len(ranked))
    pairs = near_pairs(table_of(ranked), order, AllAgree(ranked))
    originals = choose_kept(order, pairs, ()).originals
    found = zip(ranked, originals, strict=True)
    return {item.asset_id: ranked[pair.kept].asset_id for item, pair in found if pair}


def exact_duplicates(ranked: Sequence[Candidate]) -> dict[str, str]:
    return by_id(ranked, dedupe.exact_duplicates(table_of(ranked), np.arange(len(ranked))))


def by_id(ranked: Sequence[Candidate], originals: Indices) -> dict[str, str]:
    pairs = zip(ranked, originals.tolist(), strict=True)
    return {item.asset_id: ranked[at].asset_id for item, at in pairs if at != NO_MATCH}


MOST_BITS, MOST_LOW = NEAR.bits[0]
MOST_BITS_OF_A_CROP, MOST_LOW_OF_A_CROP = NEAR.bits[1]


def crowd(
    dice: random.Random, size: int, near: int = NEAR_BITS, most: int = NEAR_COLOUR
) -> list[Candidate]:
    """Returns looks around a few centres, on both sides of the threshold, and chains of them."""
    found: list[Candidate] = []
    centres = [(dice.getrandbits(BITS), dice.randbytes(COLOURS)) for _ in range(max(1, size // 8))]
    for number in range(size):
        bits, colour = dice.choice(centres)
        bits = flipped(dice, bits, dice.choice([0, 1, near // 2, near, near + 1]))
        max_shift = dice.choice([0, 1, most // 2, most, most + 1])
        colour = shifted(dice, colour, max_shift)
        if dice.random() < 0.3:
            # A chain: the next look may be near this one but not the first.
            centres.append((bits, colour))
        found.append(candidate(f"a{number:04d}", look(bits, colour)))
    return found


@pytest.mark.long
@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 90))
def test_search_finds_all_near_duplicates(seed: int, size: int) -> None:
    ranked = crowd(random.Random(seed), size, MOST_BITS, NEAR.brightness)
    assert near_duplicates(ranked) == near_duplicates_by_pairs(ranked)


@pytest.mark.long
def test_search_over_many_candidates() -> None:
    """In bands, hardly one is missed, though many are as far from one another as can be."""
    ranked = crowd(random.Random(5), 1_000, MOST_BITS, NEAR.brightness)
    found = near_duplicates(ranked)
    due = near_duplicates_by_pairs(ranked)
    print(len(set(found) ^ set(due)), len(due), sum(found.get(k) != v for k, v in due.items()))
    assert 100 < len(found) < 900


@pytest.mark.parametrize("kinds", [1, 3, 200])
def test_one_of_many_identical_pictures_is_kept(kinds: int) -> None:
    """Looks that no colour separates are compared directly, and one of each is kept."""
    dice = random.Random(kinds)
    bits = [dice.getrandbits(BITS) for _ in range(kinds)]
    grey = bytes([120]) * COLOURS
    ranked = [candidate(f"a{at:04d}", look(bits[at % kinds], grey)) for at in range(400)]
    found = near_duplicates(ranked)  # once, since it compares hundreds of pairs closely
    assert found == near_duplicates_by_pairs(ranked)
    assert len(found) >= 400 - kinds  # two of 200 may be near by chance


@pytest.mark.parametrize(
    ("bits", "low", "shift", "near"),
    [
        (MOST_BITS, MOST_LOW, NEAR.brightness, True),
        (MOST_BITS, MOST_LOW + 1, 0, False),
        (MOST_BITS + 1, MOST_LOW, 0, False),
        (MOST_BITS_OF_A_CROP, MOST_LOW_OF_A_CROP, NEAR.brightness, True),
        (MOST_BITS_OF_A_CROP, MOST_LOW_OF_A_CROP + 1, 0, False),
        (MOST_BITS_OF_A_CROP + 1, 0, 0, False),
        (0, 0, NEAR.brightness + 1, False),
        (0, 0, NEAR.brightness, True),
    ],
)
def test_near_duplicate_thresholds(bits: int, low: int, shift: int, near: bool) -> None:
    dice = random.Random(bits * 100 + shift)
    for _ in range(50):
        greys, at = dice.randbytes(COLOURS // 3), dice.getrandbits(BITS)
        first = look(at, in_grey(greys))
        other = look(flipped(dice, at, bits, low), in_grey(shifted(dice, greys, shift)))
        assert is_possible(first, other) is near
        pair = [candidate("a", first), candidate("b", other)]
        assert near_duplicates(pair) == ({"b": "a"} if near else {})


def test_colours_at_0_and_255() -> None:
    """Colours at 0 and 255, the limits of a byte."""
    for low, high in ((0, NEAR.brightness), (255 - NEAR.brightness, 255)):
        pair = [
            candidate("a", look(7, bytes([low] * COLOURS))),
            candidate("b", look(7, bytes([high] * COLOURS))),
        ]
        assert near_duplicates(pair) == {"b": "a"}


def in_grey(greys: bytes) -> bytes:
    return bytes(level for level in greys for _ in range(3))


@pytest.mark.parametrize(("blue", "near"), [(NEAR.tint, True), (NEAR.tint + 1, False), (0, True)])
def test_a_copy_without_colours_is_near_but_another_colour_is_not(blue: int, near: bool) -> None:
    """All three have one brightness; the second has red and blue, the third only grey."""
    tinted = bytes([150, 92, 100]) * (COLOURS // 3)  # of brightness 110
    other = bytes([150, 92 - round(blue * 114 / 587), 100 + blue]) * (COLOURS // 3)
    looks = [look(7, tinted), look(7, other if blue else in_grey(bytes([110] * 16)))]
    pair = [candidate(name, one) for name, one in zip("ab", looks, strict=True)]
    assert is_possible(*looks) is near
    assert near_duplicates(pair) == ({"b": "a"} if near else {})


def test_chain_of_near_duplicates_keeps_different_pictures() -> None:
    steps = [(1 << count) - 1 for count in (0, 80, 128)]  # bits of high frequencies
    chain = [
        candidate(name, look(bits, bytes(COLOURS))) for name, bits in zip("abc", steps, strict=True)
    ]
    # b is near a, and c is near b only: c is kept, since b is not delivered.
    assert near_duplicates(chain) == {"b": "a"}


def test_no_candidates() -> None:
    assert near_duplicates([]) == {} == exact_duplicates([])


def test_exact_duplicates_keep_the_first() -> None:
    ranked = [candidate(name, media=media) for name, media in zip("abcde", "xyxxy", strict=True)]
    assert exact_duplicates(ranked) == {"c": "a", "d": "a", "e": "b"}


def ranked_ids(*items: Candidate) -> list[str]:
    return [items[at].asset_id for at in dedupe.keep_order(table_of(items)).tolist()]


def test_keep_order_is_by_date_then_id() -> None:
    ranked = [
        candidate("z", created_at=date(2001, 1, 1)),
        candidate("a", created_at=date(2002, 1, 1)),
        candidate("b", created_at=date(2002, 1, 1)),
        candidate("A"),
        candidate("b2"),
        candidate("ä"),
    ]
    shuffled = random.Random(3).sample(ranked, len(ranked))
    assert ranked_ids(*shuffled) == [item.asset_id for item in ranked]


@given(st.lists(st.tuples(st.text(max_size=3), st.none() | st.dates()), unique_by=lambda it: it[0]))
def test_keep_order_of_arbitrary_ids_and_dates(rows: list[tuple[str, date | None]]) -> None:
    items = [candidate(name, created_at=day) for name, day in rows]
    by_hand = sorted(items, key=lambda item: item.rank)
    assert ranked_ids(*items) == [item.asset_id for item in by_hand]


def test_unknown_date_ranks_last() -> None:
    assert ranked_ids(candidate("a"), candidate("b", created_at=date.max)) == ["b", "a"]


# The middle frame of this film shows little, and the first less.
FRAMES = ((1, 9), (2, 60), (3, 200))


def test_hash_of_the_wrong_length_is_an_error() -> None:
    unit = {"asset_id": "a", "hash": 1, "original_sha256": "00" * 32, "format": "jpg"}
    unit |= {"created_at": None, "width": 9, "height": 8, "bytes": 7, "colour": "00" * COLOURS}
    looks = [bytes([frame]) * (LOOK_BYTES - 1) + bytes([contrast]) for frame, contrast in FRAMES]
    unit |= {"place": 6, "owners": "c", "people": [], "looks": looks, "inference": True}
    unit |= {"film_ms": 40, "black_ms": 10, "frozen_ms": 20, "silent_ms": 5, "sound": "decoded"}
    whole = dedupe.candidates_of(pa.Table.from_pylist([{**unit, "phash": "ff" * 32}]), 5)
    assert whole.to_pylist() == [
        {
            "asset_id": "a",
            "hash": 1,
            "unit": 5,
            "media_sha256": bytes(32),
            "family": "jpg",
            "created_at": None,
            "short_side": 8,
            "bytes": 7,
            "phash": b"\xff" * 32,
            "colour": bytes(COLOURS),
            "place": 6,
            "owners": "c",
            "people": [],
            "look_hash": b"\x03" * 32,
            "look_colour": b"\x03" * COLOURS,
            "contrast": 200,
            "inference": True,
            "shows_elsewhere": False,
            "black_bp": 2500,
            "frozen_bp": 5000,
            "silent_bp": 1250,
        }
    ]
    with pytest.raises(ValueError, match="not of 32 bytes"):
        dedupe.candidates_of(pa.Table.from_pylist([{**unit, "phash": "ff" * 31}]), 5)


@pytest.mark.parametrize("chunks", [0, 1])
def test_unit_without_assets_has_no_candidates(chunks: int) -> None:
    """Enrichment may refuse a whole unit; Parquet readers give an empty column in either form."""
    empty = [
        pa.chunked_array([pa.array([], kind)] * chunks, kind)
        for kind in (UNIT_SCHEMA.field(name).type for name in dedupe.UNIT_COLUMNS)
    ]
    found = dedupe.candidates_of(pa.table(empty, dedupe.UNIT_COLUMNS), 5)
    assert found.schema.equals(dedupe.CANDIDATES_SCHEMA)
    assert len(found) == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=30))
def test_files_whose_digests_only_begin_alike_are_no_twins(kinds: list[tuple[int, int]]) -> None:
    digests = [bytes([head] * 8 + [0] * 23 + [rest]) for head, rest in kinds]
    table = table_of([candidate(f"a{number}") for number in range(len(kinds))])
    place = table.schema.get_field_index("media_sha256")
    table = table.set_column(place, table.schema.field(place), pa.array(digests, pa.binary(32)))
    ranked = np.arange(len(kinds))[::-1].copy()
    found = dedupe.exact_duplicates(table, ranked)
    first = {digests[at]: at for at in reversed(ranked.tolist())}
    expected = [first[digests[at]] if first[digests[at]] != at else NO_MATCH for at in ranked]
    assert found.tolist() == expected
    shared = {at for at, one in enumerate(kinds) if sum(one[0] == other[0] for other in kinds) > 1}
    assert set(dedupe.possible_twins(table).tolist()) == shared
