"""Looks up positions of texts and of pairs in tables that are built once and used by every batch.

The table is built once, the values of a batch are hashed in numpy straight from Arrow's buffers,
and an answer costs the same beside a thousand texts as beside ten million, but for the memory it
touches: mostly one line of the processor's cache for a text that is not there. Screening 5 million
assets takes 1.54 times the processor time with `pandas.Index`, which makes a Python string of every
id, and 3.38 times with Arrow's `index_in`, which builds its hash table at every call
(docs/performance.md, `python -m tests.bench.lookup`).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.storage.columns import Column, numbers_in, without_dictionary

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]

_WORD_BYTES = 8  # bytes
_MAX_WORDS = 16  # of a text that is hashed word by word; longer ones are hashed by themselves
_MAX_HASHED_BYTES = _WORD_BYTES * _MAX_WORDS
_MAX_INT64 = np.iinfo(np.int64).max
_CHUNK_ROWS = 8_192  # values at a time: what is worked on stays in the processor's cache
_SECRET_BYTES = 2 * _WORD_BYTES * _MAX_WORDS
_BLAKE_KEY_BYTES = 64  # the most that BLAKE2b takes
_MAKE_ODD = np.uint64(1)
_HALF_WORD_BITS = np.uint64(32)
_MIX_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FINAL_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
_NO_KEY = np.uint64(2**64 - 1)  # larger than any key; every walk ends at it
_SLOTS_A_TEXT = 2
_MAX_HOMES = 2**32 - 1


@dataclass(frozen=True)
class _TextBuffer:
    """Texts one behind another.

    Attributes:
        data: Their UTF-8 bytes, and 8 bytes more so that a word can be read anywhere.
        offsets: Where each begins, and where the last ends, [n + 1].
        size: The size of each in bytes, where it is known that all have the same, so that no offset
            needs to be read; else None.
    """

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.signedinteger]
    size: int | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def rows(self, start: int, stop: int) -> _TextBuffer:
        """The texts from `start` up to `stop`."""
        return _TextBuffer(self.data, self.offsets[start : stop + 1])

    def spans(self, rows: IntArray | slice) -> tuple[IntArray, IntArray]:
        """First byte and length of some texts."""
        if self.size is not None and not isinstance(rows, slice):
            return rows * self.size, np.full(len(rows), self.size)
        starts = self.offsets[:-1][rows].astype(np.int64)
        return starts, self.offsets[1:][rows].astype(np.int64) - starts

    def words(self, at: IntArray) -> WordArray:
        """The 8 bytes that begin at each of the byte positions, as integers."""
        size = len(self.data) - _WORD_BYTES + 1
        return np.ndarray((size,), "<u8", self.data, strides=(1,))[at]

    def regular_words(self, size: int, byte: int) -> WordArray:
        """The 8 bytes that begin at a byte of each text, where all texts have the same size."""
        first = int(self.offsets[0]) + byte
        return np.ndarray((len(self),), "<u8", self.data, first, (size,)).copy()

    def text(self, row: int) -> bytes:
        """One text."""
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes()


def _text_buffer(values: Column) -> _TextBuffer:
    """The texts of an array, nulls included as whatever lies in their place."""
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        values = values.cast(pa.large_string())
    kind: type[np.signedinteger] = np.int32 if pa.types.is_string(values.type) else np.int64
    if len(values) == 0:
        return _TextBuffer(np.zeros(_WORD_BYTES, np.uint8), np.zeros(1, kind))
    _, places, content = values.buffers()
    offset_bytes = values.offset * np.dtype(kind).itemsize
    offsets = numbers_in(places, kind, len(values) + 1, offset_bytes)
    first, last = int(offsets[0]), int(offsets[-1])
    data = np.empty(last - first + _WORD_BYTES, np.uint8)
    data[-_WORD_BYTES:] = 0
    if last > first:
        data[:-_WORD_BYTES] = numbers_in(content, np.uint8, last - first, first)
    return _TextBuffer(data, offsets - offsets[0])


def _with_size(texts: _TextBuffer) -> _TextBuffer:
    """The same texts; if all have one size, as ids often do, that is noted."""
    sizes = np.diff(texts.offsets)
    regular = len(sizes) > 0 and sizes.min() == sizes.max()
    return replace(texts, size=int(sizes[0])) if regular else texts


def _bits_past_end(lengths: IntArray, word: int) -> WordArray:
    """How many bits of a text's word lie behind its end, to be shifted out."""
    bits = _WORD_BYTES * (word + 1) - lengths
    np.maximum(bits, 0, out=bits)
    bits <<= 3
    return bits.view(np.uint64)


def _rows_reaching(lengths: IntArray, shortest: int, word: int) -> IntArray | slice:
    """The texts that reach into a word; mostly it is all of them."""
    if shortest > _WORD_BYTES * word:
        return slice(None)
    return np.flatnonzero(lengths > _WORD_BYTES * word)


