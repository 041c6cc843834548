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

Places = npt.NDArray[np.intp]

_FEW = 64  # of those asked about: no longer halved
_NARROWEST = 8  # colours that are tried before pairs are compared
_PAIRS = 1 << 20  # compared at once: what bounds the memory
_SAMPLE = 64  # looks by which the colour is chosen
NONE = -1


class Looks:
    """Perceptual hashes and colours, by place in the order in which look-alikes are kept.

    Args:
        hashes: [looks, 4] words of 64 bits.
        colours: [looks, 48] mean colours.
    """

    def __init__(self, hashes: npt.NDArray[np.uint64], colours: npt.NDArray[np.uint8]) -> None:
        self._hashes = hashes
        self._colours = colours
        self._columns = np.ascontiguousarray(colours.T)

    def twins(self) -> Places:
        """For each look the first kept one that it is near to, -1 if it is kept itself.

        A look is kept if it is near no kept one before it.
        """
        first = np.full(len(self._hashes), NONE, np.intp)
        self._settle(np.arange(len(first)), first)
        return first

    def _settle(self, places: Places, first: Places) -> Places:
        """Settles looks that are near none that was kept before them; returns those kept."""
        if len(places) <= _FEW:
            return self._settle_few(places, first)
        half = len(places) // 2
        early = self._settle(places[:half], first)
        late = places[half:]
        self._match(late, early, first)
        late = self._settle(late[first[late] == NONE], first)
        return np.concatenate([early, late])

    def _settle_few(self, places: Places, first: Places) -> Places:
        near = self._near(places, places)
        for at, place in enumerate(places):
            before = near[at, :at] & (first[places[:at]] == NONE)
            if before.any():
                first[place] = places[int(before.argmax())]
        kept: Places = places[first[places] == NONE]
        return kept

    def _match(self, late: Places, early: Places, first: Places) -> None:
        """Notes for each late look the first of the early ones, in order, that it is near to."""
        waiting = [(late, early)]
        while waiting:
            late, early = waiting.pop()
            if not len(late) or not len(early):
                continue
            parts = self._halved(late, early) if len(late) > _FEW else None
            if parts is None:
                self._compare(late, early, first)
            else:
                waiting += parts

    def _halved(self, late: Places, early: Places) -> list[tuple[Places, Places]] | None:
        """Two halves of the late looks, each with the early ones it may be near to."""
        sample = self._colours[late[:: max(1, len(late) // _SAMPLE)]]
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

    def _compare(self, late: Places, early: Places, first: Places) -> None:
        early = self._within(late, early)
        step = max(1, _PAIRS // max(1, len(early)))
        for start in range(0, len(late), step):
            some = late[start : start + step]
            near = self._near(some, early)
            found = near.any(axis=1)
            first[some[found]] = early[near[found].argmax(axis=1)]

    def _within(self, late: Places, early: Places) -> Places:
        """The early looks whose colours may be near to one of the late ones'."""
        found = self._colours[late].astype(np.int16)  # margins lie beyond a byte
        low, high = found.min(axis=0) - NEAR_COLOUR, found.max(axis=0) + NEAR_COLOUR
        # Narrow colours first: most looks fail at the first few.
        for channel in np.argsort(high - low, kind="stable")[:_NARROWEST].tolist():
            if len(early) <= _FEW:
                break
            colours = self._columns[channel][early]
            early = early[(colours >= low[channel]) & (colours <= high[channel])]
        return early

    def _near(self, some: Places, others: Places) -> npt.NDArray[np.bool_]:
        """[some, others] Whether each is near each."""
        bits = np.zeros((len(some), len(others)), np.int16)
        for word in range(self._hashes.shape[1]):
            pairs = self._hashes[some, word][:, None] ^ self._hashes[others, word][None, :]
            bits += np.bitwise_count(pairs)
        near: npt.NDArray[np.bool_] = bits <= NEAR_BITS
        left, right = np.nonzero(near)
        shift = self._colours[some[left]].astype(np.int16) - self._colours[others[right]]
        near[left, right] = (np.abs(shift) <= NEAR_COLOUR).all(axis=1)
        return near
