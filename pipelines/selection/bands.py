"""Finds nearly all pairs of near looks among millions, without comparing most of the pairs.

Each band makes a key of every look, from bits of its hash or from its colours and bits, in an order
of its own. Looks are sorted by their keys, and those whose keys begin alike are compared: as many
first bits count as it takes to make groups small, so that pages of one layout, whose first bits are
all the same, are told apart by later ones. A copy shares the beginning of a key with its original
in one of the bands, though not in each. A crop changes many bits, but hardly the colours; a copy
that is brighter or without colours has other colours, but nearly all bits. The cost of a band grows
with the number of looks and not of pairs. The bands are the same in every run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.selection.perceptual_index import Indices

_SEED = 14
_BIT_BANDS, _COLOUR_BANDS = 20, 28
_LARGE_GROUP = 96  # looks; a group of more is divided by the next bit
_FIRST_GROUP = 32  # looks in a group by the first bits, if these were evenly spread
_IN_CROWD = 8  # nearest and first of looks with equal keys, with which each is compared
_KEY_BITS = 64
_ROWS = 8  # of frequencies, from the lowest, whose bits are in keys
_HASH_BYTES_USED = 2 * _ROWS
_FEW_FREQUENCIES = 6  # rows and columns of the bits that a crop changes least
_CROWDED_BITS = 24  # last bits of a key, of higher frequencies: they tell pages of text apart
#: Cells of the colours that a key begins with: mean brightness; mean red and blue; and by how much
#: the right and the lower half are brighter. A copy's differ by a small part of a cell.
_CELLS = (44, 26, 26, 36, 36)
_CELL_BITS = 3
_PAIRS_AT_ONCE = 1 << 18
_MOST_PENDING = 1 << 22  # pairs; bounds the memory

_Keys = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Limits:
    """When two looks are near.

    Attributes:
        bits: How many bits of their hashes differ at most, and how many of the 64 of the lowest
            frequencies; either of several such pairs of numbers.
        brightness: By how much mean brightness differs at most in a part of the pictures.
        tint: By how much red and blue differ, if both pictures have colours.
    """

    bits: tuple[tuple[int, int], ...]
    brightness: int
    tint: int


@dataclass(frozen=True)
class Pairs:
    """Pairs of near looks, in the order of the late one, then of the early one.

    Attributes:
        early: The look that comes first, [pairs].
        late: The other, [pairs].
        bits: How many bits of their hashes differ, [pairs].
    """

    early: Indices
    late: Indices
    bits: npt.NDArray[np.int16]


class Looks:
    """Looks in the order in which duplicates are kept.

    Args:
        hashes: [looks, 4] words of 64 bits.
        brightness: [looks, 16] of a 4 x 4 grid, row by row.
        tints: [looks, 16, 2].
        is_grey: [looks] that have no colours.
    """

    def __init__(
        self,
        hashes: npt.NDArray[np.uint64],
        brightness: npt.NDArray[np.uint8],
        tints: _Numbers,
        is_grey: npt.NDArray[np.bool_],
    ) -> None:
        self._hashes = hashes
        self._brightness = brightness
        self._tints = tints
        self._is_grey = is_grey
        rows = hashes.view(np.uint8).reshape(len(hashes), 32)
        self._bytes = np.ascontiguousarray(rows[:, :_HASH_BYTES_USED].T)
        self._low = np.ascontiguousarray(rows[:, 0:_HASH_BYTES_USED:2]).view(np.uint64)[:, 0]

    def __len__(self) -> int:
        return len(self._hashes)

    def band_keys(self) -> Iterator[_Keys]:
        """Yields the looks' keys in each band."""
        dice = np.random.default_rng(_SEED)
        at = np.arange(_HASH_BYTES_USED * 8)
        row, column = at // 16, at % 16
        is_low = (column < _ROWS) & (at > 0)  # the first bit is the same for all
        is_lowest = is_low & (row < _FEW_FREQUENCIES) & (column < _FEW_FREQUENCIES)
        for _ in range(_BIT_BANDS):
            yield self._bit_keys(_order(dice, is_low, _KEY_BITS), 0)
        colours = self._colours()
        for _ in range(_COLOUR_BANDS):
            head = np.zeros(len(self), np.uint64)
            for values, cell in zip(colours, _CELLS, strict=True):
                cells = (values + int(dice.integers(cell))) // cell + 4
                head = head << np.uint64(_CELL_BITS) | cells.clip(0, 7).astype(np.uint64)
            taken = _CELL_BITS * len(_CELLS)
            order = _order(dice, is_lowest, _KEY_BITS - taken)
            yield head << np.uint64(_KEY_BITS - taken) | self._bit_keys(order, taken)

    def near_pairs_of(self, keys: _Keys, limits: Limits) -> Iterator[Pairs]:
        """Yields the near pairs of looks whose keys begin alike."""
        order = np.argsort(keys, kind="stable")
        low, most = self._low[order], max(low for _, low in limits.bits)
        for one, two in _in_batches(_neighbours(keys[order])):
            # Most pairs differ in too many bits of a single word.
            few = np.bitwise_count(low[one] ^ low[two]) <= most
            first, second = order[one[few]], order[two[few]]
            yield self.near(np.minimum(first, second), np.maximum(first, second), limits)

    def near(self, early: Indices, late: Indices, limits: Limits) -> Pairs:
        """Returns those of some pairs that are near."""
        bits = np.zeros(len(early), np.int16)
        for word in range(self._hashes.shape[1]):
            bits += np.bitwise_count(self._hashes[early, word] ^ self._hashes[late, word])
        low = np.bitwise_count(self._low[early] ^ self._low[late])
        keep = np.any([(bits <= all_bits) & (low <= few) for all_bits, few in limits.bits], axis=0)
        early, late, bits = early[keep], late[keep], bits[keep]
        shift = self._brightness[early].astype(np.int16) - self._brightness[late]
        keep = (np.abs(shift) <= limits.brightness).all(axis=1)
        tints = np.abs(self._tints[early] - self._tints[late]).max(axis=(1, 2), initial=0)
        keep &= self._is_grey[early] | self._is_grey[late] | (tints <= limits.tint)
        return Pairs(early[keep], late[keep], bits[keep])

    def _bit_keys(self, order: Indices, shift: int) -> _Keys:
        """Returns keys of the hash's bits in an order, after `shift` empty bits."""
        keys = np.zeros(len(self), np.uint64)
        values = np.arange(256)
        for number, column in enumerate(self._bytes):
            table = np.zeros(256, np.uint64)
            for place, bit in enumerate(order.tolist()):
                if bit // 8 == number:
                    is_set = values >> (7 - bit % 8) & 1
                    table |= is_set.astype(np.uint64) << np.uint64(_KEY_BITS - 1 - shift - place)
            keys |= table[column]
        return keys

    def _colours(self) -> list[npt.NDArray[np.int32]]:
        """Returns what a key's first cells are of, [5, looks], around 0."""
        grid = self._brightness.reshape(len(self), 4, 4).astype(np.int32)
        rows, columns = grid.sum(axis=2), grid.sum(axis=1)
        red, blue = self._tints.sum(axis=1, dtype=np.int32).T // 16
        return [
            grid.sum(axis=(1, 2)) // 16 - 128,
            red,
            blue,
            (columns[:, 2:].sum(axis=1) - columns[:, :2].sum(axis=1)) // 8,
            (rows[:, 2:].sum(axis=1) - rows[:, :2].sum(axis=1)) // 8,
        ]


