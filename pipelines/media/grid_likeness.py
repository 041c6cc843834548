"""Tells whether two grids of luma show one picture: in other light, or moved a little."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.media.shot_rules import GRID_COLUMNS, GRID_ROWS

Cells = npt.NDArray[np.int16]
_Grid = npt.NDArray[np.int64]

_MAX_DOWN, _MAX_ACROSS = 2, 4  # cells by which the camera may move


def differs_only_in_light(before: Cells, after: Cells, least: int) -> bool:
    """Tells whether two grids are nearly linear in each other.

    Args:
        before: 576 cells.
        after: 576 cells.
        least: Their least correlation, in hundredths.
    """
    return _correlate(before.astype(np.int64), after.astype(np.int64), least)


def is_moved(before: Cells, after: Cells, least: int) -> bool:
    """Tells whether one grid, moved by some cells, is nearly linear in the other.

    Args:
        before: 576 cells.
        after: 576 cells.
        least: The least correlation of the part that both show, in hundredths.
    """
    one, two = (grid.astype(np.int64).reshape(GRID_ROWS, GRID_COLUMNS) for grid in (before, after))
    return any(
        _correlate(_part(one, -down, -across), _part(two, down, across), least)
        for down in range(-_MAX_DOWN, _MAX_DOWN + 1)
        for across in range(-_MAX_ACROSS, _MAX_ACROSS + 1)
    )


def _part(grid: _Grid, down: int, across: int) -> _Grid:
    rows = slice(max(0, down), GRID_ROWS + min(0, down))
    return grid[rows, max(0, across) : GRID_COLUMNS + min(0, across)]


def _correlate(one: _Grid, two: _Grid, least: int) -> bool:
    one, two = one - one.sum() // one.size, two - two.sum() // two.size
    # Python integers, because the squares would overflow.
    both, own, other = (int((a * b).sum()) for a, b in ((one, two), (one, one), (two, two)))
    return both > 0 and 10_000 * both * both >= least * least * own * other
