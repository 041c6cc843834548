"""The look-ups of texts and pairs, compared with Arrow's look-up and Python's dictionaries."""

from __future__ import annotations

import multiprocessing
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.rights.lookup import _NO_KEY, PairIndex, StringIndex
from pipelines.rights.text_hashes import CHUNK_ROWS, hash_column
from pipelines.storage.columns import Column, join_text

# All multipliers become 1 and all masks 0, so that texts with swapped words have equal hashes.
PLAIN = bytes(256)
LETTERS = st.text(st.sampled_from("ab\0é漢😀"), max_size=12)
LONG = st.builds(lambda piece, times: piece * times, LETTERS, st.integers(1, 60))
TEXTS = st.lists(st.none() | LETTERS | LONG | st.text(max_size=40), max_size=40)
TYPES = st.sampled_from([pa.string(), pa.large_string()])


def by_arrow(values: Column, known: Column) -> list[int]:
    """Returns Arrow's answer, in which, unlike ours, nulls match nulls."""
    known = known.cast(pa.large_string())
    found = pc.index_in(values.cast(pa.large_string()), value_set=known)
    found = pc.if_else(pc.is_valid(values), found, -1)
    return list(pc.fill_null(found, -1).to_pylist())


def looked_up(
    values: Column, known: Column | pa.ChunkedArray[Any], secret: bytes | None = None
) -> list[int]:
    return [int(at) for at in StringIndex(known, secret).positions(values)]


def stored_keys(index: StringIndex) -> npt.NDArray[np.uint64]:
    keys: npt.NDArray[np.uint64] = index._slots[index._slots != _NO_KEY]
    return keys


def strings(*texts: str | None) -> Column:
    return pa.array(texts, pa.string())