def near_looks(looks: Looks, limits: Limits, most: int) -> Pairs:
    """Returns pairs of near looks.

    Args:
        looks: What is compared.
        limits: When they are near.
        most: For each look, so many of the nearest before it are taken, and so many of the first
            that were found; the first are those that are kept.
    """
    found = _Found(len(looks), most)
    for keys in looks.band_keys():
        for pairs in looks.near_pairs_of(keys, limits):
            found.add(pairs)
        if len(looks) <= _LARGE_GROUP:
            break  # one group has all pairs
    return found.pairs()


class _Found:
    """Pairs that were found in bands, without those of a crowd that are not asked for.

    Args:
        count: Number of looks.
        most: See `near_looks`.
    """

    def __init__(self, count: int, most: int) -> None:
        self._count = max(1, count)
        self._most = most
        self._parts = [(np.zeros(0, np.int64), np.zeros(0, np.int16))]
        self._added = 0

    def add(self, pairs: Pairs) -> None:
        self._parts.append((pairs.late * self._count + pairs.early, pairs.bits))
        self._added += len(pairs.bits)
        if self._added > _MOST_PENDING:
            self._choose()

    def pairs(self) -> Pairs:
        self._choose()
        [(codes, bits)] = self._parts
        late, early = np.divmod(codes, self._count)
        return Pairs(early, late, bits)

    def _choose(self) -> None:
        codes, at = np.unique(np.concatenate([part[0] for part in self._parts]), return_index=True)
        bits = np.concatenate([part[1] for part in self._parts])[at]
        late = codes // self._count
        by_bits = np.lexsort([codes, bits, late])
        chosen = _place_in_run(late) < self._most
        chosen[by_bits] |= _place_in_run(late[by_bits]) < self._most
        self._parts = [(codes[chosen], bits[chosen])]
        self._added = 0


