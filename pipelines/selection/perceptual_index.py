"""Exact search for near-duplicate pictures, without comparing most of the pairs.

Two looks (a perceptual hash and mean colours) are near only if no mean colour differs by more than
`NEAR_COLOUR`. So the queried looks are halved repeatedly by the colour that separates them best,
and each half keeps only those possible neighbours that lie within its range plus a margin. The
small groups left at the end are compared pair by pair. The cost grows little faster than the number
of looks, instead of with the number of pairs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.media.phash import NEAR_BITS, NEAR_COLOUR

Indices = npt.NDArray[np.intp]

_SMALL_GROUP = 64  # queried looks; a group of this size is not halved further
_COLOUR_FILTERS = 8  # colours that are checked before pairs are compared
_MAX_PAIRS = 1 << 20  # pairs compared at once; bounds the memory
_VARIANCE_SAMPLE = 64  # looks sampled to choose the colour to split by
NO_MATCH = -1


class PerceptualIndex:
    """Perceptual hashes and colours, in the order in which near-duplicates are kept.

    Args:
        hashes: [looks, 4] words of 64 bits.
        colours: [looks, 48] mean colours.
    """

    def __init__(self, hashes: npt.NDArray[np.uint64], colours: npt.NDArray[np.uint8]) -> None:
        self._hashes = hashes
        self._colours = colours
        self._columns = np.ascontiguousarray(colours.T)

    def nearest_kept(self) -> Indices:
        """Returns, for each look, the first kept look that it is near to; -1 if it is kept itself.

        A look is kept if it is not near any kept look before it.
        """
        match = np.full(len(self._hashes), NO_MATCH, np.intp)
        self._resolve(np.arange(len(match)), match)
        return match

    def nearest_before(self, early: int) -> Indices:
        """Returns, for each look from `early` on, the first of those before that it is near to.

        It is -1 where there is none.
        """
        match = np.full(len(self._hashes), NO_MATCH, np.intp)
        everything = np.arange(len(match))
        self._match(everything[early:], everything[:early], match)
        return match[early:]

    def _resolve(self, indices: Indices, match: Indices) -> Indices:
        """Decides on looks that are near no look kept before them; returns those kept."""
        if len(indices) <= _SMALL_GROUP:
            return self._resolve_few(indices, match)
        half = len(indices) // 2
        early = self._resolve(indices[:half], match)
        late = indices[half:]
        self._match(late, early, match)
        late = self._resolve(late[match[late] == NO_MATCH], match)
        return np.concatenate([early, late])

    def _resolve_few(self, indices: Indices, match: Indices) -> Indices:
        near = self._near(indices, indices)
        for at, index in enumerate(indices):
            before = near[at, :at] & (match[indices[:at]] == NO_MATCH)
            if before.any():
                match[index] = indices[int(before.argmax())]
        kept: Indices = indices[match[indices] == NO_MATCH]
        return kept

    def _match(self, late: Indices, early: Indices, match: Indices) -> None:
        """Records for each late look the first early look, in order, that it is near to."""
        pending = [(late, early)]
        while pending:
            late, early = pending.pop()
            if not len(late) or not len(early):
                continue
            parts = self._split(late, early) if len(late) > _SMALL_GROUP else None
            if parts is None:
                self._compare(late, early, match)
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
        below = others <= int(values[low].max()) + NEAR_COLOUR
        above = others >= int(values[~low].min()) - NEAR_COLOUR
        return [(late[low], early[below]), (late[~low], early[above])]

    def _compare(self, late: Indices, early: Indices, match: Indices) -> None:
        early = self._within(late, early)
        step = max(1, _MAX_PAIRS // max(1, len(early)))
        for start in range(0, len(late), step):
            batch = late[start : start + step]
            near = self._near(batch, early)
            found = near.any(axis=1)
            match[batch[found]] = early[near[found].argmax(axis=1)]

    def _within(self, late: Indices, early: Indices) -> Indices:
        """Returns the early looks whose colours may be near those of a late look."""
        found = self._colours[late].astype(np.int16)  # adding margins would overflow a byte
        low, high = found.min(axis=0) - NEAR_COLOUR, found.max(axis=0) + NEAR_COLOUR
        # Colours with the narrowest range come first, since most looks fail at the first few.
        for channel in np.argsort(high - low, kind="stable")[:_COLOUR_FILTERS].tolist():
            if len(early) <= _SMALL_GROUP:
                break
            colours = self._columns[channel][early]
            early = early[(colours >= low[channel]) & (colours <= high[channel])]
        return early

    def _near(self, batch: Indices, others: Indices) -> npt.NDArray[np.bool_]:
        """Returns whether each look of the batch is near each of the others, [batch, others]."""
        bits = np.zeros((len(batch), len(others)), np.int16)
        for word in range(self._hashes.shape[1]):
            pairs = self._hashes[batch, word][:, None] ^ self._hashes[others, word][None, :]
            bits += np.bitwise_count(pairs)
        near: npt.NDArray[np.bool_] = bits <= NEAR_BITS
        left, right = np.nonzero(near)
        shift = self._colours[batch[left]].astype(np.int16) - self._colours[others[right]]
        near[left, right] = (np.abs(shift) <= NEAR_COLOUR).all(axis=1)
        return near
