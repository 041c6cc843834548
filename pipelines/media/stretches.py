"""Finds where a film shows black or a still picture, from the grids of `shots`.

Black: 98 of 100 cells of the picture have a luma of at most 32 of 255; black is 16 in most films.
Frozen: no cell differs by more than 2 of 255 from the first picture of the stretch, so that slow
movement ends it and the noise of an encoder does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.media.shot_rules import CELLS, TAPS

Cells = npt.NDArray[np.int16]
FrameRange = tuple[int, int]  # the first frame, and the one after the last

BLACK, FROZEN, SILENT = "black", "frozen", "silent"
KINDS = (BLACK, FROZEN, SILENT)
#: Shorter stretches are not recorded, unless one is the whole film.
LEAST_MS = {BLACK: 200, FROZEN: 1000, SILENT: 1000}
#: Of each kind, so many of the longest are listed. All count in the totals.
MAX_STRETCHES = 64
_BLACK_LUMA = 32 * TAPS * TAPS
_MIN_BLACK_CELLS = -(-98 * CELLS // 100)
_FROZEN_STEP = 2 * TAPS * TAPS


@dataclass(frozen=True)
class Stretch:
    """A part of a film.

    Attributes:
        kind: One of `KINDS`.
        start_ms: Where it begins, from the start of the film.
        end_ms: Where it ends.
    """

    kind: str
    start_ms: int
    end_ms: int


class StillFinder:
    """Takes the cells of a film's frames in batches; keeps one grid and the ranges found."""

    def __init__(self) -> None:
        self.black: list[FrameRange] = []
        self.frozen: list[FrameRange] = []
        self._first: Cells | None = None  # the first picture of the current stretch
        self._first_at = 0
        self._end = 0

    def add(self, cells: Cells) -> None:
        """Adds the next frames: [n, 576]."""
        dark = (cells <= _BLACK_LUMA).sum(axis=1) >= _MIN_BLACK_CELLS
        edges = np.flatnonzero(np.diff(dark.astype(np.int8), prepend=0, append=0)) + self._end
        for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if self.black and self.black[-1][1] == first:
                first = self.black.pop()[0]
            self.black.append((first, end))
        for number, grid in enumerate(cells, self._end):
            if self._first is None or np.abs(grid - self._first).max() > _FROZEN_STEP:
                self._end_frozen(number)
                self._first, self._first_at = grid.copy(), number
        self._end += len(cells)

    def finish(self) -> None:
        """Ends the last stretch."""
        self._end_frozen(self._end)

    def _end_frozen(self, end: int) -> None:
        if end - self._first_at > 1:
            self.frozen.append((self._first_at, end))


def stretches_between(
    kind: str, spans_ms: Sequence[tuple[int, int]], film_ms: int
) -> list[Stretch]:
    """Returns the spans that are long enough, or are the whole film, as stretches of a kind."""
    least_ms = min(LEAST_MS[kind], max(film_ms, 1))
    return [Stretch(kind, start, end) for start, end in spans_ms if end - start >= least_ms]


def longest(stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Returns the longest stretches of each kind, at most `MAX_STRETCHES`, in order of time."""
    kept = [
        stretch
        for kind in KINDS
        for stretch in sorted(
            (one for one in stretches if one.kind == kind),
            key=lambda one: (one.start_ms - one.end_ms, one.start_ms),
        )[:MAX_STRETCHES]
    ]
    return tuple(sorted(kept, key=lambda one: (KINDS.index(one.kind), one.start_ms)))


def total_ms(stretches: Sequence[Stretch], kind: str) -> int:
    """Returns how long all stretches of a kind are together."""
    return sum(one.end_ms - one.start_ms for one in stretches if one.kind == kind)