def _order(dice: np.random.Generator, is_first: npt.NDArray[np.bool_], count: int) -> Indices:
    """Returns the bits of a key: of those that count first, and at the end of the others."""
    first = dice.permutation(np.flatnonzero(is_first))[: count - _CROWDED_BITS]
    last = dice.permutation(np.flatnonzero(~is_first)[1:])[: count - len(first)]
    return np.concatenate([first, last])


def _neighbours(keys: _Keys) -> Iterator[tuple[Indices, Indices]]:
    """Yields the places in sorted keys of pairs of one group, the earlier place first."""
    offset = _place_in_run(np.cumsum(_starts(keys), dtype=np.int64))
    of_equal = _place_in_run(keys)
    late = np.arange(len(keys))
    for step in range(1, _LARGE_GROUP):
        late = late[offset[late] >= step]
        # Of a crowd with equal keys, the nearest places will do, and the first.
        asked = late if step <= _IN_CROWD else late[of_equal[late] < step]
        for at in range(0, len(asked), _PAIRS_AT_ONCE):
            few = asked[at : at + _PAIRS_AT_ONCE]
            yield few - step, few
    late = np.flatnonzero(of_equal > _IN_CROWD)
    for step in range(_IN_CROWD if len(late) else 0):
        yield late - of_equal[late] + step, late


def _in_batches(steps: Iterator[tuple[Indices, Indices]]) -> Iterator[tuple[Indices, Indices]]:
    """Joins pairs of places: a call for each step takes longer than comparing few pairs."""
    waiting: list[tuple[Indices, Indices]] = []
    count = 0
    for pair in steps:
        waiting.append(pair)
        count += len(pair[0])
        if count >= _PAIRS_AT_ONCE:
            yield _joined(waiting)
            waiting, count = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[tuple[Indices, Indices]]) -> tuple[Indices, Indices]:
    if len(parts) == 1:
        return parts[0]
    early, late = (np.concatenate(side) for side in zip(*parts, strict=True))
    return early, late


def _starts(keys: _Keys) -> npt.NDArray[np.bool_]:
    """Tells where groups begin: keys of a group have as many first bits in common as needed."""
    shared = np.concatenate([[-1], _KEY_BITS - _bit_length(keys[1:] ^ keys[:-1])])
    depth = (len(keys) // _FIRST_GROUP).bit_length() if len(keys) > _LARGE_GROUP else 0
    starts = shared < depth
    while depth < _KEY_BITS:
        first = np.flatnonzero(starts)
        sizes = np.diff(np.append(first, len(keys)))
        if sizes.max() <= _LARGE_GROUP:
            break
        depth += 1
        starts |= np.repeat(sizes > _LARGE_GROUP, sizes) & (shared < depth)
    return starts


def _bit_length(values: _Keys) -> npt.NDArray[np.int64]:
    high, low = values >> np.uint64(32), values & np.uint64(0xFFFF_FFFF)
    halves = np.where(high > 0, high, low).astype(np.float64)  # exact: they have 32 bits
    return np.frexp(halves)[1].astype(np.int64) + np.where(high > 0, 32, 0)


def _place_in_run(values: npt.NDArray[np.int64] | _Keys) -> npt.NDArray[np.int64]:
    """Returns for each of sorted values how many equal ones come before it."""
    places = np.arange(len(values))
    is_first = np.concatenate([[True], values[1:] != values[:-1]])[: len(values)]
    return places - np.maximum.accumulate(np.where(is_first, places, 0))