def _hash_texts(texts: _TextBuffer, secret: bytes) -> WordArray:
    """A 64-bit hash of each text, of which nothing is known without the secret."""
    keys = np.frombuffer(secret, "<u8").reshape(2, _MAX_WORDS)
    starts, lengths = texts.spans(slice(None))
    found: WordArray = lengths.astype(np.uint64) * (keys[1, 0] | _MAKE_ODD)
    shortest, longest = int(lengths.min(initial=_MAX_INT64)), int(lengths.max(initial=0))
    for word in range(min(-(-longest // _WORD_BYTES), _MAX_WORDS)):
        at = _rows_reaching(lengths, shortest, word)
        if shortest == longest:  # as ids often are
            mixed = texts.regular_words(longest, _WORD_BYTES * word)
        else:
            mixed = texts.words(starts[at] + _WORD_BYTES * word)
        if shortest < _WORD_BYTES * (word + 1):
            mixed <<= _bits_past_end(lengths[:1] if shortest == longest else lengths[at], word)
        mixed ^= keys[0, word]
        mixed *= _MIX_MULTIPLIER
        mixed ^= mixed >> _HALF_WORD_BITS
        mixed *= keys[1, word] | _MAKE_ODD
        found[at] += mixed
    found ^= found >> _HALF_WORD_BITS
    found *= _FINAL_MULTIPLIER
    if longest > _MAX_HASHED_BYTES:
        for row in np.flatnonzero(lengths > _MAX_HASHED_BYTES).tolist():  # rare: no id is so long
            key = secret[:_BLAKE_KEY_BYTES]
            digest = hashlib.blake2b(texts.text(row), digest_size=_WORD_BYTES, key=key).digest()
            found[row] = int.from_bytes(digest, "little")
    return found


def _hash_in_chunks(texts: _TextBuffer, secret: bytes, hashes: WordArray) -> None:
    """Writes the hash of each text to `hashes`."""
    for start in range(0, len(texts), _CHUNK_ROWS):
        chunk = texts.rows(start, min(start + _CHUNK_ROWS, len(texts)))
        hashes[start : start + len(chunk)] = _hash_texts(chunk, secret)


def new_secret() -> bytes:
    """A secret to hash with, which nobody knows."""
    return secrets.token_bytes(_SECRET_BYTES)


def hash_column(values: Column, secret: bytes) -> WordArray:
    """A 64-bit hash of each text of a column, by a secret; for null, any number."""
    hashes = np.empty(len(values), np.uint64)
    _hash_in_chunks(_text_buffer(values), secret, hashes)
    return hashes


def _texts_equal(
    left: _TextBuffer, left_rows: IntArray, right: _TextBuffer, right_rows: IntArray
) -> BoolArray:
    """Where texts are the same, byte for byte."""
    starts, lengths = left.spans(left_rows)
    right_starts, right_lengths = right.spans(right_rows)
    same: BoolArray = lengths == right_lengths
    lengths *= same  # so that no word of the shorter one's neighbour is read
    shortest, longest = int(lengths.min(initial=_MAX_INT64)), int(lengths.max(initial=0))
    for word in range(min(-(-longest // _WORD_BYTES), _MAX_WORDS)):
        at = _rows_reaching(lengths, shortest, word)
        differ = left.words(starts[at] + _WORD_BYTES * word)
        differ ^= right.words(right_starts[at] + _WORD_BYTES * word)
        if shortest < _WORD_BYTES * (word + 1):
            differ <<= _bits_past_end(lengths[at], word)
        same[at] &= differ == 0
    if longest > _MAX_HASHED_BYTES:
        for row in np.flatnonzero(same & (lengths > _MAX_HASHED_BYTES)).tolist():
            same[row] = left.text(int(left_rows[row])) == right.text(int(right_rows[row]))
    return same


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
        self._known_texts = _with_size(_text_buffer(known))
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
        keys = np.empty(len(texts), np.uint64)
        _hash_in_chunks(texts, self._secret, keys)
        keys &= self._hash_mask
        keys |= np.arange(len(keys), dtype=np.uint64)
        keys.sort()
        repeated = self._repeated_keys(keys)
        if len(repeated):
            keys = np.delete(keys, repeated)
        self._homes = np.uint64(min(_SLOTS_A_TEXT * len(keys) + 1, _MAX_HOMES))
        at = self._home(keys & self._hash_mask)
        order = np.arange(len(keys))
        at -= order
        np.maximum.accumulate(at, out=at)
        at += order
        self._slots = np.full(max(int(self._homes), int(at.max(initial=0)) + 1) + 1, _NO_KEY)
        self._slots[at] = keys

    def _home(self, hashes: WordArray) -> IntArray:
        """The slot at which the search for each hash begins."""
        homes = hashes >> _HALF_WORD_BITS
        homes *= self._homes
        homes >>= _HALF_WORD_BITS
        return homes.view(np.int64)

    def _repeated_keys(self, keys: WordArray) -> IntArray:
        """Where a key is of the same text as the one before, so that no walk is long for them."""
        same_hash = np.flatnonzero((keys[1:] ^ keys[:-1]) <= self._position_mask) + 1
        repeated = [np.zeros(0, np.int64)]
        for start in range(0, len(same_hash), _CHUNK_ROWS):
            at = same_hash[start : start + _CHUNK_ROWS]
            rows, before = ((keys[i] & self._position_mask).view(np.int64) for i in (at, at - 1))
            repeated.append(at[_texts_equal(self._known_texts, rows, self._known_texts, before)])
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
        texts = _text_buffer(values)
        for start in range(0, len(texts), _CHUNK_ROWS):
            chunk = texts.rows(start, min(start + _CHUNK_ROWS, len(texts)))
            self._write_positions(chunk, found[start : start + len(chunk)])
        if values.null_count:
            found[pc.is_null(values).to_numpy(zero_copy_only=False)] = -1
        return found

    def _write_positions(self, texts: _TextBuffer, found: IntArray) -> None:
        """Writes the positions of texts to `found`."""
        hashes = _hash_texts(texts, self._secret) & self._hash_mask
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
            same = _texts_equal(texts, rows, self._known_texts, candidates)
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


_NO_TEXTS = pa.array([], pa.large_string())
