"""Finds the shots of a film and measures its motion, from a small grid of each frame's luma.

Every frame is read once: 128 x 72 samples of its luma plane, always at the same positions, are
added up in blocks of 4 x 4 to a grid of 32 x 18 cells. Everything after that is integer
arithmetic, so that the same frames give the same result everywhere. The rules are in
`shot_rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from av import VideoFormat, VideoFrame

from pipelines.media.gradual import DissolveFinder
from pipelines.media.grid_likeness import differs_only_in_light, is_moved
from pipelines.media.shot_rules import (
    CELLS,
    GRID_COLUMNS,
    GRID_ROWS,
    IS_MIX,
    LAGS,
    LEVEL,
    MEAN,
    MIN_CUT,
    MIN_MOVED,
    MOVED,
    SAME_PICTURE,
    SERIES_WIDTH,
    SPREAD,
    STRONGLY_MOVED,
    TAPS,
    IntArray,
    candidate_cuts,
    fade_cuts,
    hard_cuts,
)
from pipelines.media.stretches import FrameRange, StillFinder

_BATCH = 64  # frames whose differences are computed together
_BINS = 32
# Hundredths: the correlation of a picture with itself in other light, or moved by some cells.
_MIN_CORRELATION = 90
_MAX_MIX_ERROR_HUNDREDTHS = (
    12  # hundredths of a cut's difference: the largest error of a mix of both sides
)

Grid = npt.NDArray[np.uint8]
Cells = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class ShotBoundaries:
    """The shots of a film.

    Attributes:
        starts: The number of each shot's first frame, in order; the first is 0.
        motion_milli: Mean absolute difference of luma between consecutive frames of a shot, in
            thousandths of a level of 255.
        shot_motion_milli: The same of each shot.
        black: Ranges of black frames.
        frozen: Ranges of frames that show one still picture.
        spreads: Of every frame, the difference of its brightest and darkest cell.
        sharpness: Of every frame, how much neighbouring samples differ.
    """

    starts: tuple[int, ...]
    motion_milli: int
    shot_motion_milli: tuple[int, ...]
    black: tuple[FrameRange, ...]
    frozen: tuple[FrameRange, ...]
    spreads: IntArray
    sharpness: IntArray


class ShotDetector:
    """Takes the frames of a film one by one and then returns its shots.

    Keeps a few numbers per frame, and the grids of the last few frames.
    """

    def __init__(self) -> None:
        self._batch = np.zeros((_BATCH, GRID_ROWS * TAPS, GRID_COLUMNS * TAPS), np.uint8)
        self._filled = 0
        self._last_cells = np.zeros((0, CELLS), np.int16)
        self._series: list[IntArray] = []
        self._sharpness: list[IntArray] = []
        self._dissolves = DissolveFinder()
        self._stills = StillFinder()

    def add(self, frame: VideoFrame) -> None:
        """Adds the next frame, as the decoder returns it."""
        self.add_luma(luma_of(frame))

    def add_luma(self, luma: Grid) -> None:
        """Adds the next frame's luma: [height, width], of any size."""
        sample_luma(luma, self._batch[self._filled])
        self._filled += 1
        if self._filled == _BATCH:
            self._process_batch()

    def finish(self) -> ShotBoundaries:
        """Returns the shots of all frames that were added.

        Raises:
            ValueError: No frame was added.
        """
        self._process_batch()
        if not self._series:
            raise ValueError("a film has at least one frame")
        series = np.concatenate(self._series)
        candidates = candidate_cuts(series)
        cuts = hard_cuts(series, candidates)
        cuts = sorted({*cuts, *fade_cuts(series, candidates)})
        cuts = sorted({*cuts, *self._dissolves.finish(cuts)})
        inside = np.ones(len(series), bool)
        inside[[0, *cuts]] = False
        pairs = max(1, int(inside.sum()))
        motion = 1000 * int(series[inside, 0].sum()) // (LEVEL * pairs)
        self._stills.finish()
        return ShotBoundaries(
            (0, *cuts),
            motion,
            tuple(
                1000 * int(series[first + 1 : end, 0].sum()) // (LEVEL * max(1, end - first - 1))
                for first, end in pairwise((0, *cuts, len(series)))
            ),
            tuple(self._stills.black),
            tuple(self._stills.frozen),
            series[:, SPREAD],
            np.concatenate(self._sharpness),
        )

    def _process_batch(self) -> None:
        """Appends one row per frame to the series."""
        if not self._filled:
            return
        samples = self._batch[: self._filled]
        self._sharpness.append(_sharpness(samples))
        new = _sum_cells(samples)
        self._dissolves.add(new)
        self._stills.add(new)
        cells, old = np.concatenate([self._last_cells, new]), len(self._last_cells)
        rows = np.zeros((len(cells), SERIES_WIDTH), np.int64)
        for lag in range(1, LAGS + 1):
            change = np.abs(cells[lag:] - cells[:-lag])
            rows[lag:, lag - 1] = change.sum(axis=1, dtype=np.int64)
        rows[:, MEAN] = cells.sum(axis=1, dtype=np.int64)
        rows[:, SPREAD] = cells.max(axis=1) - cells.min(axis=1)
        histograms = _histograms(cells)
        rows[1:, MOVED] = np.abs(np.diff(histograms, axis=0)).sum(axis=1) // 2
        # Few frames change that much, so these two checks cost little.
        changed = rows[:, 0] >= MIN_CUT * LEVEL
        for at in np.flatnonzero(changed[1:]) + 1:
            rows[at, SAME_PICTURE] = _is_same_picture(cells[at - 1], cells[at], rows[at, MOVED])
            if at > 1 and changed[at - 1]:
                rows[at, IS_MIX] = _is_mix(cells[at - 2], cells[at - 1], cells[at])
        self._series.append(rows[old:])
        self._last_cells = cells[-LAGS:]
        self._filled = 0


