"""Positions of texts and of pairs in tables that are built once and asked by every batch.

Arrow's `index_in` builds a hash table of the known values at every call. Beside a million releases
and batches of 64k rows that is most of the work, and it grows with the catalogue. Here the table is
built once, the values of a batch are hashed in numpy straight from Arrow's buffers, and an answer
costs the same beside a thousand texts as beside ten million, but for the memory it touches.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_WORD = 8  # bytes
_MOST_WORDS = 16  # of a text that is hashed word by word; longer ones are hashed by themselves
_LONGEST = _WORD * _MOST_WORDS
_FAR = np.iinfo(np.int64).max
_CHUNK = 8_192  # values at a time: what is worked on stays in the processor's cache
_SECRET_BYTES = 2 * _WORD * _MOST_WORDS
_BLAKE_KEY_BYTES = 64  # the most that BLAKE2b takes
_ODD = np.uint64(1)
_HALF = np.uint64(32)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_FINISH = np.uint64(0xD6E8FEB86659FD93)
_END = np.uint64(2**64 - 1)  # larger than any key; every walk ends at it


@dataclass(frozen=True)
class _Texts:
    """Texts one behind another.

    Attributes:
        data: Their UTF-8 bytes, and 8 bytes more so that a word can be read anywhere.
        offsets: Where each begins, and where the last ends, [n + 1].
    """

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.signedinteger]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def part(self, start: int, stop: int) -> _Texts:
        """The texts from `start` up to `stop`."""
        return _Texts(self.data, self.offsets[start : stop + 1])

    def spans(self, rows: Ints | slice) -> tuple[Ints, Ints]:
        """First byte and length of some texts."""
        starts = self.offsets[:-1][rows].astype(np.int64)
        return starts, self.offsets[1:][rows].astype(np.int64) - starts

    def words(self, at: Ints) -> Words:
        """The 8 bytes that begin at each of the byte positions, as integers."""
        size = len(self.data) - _WORD + 1
        return np.ndarray((size,), "<u8", self.data, strides=(1,))[at]

    def text(self, row: int) -> bytes:
        """One text."""
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes()


def _texts(values: pa.Array) -> _Texts:
    """The texts of an array, nulls included as whatever lies in their place."""
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        values = values.cast(pa.large_string())
    kind: type[np.signedinteger] = np.int32 if pa.types.is_string(values.type) else np.int64
    if len(values) == 0:
        return _Texts(np.zeros(_WORD, np.uint8), np.zeros(1, kind))
    _, places, content = values.buffers()
    skipped = values.offset * np.dtype(kind).itemsize
    offsets = np.frombuffer(places, kind, len(values) + 1, skipped)
    first, last = int(offsets[0]), int(offsets[-1])
    data = np.empty(last - first + _WORD, np.uint8)
    data[-_WORD:] = 0
    if last > first:
        data[:-_WORD] = np.frombuffer(content, np.uint8, last - first, first)
    return _Texts(data, offsets - offsets[0])


def _tails(lengths: Ints, word: int) -> Words:
    """How many bits of a text's word lie behind its end, to be shifted out."""
    bits = _WORD * (word + 1) - lengths
    np.maximum(bits, 0, out=bits)
    bits <<= 3
    return bits.view(np.uint64)


def _longer(lengths: Ints, shortest: int, word: int) -> Ints | slice:
    """The texts that reach into a word; mostly it is all of them."""
    if shortest > _WORD * word:
        return slice(None)
    return np.flatnonzero(lengths > _WORD * word)


