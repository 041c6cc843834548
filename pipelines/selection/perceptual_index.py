"""Searching for look-alikes among many: everything that is near is found, most never compared.

Looks are near only if no mean colour differs by more than `NEAR_COLOUR`. So those that are asked
about are halved again and again by the colour that tells them apart best, and of those that might
be near them only the half that can be, and a margin, goes along; what is left at the end is few,
and compared. A cost that grows with the number of pairs grows here with little more than that of
the looks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.media.phash import NEAR_BITS, NEAR_COLOUR

Indices = npt.NDArray[np.intp]

_SMALL_GROUP = 64  # of those asked about: no longer halved
_COLOUR_FILTERS = 8  # colours that are tried before pairs are compared
_MAX_PAIRS = 1 << 20  # compared at once: what bounds the memory
_VARIANCE_SAMPLE = 64  # looks by which the colour is chosen
NO_MATCH = -1


class PerceptualIndex:
    """Perceptual hashes and colours, by place in the order in which look-alikes are kept.

    Args:
        hashes: [looks, 4] words of 64 bits.
        colours: [looks, 48] mean colours.
    """

    def __init__(self, hashes: npt.NDArray[np.uint64], colours: npt.NDArray[np.uint8]) -> None:
        self._hashes = hashes
        self._colours = colours
        self._columns = np.ascontiguousarray(colours.T)

    def nearest_kept(self) -> Indices:
        """For each look the first kept one that it is near to, -1 if it is kept itself.

        A look is kept if it is near no kept one before it.
        """
        match = np.full(len(self._hashes), NO_MATCH, np.intp)
        self._resolve(np.arange(len(match)), match)
        return match

    def _resolve(self, indices: Indices, match: Indices) -> Indices:
        """Settles looks that are near none that was kept before them; returns those kept."""
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
        """Notes for each late look the first of the early ones, in order, that it is near to."""
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
        """Two halves of the late looks, each with the early ones it may be near to."""
        sample = self._colours[late[:: max(1, len(late) // _VARIANCE_SAMPLE)]]
        channel = int(np.argmax(sample.var(axis=0)))
        values = self._columns[channel][late]
        middle = int(np.partition(values, len(values) // 2)[len(values) // 2])
        low = values <= middle
        if low.all():
            low = values < middle
        if not low.any():
            return None  # all alike in what tells them apart best
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
        """The early looks whose colours may be near to one of the late ones'."""
        found = self._colours[late].astype(np.int16)  # margins lie beyond a byte
        low, high = found.min(axis=0) - NEAR_COLOUR, found.max(axis=0) + NEAR_COLOUR
        # Narrow colours first: most looks fail at the first few.
        for channel in np.argsort(high - low, kind="stable")[:_COLOUR_FILTERS].tolist():
            if len(early) <= _SMALL_GROUP:
                break
            colours = self._columns[channel][early]
            early = early[(colours >= low[channel]) & (colours <= high[channel])]
        return early

    def _near(self, batch: Indices, others: Indices) -> npt.NDArray[np.bool_]:
        """[some, others] Whether each is near each."""
        bits = np.zeros((len(batch), len(others)), np.int16)
        for word in range(self._hashes.shape[1]):
            pairs = self._hashes[batch, word][:, None] ^ self._hashes[others, word][None, :]
            bits += np.bitwise_count(pairs)
        near: npt.NDArray[np.bool_] = bits <= NEAR_BITS
        left, right = np.nonzero(near)
        shift = self._colours[batch[left]].astype(np.int16) - self._colours[others[right]]
        near[left, right] = (np.abs(shift) <= NEAR_COLOUR).all(axis=1)
        return near
