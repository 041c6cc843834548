"""Exact search for near-duplicate pictures, without comparing most of the pairs.

Two looks (a perceptual hash and mean colours) are near only if no mean colour differs by more than
a margin. So the queried looks are halved repeatedly by the colour that separates them best,
and each half keeps only those possible neighbours that lie within its range plus a margin. The
small groups left at the end are compared pair by pair. The cost grows little faster than the number
of looks, instead of with the number of pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from pipelines.media.phash import NEAR_BITS, NEAR_COLOUR

Indices = npt.NDArray[np.intp]

_SMALL_GROUP = 64  # queried looks; a group of this size is not halved further
_COLOUR_FILTERS = 8  # colours that are checked before pairs are compared
_MAX_PAIRS = 1 << 20  # pairs compared at once; bounds the memory
_VARIANCE_SAMPLE = 64  # looks sampled to choose the colour to split by
_FAR = 1 << 10  # bits; more than a hash has
NO_MATCH = -1


class PerceptualIndex:
    """Perceptual hashes and colours, in the order in which near-duplicates are kept.

    Args:
        hashes: [looks, 4] words of 64 bits.
        colours: [looks, numbers] mean colours.
        near_bits: How many bits of near looks differ at most.
        near_colour: By how much their colours differ at most.
    """

    def __init__(
        self,
        hashes: npt.NDArray[np.uint64],
        colours: npt.NDArray[np.uint8],
        near_bits: int = NEAR_BITS,
        near_colour: int = NEAR_COLOUR,
    ) -> None:
        self._hashes = hashes
        self._near_bits = near_bits
        self._near_colour = near_colour
        self._colours = colours
        self._columns = np.ascontiguousarray(colours.T)

    def nearest_before(self, early: int) -> Indices:
        """Returns, for each look from `early` on, the first of those before that it is near to.

        It is -1 where there is none.
        """
        match = np.full(len(self._hashes), NO_MATCH, np.intp)
        everything = np.arange(len(match))
        self._visit(
            everything[early:], everything[:early], lambda two, one: self._first(two, one, match)
        )
        return match[early:]

    def _visit(
        self, late: Indices, early: Indices, compare: Callable[[Indices, Indices], None]
    ) -> None:
        """Calls `compare` with small groups that have every near pair of late and early looks."""
        pending = [(late, early)]
        while pending:
            late, early = pending.pop()
            if not len(late) or not len(early):
                continue
            parts = self._split(late, early) if len(late) > _SMALL_GROUP else None
            if parts is None:
                compare(late, early)
            else:
                pending += parts

    def _split(self, late: Indices, early: Indices) -> list[tuple[Indices, Indices]] | None:
        """Splits the late looks in two halves, each with the early looks it may be near to."""
        sample = self._colours[late[:: max(1, len(late) // _VARIANCE_SAMPLE)]]
        channel = int(np.argmax(sample.var(axis=0)))
        values = self._columns[channel][late]
        middle = int(np.partition(values, len(values) // 2)[len(values) // 2])
        low = values <= middle
        if low.all():
            low = values < middle
        if not low.any():
            return None  # all are equal in the colour that separates them best
        others = self._columns[channel][early]
        below = others <= int(values[low].max()) + self._near_colour
        above = others >= int(values[~low].min()) - self._near_colour
        return [(late[low], early[below]), (late[~low], early[above])]

    def _first(self, late: Indices, early: Indices, match: Indices) -> None:
        """Records for each late look the first early look, in order, that it is near to."""
        for batch, others, bits in self._batches(late, early):
            near = bits <= self._near_bits
            found = near.any(axis=1)
            match[batch[found]] = others[near[found].argmax(axis=1)]

    def _batches(
        self, late: Indices, early: Indices
    ) -> Iterator[tuple[Indices, Indices, npt.NDArray[np.int16]]]:
        """Yields late looks, the early looks near them, and how many bits of each pair differ."""
        early = self._within(late, early)
        if not len(early):
            return
        step = max(1, _MAX_PAIRS // max(1, len(early)))
        for start in range(0, len(late), step):
            batch = late[start : start + step]
            yield batch, early, self._bits(batch, early)

    def _within(self, late: Indices, early: Indices) -> Indices:
        """Returns the early looks whose colours may be near those of a late look."""
        found = self._colours[late].astype(np.int16)  # adding margins would overflow a byte
        low, high = found.min(axis=0) - self._near_colour, found.max(axis=0) + self._near_colour
        # Colours with the narrowest range come first, since most looks fail at the first few.
        for channel in np.argsort(high - low, kind="stable")[:_COLOUR_FILTERS].tolist():
            if len(early) <= _SMALL_GROUP:
                break
            colours = self._columns[channel][early]
            early = early[(colours >= low[channel]) & (colours <= high[channel])]
        return early

    def _bits(self, batch: Indices, others: Indices) -> npt.NDArray[np.int16]:
        """Returns how many bits differ, [batch, others]; _FAR for looks that are not near."""
        bits = np.zeros((len(batch), len(others)), np.int16)
        for word in range(self._hashes.shape[1]):
            pairs = self._hashes[batch, word][:, None] ^ self._hashes[others, word][None, :]
            bits += np.bitwise_count(pairs)
        left, right = np.nonzero(bits <= self._near_bits)
        shift = self._colours[batch[left]].astype(np.int16) - self._colours[others[right]]
        near = (np.abs(shift) <= self._near_colour).all(axis=1)
        bits[left[~near], right[~near]] = _FAR
        return bits