def _sum_cells(samples: Grid) -> Cells:
    """Adds up samples [n, 72, 128] to cells [n, 576]; a cell is at most 4,080."""
    taps = samples.reshape(-1, GRID_ROWS, TAPS, GRID_COLUMNS, TAPS)
    # Whole planes at a time, because a sum over an axis of four is far slower.
    down = taps[:, :, 0].astype(np.int16)
    for tap in range(1, TAPS):
        down += taps[:, :, tap]
    cells = down[..., 0].copy()
    for tap in range(1, TAPS):
        cells += down[..., tap]
    return cells.reshape(-1, CELLS)


def _sharpness(samples: Grid) -> IntArray:
    """Adds up how much samples [n, 72, 128] differ from those beside and below them."""
    # Without a conversion to signed numbers, which would take most of the time.
    across = _apart(samples[:, :, 1:], samples[:, :, :-1])
    down = _apart(samples[:, 1:], samples[:, :-1])
    total: IntArray = across.sum(axis=(1, 2), dtype=np.int64)
    total += down.sum(axis=(1, 2), dtype=np.int64)
    return total


def _apart(one: Grid, two: Grid) -> Grid:
    return np.maximum(one, two) - np.minimum(one, two)


def luma_of(frame: VideoFrame) -> Grid:
    """Returns a decoded frame's luma in eight bits, without a copy where the layout allows."""
    depth = _luma_bits(frame.format.name)
    if not depth:
        frame, depth = frame.reformat(format="gray"), 8
    plane = frame.planes[0]
    if depth == 8:
        return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)[
            :, : plane.width
        ]
    words = np.frombuffer(memoryview(plane), "<u2").reshape(plane.height, -1)
    high: Grid = (words[:, : plane.width] >> (depth - 8)).astype(np.uint8)
    return high


@lru_cache(maxsize=64)
def _luma_bits(layout: str) -> int:
    """Returns the bits per sample if the first plane is only luma, little-endian; else 0."""
    described = VideoFormat(layout)
    first = described.components[0]
    alone = sum(part.plane == first.plane for part in described.components) == 1
    plain = layout.startswith(("yuv", "gray", "nv12")) and not layout.endswith("be")
    return int(first.bits) if alone and plain and 8 <= first.bits <= 16 else 0


def sample_luma(luma: Grid, into: Grid) -> None:
    """Reads evenly spaced samples; some repeat if the frame is smaller than the grid."""
    height, width = luma.shape
    rows, columns = into.shape
    down, across = height // rows, width // columns
    if down and across:
        top, left = (height - down * rows) // 2, (width - across * columns) // 2
        into[:] = luma[top : top + down * rows : down, left : left + across * columns : across]
        return
    down_at = np.arange(rows) * height // rows
    across_at = np.arange(columns) * width // columns
    into[:] = luma[down_at[:, None], across_at]


def _histograms(cells: Cells) -> IntArray:
    """Counts the cells in each of 32 bins of luma: [n, 32]."""
    shift = (256 * TAPS * TAPS // _BINS).bit_length() - 1
    numbered = (cells >> shift) + _BINS * np.arange(len(cells))[:, None]
    counted = np.bincount(numbered.ravel(), minlength=_BINS * len(cells))
    return counted.reshape(-1, _BINS)


def _is_same_picture(before: Cells, after: Cells, moved: int) -> bool:
    """Tells whether two grids are one picture in other light, or by a camera that moved."""
    if differs_only_in_light(before, after, _MIN_CORRELATION):
        return True
    # Two different pictures may be alike in layout, but then their histograms differ.
    return MIN_MOVED <= moved < STRONGLY_MOVED and is_moved(before, after, _MIN_CORRELATION)


def _is_mix(before: Cells, middle: Cells, after: Cells) -> bool:
    """Tells whether a grid is nearly a weighted mean of its neighbours."""
    first, mid, last = (grid.astype(np.int64) for grid in (before, middle, after))
    distance = int(np.abs(last - first).sum())
    if not distance:
        return False
    part = min(256, 256 * int(np.abs(mid - first).sum()) // distance)
    error = int(np.abs(256 * mid - (256 - part) * first - part * last).sum())
    return 100 * error <= _MAX_MIX_ERROR_HUNDREDTHS * 256 * distance
