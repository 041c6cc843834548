"""Shifts and stretches one picture's cells to fit another's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Shades = npt.NDArray[np.float64]  # [pairs, down, across]
Cuts = npt.NDArray[np.int64]  # in STEPs of a side: across and down, [2, pairs, both ends]
FitStep = tuple[int, bool]  # the direction that is fitted (0: across), and whether finely
_AnyShades = TypeVar("_AnyShades", npt.NDArray[np.float32], npt.NDArray[np.float64])

STEP = 90  # a shift is counted in such parts of a side
_COARSE = range(-9, 10, 3)  # shifts of a side that are tried at first, then those next to the best
_FINER_STEPS = (0.5, 0.25)  # of a STEP, by which a fit is improved
_TINY = 1e-9


def resized(shades: Shades, across: int, down: int) -> Shades:
    """Returns pictures in fewer cells."""
    if shades.shape[1:] == (down, across):
        return shades
    old_down, old_across = shades.shape[1:]
    reduced: Shades = _means(old_down, down) @ shades @ _means(old_across, across).T
    return reduced


@cache
def _means(cells: int, side: int) -> Shades:
    """Returns the matrix of the means of a row of cells in `side` equal parts."""
    edges = np.linspace(0, cells, side + 1)
    starts = np.arange(cells)
    covered = np.minimum(starts + 1, edges[1:, None]) - np.maximum(starts, edges[:-1, None])
    means: Shades = np.clip(covered, 0, None) * side / cells
    return means


def standardised(cells: _AnyShades) -> _AnyShades:
    """Returns cells with mean 0 and variance 1."""
    centred = cells - cells.mean(axis=(-2, -1), keepdims=True)
    scaled: _AnyShades = centred / (centred.std(axis=(-2, -1), keepdims=True) + _TINY)
    return scaled


def correlation(first: _AnyShades, second: _AnyShades) -> npt.NDArray[np.int32]:
    """Returns the correlation of standardised cells, in thousandths.

    Thousandths, so that the last digits of sums, which differ between machines, decide nothing.
    """
    products: _AnyShades = (first * second).mean(axis=(-2, -1))
    return np.rint(products * 1000).astype(np.int32)


def edges_of(cells: Shades) -> Shades:
    """Returns by how much each cell differs from the mean of the four next to it."""
    padded = np.pad(cells, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    edges: Shades = cells - around / 4
    return edges


def find_fit(
    first: Shades, second: Shades, cuts: Cuts, most_cells: int, steps: Sequence[FitStep]
) -> Cuts:
    """Returns by how much the second pictures are cut so that they correlate best.

    Args:
        first: [pairs, down, across].
        second: As many.
        cuts: What was found so far; in parts of a side, across and down, at both ends.
        most_cells: In how many cells of a side they are compared, at most.
        steps: The direction that is fitted (0 for across), and whether next to what was found.
    """
    down, across = (min(most_cells, side) for side in first.shape[1:])
    goals, rows = (resized(side, across, down).astype(np.float32) for side in (first, second))
    goals = standardised(goals)
    cuts = cuts.copy()
    for direction, fine in steps:
        turn = (0, 2, 1) if direction else (0, 1, 2)
        goal, shades = goals.transpose(turn), rows.transpose(turn)
        before = _chosen(shades.shape[1], cuts[1 - direction]).transpose(0, 2, 1)
        tried = _tried(cuts[direction], fine)
        warps = _chosen(shades.shape[2], tried)
        warped = ((before @ shades)[:, None] @ warps).astype(np.float32, copy=False)
        best = correlation(standardised(warped), goal[:, None]).argmax(axis=1)
        cuts[direction] = tried[np.arange(len(tried)) if fine else 0, best]
    return cuts


def finely_fitted(first: Shades, second: Shades, cuts: Cuts) -> Shades:
    """Returns the second pictures without what is cut off, to a quarter of a step.

    Edges are compared, since they tell more of such a shift than shades do.

    Args:
        first: [pairs, down, across].
        second: As many.
        cuts: What was found so far (`find_fit`).
    """
    goal = standardised(edges_of(first))[:, None]
    sides = second.shape[:0:-1]
    finer = cuts.astype(np.float64)
    near = np.array([(before, after) for before in (-1, 0, 1) for after in (-1, 0, 1)])
    for step in _FINER_STEPS:
        for direction, side in enumerate(sides):
            other = _warps_of(sides[1 - direction], finer[1 - direction])[:, None]
            tried = finer[direction][:, None] + step * near
            own = _warps_of(side, tried)
            across, down = (other, own) if direction else (own, other)
            warped = down.swapaxes(-1, -2) @ second[:, None] @ across
            edges = edges_of(warped.reshape(-1, *second.shape[1:])).reshape(warped.shape)
            best = correlation(standardised(edges), goal).argmax(axis=1)
            finer[direction] = tried[np.arange(len(tried)), best]
    across, down = (_warps_of(side, cut) for side, cut in zip(sides, finer, strict=True))
    fitted: Shades = down.swapaxes(-1, -2) @ second @ across
    return fitted


def cut_off(shades: Shades, cuts: Cuts) -> Shades:
    """Returns pictures without what is cut off."""
    across, down = (_chosen(side, cut) for side, cut in zip(shades.shape[:0:-1], cuts, strict=True))
    fitted: Shades = down.transpose(0, 2, 1) @ shades @ across
    return fitted


def _chosen(side: int, cuts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Returns the warps for cuts, [..., 2], as [..., side, side]."""
    chosen: npt.NDArray[np.float32] = _warps(side)[cuts[..., 0], cuts[..., 1]]
    return chosen


def _tried(cuts: npt.NDArray[np.int64], fine: bool) -> npt.NDArray[np.int64]:
    """Returns the shifts of both ends to try, [pairs or 1, choices, 2]."""
    if not fine:
        return np.array([[(before, after) for before in _COARSE for after in _COARSE]])
    near = np.array([(before, after) for before in (-1, 0, 1) for after in (-1, 0, 1)])
    tried: Cuts = cuts[:, None] + near
    return tried


@cache
def _warps(side: int) -> npt.NDArray[np.float32]:
    """Returns matrices that turn a row of cells into the row without what is cut off.

    They are found by how much is cut off before and after, in STEPs; negative indices are from
    the end, as in any array.
    """
    most = _COARSE[-1] + 2
    steps = [*range(most + 1), *range(-most, 0)]
    return _warps_of(side, np.array([[(left, right) for right in steps] for left in steps]))


def _warps_of(side: int, cuts: Cuts | Shades) -> npt.NDArray[np.float32]:
    """Returns the warps for cuts in STEPs, [..., 2], as [..., side, side]."""
    left, right = (cuts[..., end, None] / STEP for end in (0, 1))
    places = (np.arange(side) + 0.5) / side
    at = (left + (1 - left - right) * places) * side - 0.5
    before = np.clip(np.floor(at).astype(int), 0, side - 2)[..., None, :]
    share = np.clip(at[..., None, :] - before, 0, 1)
    warps = np.zeros((*at.shape[:-1], side, side), np.float32)
    np.put_along_axis(warps, before, 1 - share, axis=-2)
    np.put_along_axis(warps, before + 1, share, axis=-2)
    return warps