def _hash(texts: _Texts, secret: bytes) -> Words:
    """A 64-bit hash of each text, of which nothing is known without the secret."""
    keys = np.frombuffer(secret, "<u8").reshape(2, _MOST_WORDS)
    starts, lengths = texts.spans(slice(None))
    found: Words = lengths.astype(np.uint64) * (keys[1, 0] | _ODD)
    shortest, longest = int(lengths.min(initial=_FAR)), int(lengths.max(initial=0))
    for word in range(min(-(-longest // _WORD), _MOST_WORDS)):
        at = _longer(lengths, shortest, word)
        mixed = texts.words(starts[at] + _WORD * word)
        if shortest < _WORD * (word + 1):
            mixed <<= _tails(lengths[at], word)
        mixed ^= keys[0, word]
        mixed *= _MIX
        mixed ^= mixed >> _HALF
        mixed *= keys[1, word] | _ODD
        found[at] += mixed
    found ^= found >> _HALF
    found *= _FINISH
    if longest > _LONGEST:
        for row in np.flatnonzero(lengths > _LONGEST).tolist():  # rare: no id is so long
            key = secret[:_BLAKE_KEY_BYTES]
            digest = hashlib.blake2b(texts.text(row), digest_size=_WORD, key=key).digest()
            found[row] = int.from_bytes(digest, "little")
    return found


def _same(left: _Texts, left_rows: Ints, right: _Texts, right_rows: Ints) -> Bools:
    """Where texts are the same, byte for byte."""
    starts, lengths = left.spans(left_rows)
    others, other_lengths = right.spans(right_rows)
    same: Bools = lengths == other_lengths
    lengths *= same  # so that no word of the shorter one's neighbour is read
    shortest, longest = int(lengths.min(initial=_FAR)), int(lengths.max(initial=0))
    for word in range(min(-(-longest // _WORD), _MOST_WORDS)):
        at = _longer(lengths, shortest, word)
        differ = left.words(starts[at] + _WORD * word)
        differ ^= right.words(others[at] + _WORD * word)
        if shortest < _WORD * (word + 1):
            differ <<= _tails(lengths[at], word)
        same[at] &= differ == 0
    if longest > _LONGEST:
        for row in np.flatnonzero(same & (lengths > _LONGEST)).tolist():
            same[row] = left.text(int(left_rows[row])) == right.text(int(right_rows[row]))
    return same


class StringIndex:
    """Known texts, to be looked up exactly. Nulls match nothing; of two alike the first counts.

    Whole texts are compared, so that the answers never depend on the hash or its secret. The secret
    is there that nobody can choose ids that fall into one place. An index is read only: processes
    forked from one share its memory, and it may be pickled.

    Args:
        known: Strings, nulls among them if need be.
        secret: 256 bytes behind the hash; drawn afresh if not given.
    """

    def __init__(self, known: pa.Array | pa.ChunkedArray, secret: bytes | None = None) -> None:
        if isinstance(known, pa.ChunkedArray):
            known = pa.concat_arrays(known.cast(pa.large_string()).chunks or [_NOTHING])
        if pa.types.is_dictionary(known.type):
            known = known.dictionary_decode()
        self._secret = secrets.token_bytes(_SECRET_BYTES) if secret is None else secret
        self._size = len(known)
        # Where nulls are left out, the positions of the others.
        self._valid: Ints | None = None
        if known.null_count:
            self._valid = np.flatnonzero(pc.is_valid(known).to_numpy(zero_copy_only=False))
            known = known.drop_null()
        self._texts = _texts(known)
        self._place()

    def _place(self) -> None:
        """Puts the texts in order of their hashes, and notes where each bucket of these begins."""
        texts = self._texts
        bits = max(1, (len(texts) - 1).bit_length())
        # A key is the top bits of a hash, a 0, and below them the position: sorting brings texts
        # alike together, the first in front, and one look finds a hash and whose it is.
        self._position = np.uint64(2**bits - 1)
        self._top = np.uint64(2**64 - 2 ** (bits + 1))
        keys = np.empty(len(texts) + 1, np.uint64)
        for start in range(0, len(texts), _CHUNK):
            part = texts.part(start, min(start + _CHUNK, len(texts)))
            keys[start : start + len(part)] = _hash(part, self._secret)
        keys &= self._top
        keys |= np.arange(len(keys), dtype=np.uint64)
        keys[-1] = _END
        keys.sort()
        self._keys = keys = np.delete(keys, self._repeats(keys))
        # For each value of the top bits: where the first key that has them, or more, stands.
        self._shift = np.uint64(64 - bits)
        sizes = np.bincount((keys[:-1] >> self._shift).view(np.int64), minlength=2**bits)
        self._begins = np.zeros(2**bits, np.int32 if len(texts) < 2**31 else np.int64)
        np.cumsum(sizes[:-1], out=self._begins[1:])

    def _repeats(self, keys: Words) -> Ints:
        """Where a key is of the same text as the one before, so that no walk is long for them."""
        alike = np.flatnonzero((keys[1:] ^ keys[:-1]) <= self._position) + 1
        repeats = [np.zeros(0, np.int64)]
        for start in range(0, len(alike), _CHUNK):
            at = alike[start : start + _CHUNK]
            rows, before = ((keys[i] & self._position).view(np.int64) for i in (at, at - 1))
            repeats.append(at[_same(self._texts, rows, self._texts, before)])
        return np.concatenate(repeats)

    def __len__(self) -> int:
        return self._size

    def positions(self, values: pa.Array) -> Ints:
        """Position of each value among the known texts, or -1."""
        if pa.types.is_dictionary(values.type) and len(values) < len(values.dictionary):
            values = values.dictionary_decode()
        if pa.types.is_dictionary(values.type):
            places = self.positions(values.dictionary)
            codes = pc.fill_null(values.indices.cast(pa.int64()), len(places))
            found: Ints = np.append(places, -1)[codes.to_numpy(zero_copy_only=False)]
            return found
        found = np.full(len(values), -1, np.int64)
        if len(self._texts) == 0 or pa.types.is_null(values.type):
            return found
        texts = _texts(values)
        for start in range(0, len(texts), _CHUNK):
            part = texts.part(start, min(start + _CHUNK, len(texts)))
            self._find(part, found[start : start + len(part)])
        if values.null_count:
            found[pc.is_null(values).to_numpy(zero_copy_only=False)] = -1
        return found

    def _find(self, texts: _Texts, found: Ints) -> None:
        """Writes the positions of texts to `found`."""
        wanted = _hash(texts, self._secret) & self._top
        at = self._begins[(wanted >> self._shift).view(np.int64)].astype(np.int64)
        rows = np.flatnonzero(self._keys[at] < wanted)
        while len(rows):
            at[rows] += 1
            rows = rows[self._keys[at[rows]] < wanted[rows]]
        keys = self._keys[at]
        rows = np.flatnonzero((keys ^ wanted) <= self._position)
        keys = keys[rows]
        while len(rows):
            candidates = (keys & self._position).view(np.int64)
            same = _same(texts, rows, self._texts, candidates)
            found[rows[same]] = candidates[same]
            rows = rows[~same]  # texts whose hashes begin alike: the next may be the one
            at[rows] += 1
            keys = self._keys[at[rows]]
            alike = (keys ^ wanted[rows]) <= self._position
            rows, keys = rows[alike], keys[alike]
        if self._valid is not None:
            hit = found >= 0
            found[hit] = self._valid[found[hit]]


class PairIndex:
    """Known pairs of positions, to be looked up.

    Args:
        left: First positions, none negative, [n].
        right: Second positions, none negative, [n].

    Attributes:
        lines: The number of each given pair among the different ones, [n].
    """

    def __init__(self, left: Ints, right: Ints) -> None:
        self._width = int(right.max(initial=0)) + 1
        self._known, self.lines = np.unique(left * self._width + right, return_inverse=True)

    def __len__(self) -> int:
        return len(self._known)

    def positions(self, left: Ints, right: Ints) -> Ints:
        """The number of each pair, or -1 where it is not known or one side of it is -1."""
        found = np.full(len(left), -1, np.int64)
        able = np.flatnonzero((left >= 0) & (right >= 0) & (right < self._width))
        keys = left[able] * self._width + right[able]
        at = np.searchsorted(self._known, keys)
        able, at, keys = able[at < len(self)], at[at < len(self)], keys[at < len(self)]
        same = self._known[at] == keys
        found[able[same]] = at[same]
        return found


_NOTHING = pa.array([], pa.large_string())
