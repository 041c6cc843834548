"""Hashes the texts of whole columns in numpy, straight from Arrow's buffers, and compares them.

A hash is made with a secret, so that nobody can choose texts that collide.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.storage.columns import Column, numbers_in

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]

_WORD_BYTES = 8  # bytes
_MAX_WORDS = 16  # of a text that is hashed word by word; longer ones are hashed by themselves
_MAX_HASHED_BYTES = _WORD_BYTES * _MAX_WORDS
_MAX_INT64 = np.iinfo(np.int64).max
CHUNK_ROWS = 8_192  # values at a time: what is worked on stays in the processor's cache
_SECRET_BYTES = 2 * _WORD_BYTES * _MAX_WORDS
_BLAKE_KEY_BYTES = 64  # the most that BLAKE2b takes
_MAKE_ODD = np.uint64(1)
HALF_WORD_BITS = np.uint64(32)
_MIX_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FINAL_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True)
class TextBuffer:
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

    def rows(self, start: int, stop: int) -> TextBuffer:
        """The texts from `start` up to `stop`."""
        return TextBuffer(self.data, self.offsets[start : stop + 1])

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


def text_buffer(values: Column) -> TextBuffer:
    """The texts of an array, nulls included as whatever lies in their place."""
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        values = values.cast(pa.large_string())
    kind: type[np.signedinteger] = np.int32 if pa.types.is_string(values.type) else np.int64
    if len(values) == 0:
        return TextBuffer(np.zeros(_WORD_BYTES, np.uint8), np.zeros(1, kind))
    _, places, content = values.buffers()
    offset_bytes = values.offset * np.dtype(kind).itemsize
    offsets = numbers_in(places, kind, len(values) + 1, offset_bytes)
    first, last = int(offsets[0]), int(offsets[-1])
    data = np.empty(last - first + _WORD_BYTES, np.uint8)
    data[-_WORD_BYTES:] = 0
    if last > first:
        data[:-_WORD_BYTES] = numbers_in(content, np.uint8, last - first, first)
    return TextBuffer(data, offsets - first if first else offsets)


def with_size(texts: TextBuffer) -> TextBuffer:
    """The same texts; if all have one size, as ids often do, that is noted."""
    if not len(texts):
        return texts
    size = int(texts.offsets[1] - texts.offsets[0])
    for start in range(0, len(texts), CHUNK_ROWS):
        if np.any(np.diff(texts.offsets[start : start + CHUNK_ROWS + 1]) != size):
            return texts
    return replace(texts, size=size)


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


def hash_texts(texts: TextBuffer, secret: bytes) -> WordArray:
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
        mixed ^= mixed >> HALF_WORD_BITS
        mixed *= keys[1, word] | _MAKE_ODD
        found[at] += mixed
    found ^= found >> HALF_WORD_BITS
    found *= _FINAL_MULTIPLIER
    if longest > _MAX_HASHED_BYTES:
        for row in np.flatnonzero(lengths > _MAX_HASHED_BYTES).tolist():  # rare: no id is so long
            key = secret[:_BLAKE_KEY_BYTES]
            digest = hashlib.blake2b(texts.text(row), digest_size=_WORD_BYTES, key=key).digest()
            found[row] = int.from_bytes(digest, "little")
    return found


def hash_in_chunks(texts: TextBuffer, secret: bytes, hashes: WordArray) -> None:
    """Writes the hash of each text to `hashes`."""
    for start in range(0, len(texts), CHUNK_ROWS):
        chunk = texts.rows(start, min(start + CHUNK_ROWS, len(texts)))
        hashes[start : start + len(chunk)] = hash_texts(chunk, secret)


def new_secret() -> bytes:
    """A secret to hash with, which nobody knows."""
    return secrets.token_bytes(_SECRET_BYTES)


def hash_column(values: Column, secret: bytes) -> WordArray:
    """A 64-bit hash of each text of a column, by a secret; for null, any number."""
    hashes = np.empty(len(values), np.uint64)
    hash_in_chunks(text_buffer(values), secret, hashes)
    return hashes


def texts_equal(
    left: TextBuffer, left_rows: IntArray, right: TextBuffer, right_rows: IntArray
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
