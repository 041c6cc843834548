"""Looks up positions of texts and of pairs in tables that are built once and used by every batch.

The table is built once, the values of a batch are hashed in numpy straight from Arrow's buffers,
and an answer costs the same beside a thousand texts as beside ten million, but for the memory it
touches: mostly one line of the processor's cache for a text that is not there. Screening 5 million
assets takes 1.54 times the processor time with `pandas.Index`, which makes a Python string of every
id, and 3.38 times with Arrow's `index_in`, which builds its hash table at every call
(docs/performance.md, `python -m tests.bench.lookup`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.text_hashes import (
    CHUNK_ROWS,
    HALF_WORD_BITS,
    IntArray,
    TextBuffer,
    WordArray,
    hash_in_chunks,
    hash_texts,
    new_secret,
    text_buffer,
    texts_equal,
    with_size,
)
from pipelines.storage.columns import Column, without_dictionary

_NO_KEY = np.uint64(2**64 - 1)  # larger than any key; every walk ends at it
_SLOTS_A_TEXT = 2
_MAX_HOMES = 2**32 - 1


class StringIndex:
    """Known texts, to be looked up exactly. Nulls match nothing; of two alike the first counts.

    Whole texts are compared, so that results never depend on the hash or its secret. The secret
    keeps anybody from choosing ids that collide. An index is read-only: forked processes share its
    memory, and it can be pickled.

    Args:
        known: Strings, nulls among them if need be.
        secret: 256 bytes behind the hash; drawn afresh if not given.
    """

    def __init__(self, known: Column | pa.ChunkedArray[Any], secret: bytes | None = None) -> None:
        if isinstance(known, pa.ChunkedArray):
            known = pa.concat_arrays(known.cast(pa.large_string()).chunks or [_NO_TEXTS])
        known = without_dictionary(known)
        self._secret = new_secret() if secret is None else secret
        self._size = len(known)
        # Where nulls are left out, the positions of the others.
        self._valid_positions: IntArray | None = None
        if known.null_count:
            self._valid_positions = np.flatnonzero(
                pc.is_valid(known).to_numpy(zero_copy_only=False)
            )
            known = known.drop_null()
        self._known_texts = with_size(text_buffer(known))
        self._build_slots()

    def _build_slots(self) -> None:
        """Puts the keys of the texts into slots, in the order of their hashes.

        A key is the top bits of a hash, a 0, and below them the position: one look finds a hash and
        whose it is, and of texts alike the first comes first. Its home is the share of the slots
        that its hash is of all hashes; it is there, or behind smaller keys without a gap.
        """
        texts = self._known_texts
        bits = max(1, (len(texts) - 1).bit_length())
        self._position_mask = np.uint64(2**bits - 1)
        self._hash_mask = np.uint64(2**64 - 2 ** (bits + 1))
        keys = self._sorted_keys()
        repeated = self._repeated_keys(keys)
        if len(repeated):
            keys = np.delete(keys, repeated)
        self._homes = np.uint64(min(_SLOTS_A_TEXT * len(keys) + 1, _MAX_HOMES))
        # Behind the last home is room for every key; those that go there leave no gap. What is not
        # used of it is never touched, so that it takes no memory.
        homes = int(self._homes)
        slots = np.empty(homes + len(keys) + 1, np.uint64)
        slots[:homes] = _NO_KEY
        free = 0
        for _, chunk in _chunks(keys):
            order = np.arange(len(chunk))
            at = self._home(chunk & self._hash_mask)
            at -= order
            at[:1] = np.maximum(at[:1], free)
            np.maximum.accumulate(at, out=at)
            at += order
            slots[at] = chunk
            free = int(at[-1]) + 1
        end = max(homes, free)
        slots[end] = _NO_KEY
        self._slots = slots[: end + 1]

    def _sorted_keys(self) -> WordArray:
        """The key of every text, in ascending order."""
        keys = np.empty(len(self._known_texts), np.uint64)
        hash_in_chunks(self._known_texts, self._secret, keys)
        for start, chunk in _chunks(keys):
            chunk &= self._hash_mask
            chunk |= np.arange(start, start + len(chunk), dtype=np.uint64)
        keys.sort()
        return keys

    def _home(self, hashes: WordArray) -> IntArray:
        """The slot at which the search for each hash begins."""
        homes = hashes >> HALF_WORD_BITS
        homes *= self._homes
        homes >>= HALF_WORD_BITS
        return homes.view(np.int64)

    def _repeated_keys(self, keys: WordArray) -> IntArray:
        """Where a key is of the same text as the one before, so that no walk is long for them."""
        repeated = [np.zeros(0, np.int64)]
        for start, _ in _chunks(keys):
            chunk = keys[start : start + CHUNK_ROWS + 1]
            at = np.flatnonzero((chunk[1:] ^ chunk[:-1]) <= self._position_mask) + start + 1
            rows, before = ((keys[i] & self._position_mask).view(np.int64) for i in (at, at - 1))
            repeated.append(at[texts_equal(self._known_texts, rows, self._known_texts, before)])
        return np.concatenate(repeated)

    def __len__(self) -> int:
        return self._size

    def positions(self, values: Column) -> IntArray:
        """Position of each value among the known texts, or -1."""
        if isinstance(values, pa.DictionaryArray) and len(values) < len(values.dictionary):
            values = values.dictionary_decode()
        if isinstance(values, pa.DictionaryArray):
            places = self.positions(values.dictionary)
            codes = values.indices.cast(pa.int64()).fill_null(len(places))
            found: IntArray = np.append(places, -1)[codes.to_numpy(zero_copy_only=False)]
            return found
        found = np.full(len(values), -1, np.int64)
        if len(self._known_texts) == 0 or pa.types.is_null(values.type):
            return found
        texts = text_buffer(values)
        for start in range(0, len(texts), CHUNK_ROWS):
            chunk = texts.rows(start, min(start + CHUNK_ROWS, len(texts)))
            self._write_positions(chunk, found[start : start + len(chunk)])
        if values.null_count:
            found[pc.is_null(values).to_numpy(zero_copy_only=False)] = -1
        return found

    def _write_positions(self, texts: TextBuffer, found: IntArray) -> None:
        """Writes the positions of texts to `found`."""
        hashes = hash_texts(texts, self._secret) & self._hash_mask
        at = self._home(hashes)
        keys = self._slots[at]
        rows = np.flatnonzero(keys < hashes)
        while len(rows):
            at[rows] += 1
            further = self._slots[at[rows]]
            keys[rows] = further
            rows = rows[further < hashes[rows]]
        rows = np.flatnonzero((keys ^ hashes) <= self._position_mask)
        keys = keys[rows]
        while len(rows):
            candidates = (keys & self._position_mask).view(np.int64)
            same = texts_equal(texts, rows, self._known_texts, candidates)
            found[rows[same]] = candidates[same]
            rows = rows[~same]  # texts whose hashes begin alike: the next may be the one
            at[rows] += 1
            keys = self._slots[at[rows]]
            same_hash = (keys ^ hashes[rows]) <= self._position_mask
            rows, keys = rows[same_hash], keys[same_hash]
        if self._valid_positions is not None:
            is_known = found >= 0
            found[is_known] = self._valid_positions[found[is_known]]


class PairIndex:
    """Known pairs of positions, to be looked up.

    Args:
        left: First positions, none negative, [n].
        right: Second positions, none negative, [n].

    Attributes:
        timelines: The number of each given pair among the different ones, [n].
    """

    def __init__(self, left: IntArray, right: IntArray) -> None:
        self._right_count = int(right.max(initial=0)) + 1
        self._known, self.timelines = np.unique(
            left * self._right_count + right, return_inverse=True
        )

    def __len__(self) -> int:
        return len(self._known)

    def positions(self, left: IntArray, right: IntArray) -> IntArray:
        """The number of each pair, or -1 where it is not known or one side of it is -1."""
        found = np.full(len(left), -1, np.int64)
        valid_rows = np.flatnonzero((left >= 0) & (right >= 0) & (right < self._right_count))
        keys = left[valid_rows] * self._right_count + right[valid_rows]
        at = np.searchsorted(self._known, keys)
        valid_rows, at, keys = valid_rows[at < len(self)], at[at < len(self)], keys[at < len(self)]
        same = self._known[at] == keys
        found[valid_rows[same]] = at[same]
        return found


def _chunks(keys: WordArray) -> Iterator[tuple[int, WordArray]]:
    """Where each piece of the keys begins, and the piece: what is made of one is small."""
    for start in range(0, len(keys), CHUNK_ROWS):
        yield start, keys[start : start + CHUNK_ROWS]


_NO_TEXTS = pa.array([], pa.large_string())