@pytest.mark.long
@settings(max_examples=400)
@given(TEXTS, TEXTS, TYPES, TYPES, st.data())
def test_lookup_agrees_with_arrow(
    known: list[str | None],
    values: list[str | None],
    known_type: pa.DataType,
    value_type: pa.DataType,
    data: st.DataObject,
) -> None:
    values = values + data.draw(st.lists(st.sampled_from(known), max_size=20) if known else TEXTS)
    table, asked = pa.array(known, known_type), pa.array(values, value_type)
    start = data.draw(st.integers(0, len(known)))
    first = data.draw(st.integers(0, len(values)))
    table, asked = table.slice(start), asked.slice(first, max(0, len(values) - 2 * first))
    expected = by_arrow(asked, table)
    assert looked_up(asked, table) == expected
    assert looked_up(asked, table, PLAIN) == expected
    assert looked_up(asked.dictionary_encode(), table) == expected
    halves = pa.chunked_array([table[: len(table) // 2], table[len(table) // 2 :]])
    assert looked_up(asked, halves) == expected


def test_lookup_of_many_texts() -> None:
    rng = np.random.default_rng(5)
    known = join_text("id-", pa.array(rng.permutation(50_000)).cast(pa.string()), "")
    values = join_text("id-", pa.array(rng.integers(0, 80_000, 70_000)).cast(pa.string()), "")
    expected = by_arrow(values, known)
    assert -1 in expected
    assert looked_up(values, known) == expected
    assert looked_up(values, known, PLAIN) == expected


def test_a_text_is_not_found_as_a_longer_one_of_the_same_hash_that_begins_with_it() -> None:
    # The word behind it adds as much to the hash as its eight bytes take away.
    added = 2**64 - 8
    word = (added ^ (added >> 32)) * pow(0x9E3779B97F4A7C15, -1, 2**64) % 2**64
    texts = pa.array([b"asset-01", b"asset-01" + word.to_bytes(8, "little")]).view(pa.string())
    short, long = texts[:1], texts[1:]
    hashes = hash_column(texts, PLAIN)
    assert hashes[0] == hashes[1]
    assert looked_up(short, long, PLAIN) == looked_up(long, short, PLAIN) == [-1]


def test_texts_with_equal_hashes_are_distinguished() -> None:
    # Two words have the same sum in either order unless they have secret weights.
    known = [f"{n:08d}{m:08d}" for n in range(30) for m in range(30)]
    values = [text[8:] + text[:8] for text in known] + [f"{n:08d}{99:08d}" for n in range(30)]
    index = StringIndex(strings(*known), PLAIN)
    place = {text: n for n, text in enumerate(known)}
    expected = [place.get(text, -1) for text in values]
    assert index.positions(strings(*values)).tolist() == expected
    shared = len(known) - len(np.unique(stored_keys(index) & index._hash_mask))
    assert shared >= 400  # otherwise this test proves nothing


def test_first_of_repeated_texts_counts() -> None:
    known = strings("b", None, "a", "b", "a", "c" * 500, "c" * 500)
    assert looked_up(strings("a", "b", "c" * 500, None, "d"), known) == [2, 0, 5, -1, -1]
    many = StringIndex(strings(*["x", "y"] * 20_000))
    assert many.positions(strings("y", "x", "z")).tolist() == [1, 0, -1]
    assert len(many) == 40_000
    assert len(stored_keys(many)) == 2  # x and y; repetitions are not stored


def test_empty_lookups() -> None:
    assert looked_up(strings("a", ""), strings()) == [-1, -1]
    assert looked_up(strings("a"), pa.chunked_array([], pa.string())) == [-1]
    assert looked_up(strings("a"), pa.nulls(2, pa.string())) == [-1]
    assert looked_up(strings(), strings("a")) == []
    assert looked_up(pa.nulls(2), strings("a")) == [-1, -1]
    assert looked_up(strings("", None), strings("")) == [0, -1]


@pytest.mark.parametrize("size", [7, 8, 9, 15, 16, 17, 127, 128, 129, 10_000])
def test_last_byte_and_length_are_compared(size: int) -> None:
    text = "x" * size
    others = [text[:-1], text[:-1] + "y", text + "x", text + "\0", "y" + text[1:]]
    known = strings(*["short"] * 3, text)
    assert looked_up(strings(*others, text), known) == [-1] * 5 + [3]
    assert looked_up(strings(text), strings(*others)) == [-1]


def test_values_behind_nulls_are_ignored() -> None:
    # An array may still contain a text under a null.
    kept = pa.Array.from_buffers(
        pa.string(),
        2,
        [
            pa.py_buffer(b"\x02"),
            pa.py_buffer(np.array([0, 1, 2], np.int32).tobytes()),
            pa.py_buffer(b"ab"),
        ],
    )
    assert kept.to_pylist() == [None, "b"]
    assert looked_up(kept, strings("a", "b")) == [-1, 1]
    assert looked_up(strings("a", "b"), kept) == [-1, 1]


def test_lookup_works_after_pickling_and_forking() -> None:
    known = strings(*(f"asset-{n}" for n in range(10_000)))
    index = StringIndex(known)
    values = strings("asset-77", "asset-x", "asset-9999")
    again = pickle.loads(pickle.dumps(index))
    assert again.positions(values).tolist() == [77, -1, 9_999]
    assert len(again) == 10_000
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(_Asked(index), [["asset-1"], ["nobody"], ["asset-2"]])
    assert found == [[1], [-1], [2]]


class _Asked:
    def __init__(self, index: StringIndex) -> None:
        self._index = index

    def __call__(self, texts: list[str]) -> list[int]:
        return list(self._index.positions(strings(*texts)))


SMALL = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=30)


@given(SMALL, st.lists(st.tuples(st.integers(-1, 8), st.integers(-1, 8)), max_size=30))
def test_pair_lookup_agrees_with_a_dictionary(
    known: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    index = PairIndex(*_columns(known))
    numbers = {pair: n for n, pair in enumerate(sorted(set(known)))}
    assert len(index) == len(numbers)
    assert index.timelines.tolist() == [numbers[pair] for pair in known]
    assert index.positions(*_columns(asked)).tolist() == [numbers.get(pair, -1) for pair in asked]


def _columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def test_a_second_position_beyond_all_known_is_no_pair_of_the_next_first_one() -> None:
    pairs = PairIndex(np.array([0, 1]), np.array([1, 0]))
    assert pairs.positions(np.array([0, 0, 0]), np.array([2, 3, 1])).tolist() == [-1, -1, 0]


def test_each_of_many_keys_has_a_slot_of_its_own() -> None:
    """Slots are filled a piece at a time, and a piece may begin where the one before ends."""
    count = 20 * CHUNK_ROWS + 1
    known = pa.array([f"id-{i * i}" for i in range(count)])
    index = StringIndex(known)
    assert len(stored_keys(index)) == count
    assert np.array_equal(index.positions(known), np.arange(count))
