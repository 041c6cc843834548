"""Compares two pictures by their cells, finely enough that nobody is dropped for a likeness.

A hash of low frequencies tells scenes apart, but not two pages of text in one layout or two icons
of one weight. Here three things are measured. The *agreement* is the correlation of what remains
when each cell's surroundings are taken away: edges, letters and grain, which are the same in a copy
and unrelated in another picture. The *difference* is that of the cells that differ most, when both
pictures have one brightness and contrast: two pictures of a series may agree but for a letter. The
*tint* is by how much red or blue differ, as of one product in two colours.

A picture of few pixels has no more detail than these. Both pictures are therefore compared in as
many cells as the smaller one has pixels. A copy may be cropped a little, so the second picture is
first shifted and stretched to fit the first, if that is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pipelines.media.looks import Cells

_Shades = npt.NDArray[np.float64]
_Cuts = npt.NDArray[np.int64]
_FitStep = tuple[int, bool]
_AnyShades = TypeVar("_AnyShades", npt.NDArray[np.float32], npt.NDArray[np.float64])

#: Least agreement of duplicates, in thousandths (docs/media.md).
LEAST_AGREEMENT = 550
_CLEAR_AGREEMENT = 900  # enough not to look for a better fit
_LEAST_CORRELATION = 150  # with less, no fit is looked for: the pictures have nothing in common
#: Largest difference of duplicates, in hundredths of the picture's range of shades. Where pictures
#: did not agree before they were fitted, edges differ more.
_MOST_PERCENT, _MOST_PERCENT_FITTED = 40, 50
_UNFIT_AGREEMENT = 500  # with less, pictures do not agree as they are
_SURE_AGREEMENT, _MOST_PERCENT_SURE = 950, 30  # where edges agree so well, a letter must not differ
_BETTER = 50  # thousandths by which a fit must agree better, or it is none
_PROMISING_AGREEMENT = 250  # enough to look for a finer fit
_LEVELS_ANYWAY = 24  # of 255; an overlay differs by as much from a plain surface
_RANK_PARTS = 170  # one cell in so many may differ more: those on a sharp edge
_SMOOTH_PERCENT = 3  # smooth pictures are equal if no cell differs by more of the range
_SMOOTH_RANGE = 40  # levels; with less, the grain of different surfaces differs as little
MOST_GREY = 10  # levels by which a picture without colour has more red or blue than grey
#: Largest difference of the tints of duplicates; one part in so many of the picture may differ
#: more. JPEG smears the colours of small pictures. Where pictures must be fitted first, their mean
#: colours have to be enough.
_MOST_TINT, _MOST_TINT_SMALL = 24, 40
_SMALL = 64  # pixels of a small picture's shorter side
_TINT_RANK_PARTS = 16
_SIDES = (48, 32, 24, 16, 12, 8, 4)  # cells in which pictures of fewer pixels are compared
_STEP = 90  # a shift is counted in such parts of a side
_COARSE = range(-9, 10, 3)  # shifts of a side that are tried at first, then those next to the best
#: In how many cells of a side a fit is looked for, and in which direction, next to what was found
#: or everywhere.
_FITS: tuple[tuple[int, tuple[_FitStep, ...]], ...] = (
    (24, ((0, False), (1, False), (0, False), (1, True), (0, True))),
    (48, ((1, True), (0, True))),
)
_PAIRS_AT_ONCE = 64  # bounds the memory to a few times 64 x 49 x 2 KiB
_TINY = 1e-9


@dataclass(frozen=True)
class Comparison:
    """What was measured of pairs.

    Attributes:
        agreement: In thousandths, [pairs].
        difference: Levels of 255, [pairs].
        alike: Whether the pair shows the same, [pairs].
    """

    agreement: npt.NDArray[np.int32]
    difference: npt.NDArray[np.int32]
    alike: npt.NDArray[np.bool_]


def compare_cells(first: Cells, second: Cells) -> Comparison:
    """Compares pairs of pictures, the first of the one with the first of the other, and so on."""
    count = len(first.shades)
    agreement, difference = np.zeros((2, count), np.int32)
    alike = np.zeros(count, np.bool_)
    sizes = np.minimum(first.sizes, second.sizes)
    sides = np.select([sizes >= side for side in _SIDES], _SIDES, _SIDES[-1])
    for across, down in np.unique(sides, axis=0).tolist():
        group = np.flatnonzero((sides == (across, down)).all(axis=1))
        for start in range(0, len(group), _PAIRS_AT_ONCE):
            few = group[start : start + _PAIRS_AT_ONCE]
            one, two = (_resized(side.shades[few], across, down) for side in (first, second))
            found = _compare(one, two, _same_tints(first[few], second[few]))
            agreement[few], difference[few] = found.agreement, found.difference
            alike[few] = found.alike
    return Comparison(agreement, difference, alike)


def _resized(shades: _Shades, across: int, down: int) -> _Shades:
    """Returns pictures in fewer cells."""
    if shades.shape[1:] == (down, across):
        return shades
    old_down, old_across = shades.shape[1:]
    reduced: _Shades = _means(old_down, down) @ shades @ _means(old_across, across).T
    return reduced


@cache
def _means(cells: int, side: int) -> _Shades:
    """Returns the matrix of the means of a row of cells in `side` equal parts."""
    edges = np.linspace(0, cells, side + 1)
    starts = np.arange(cells)
    covered = np.minimum(starts + 1, edges[1:, None]) - np.maximum(starts, edges[:-1, None])
    means: _Shades = np.clip(covered, 0, None) * side / cells
    return means


def _same_tints(first: Cells, second: Cells) -> npt.NDArray[np.bool_]:
    """Tells whether pictures that fit as they are have one tint, or one of them has none."""
    tints = [side.tints.reshape(len(side.tints), -1) for side in (first, second)]
    without = np.minimum(*(np.abs(side).max(axis=1) for side in tints)) <= MOST_GREY
    differences = np.abs(first.tints - second.tints).max(axis=-1).reshape(len(without), -1)
    differences.sort(axis=1)
    rank = 1 + differences.shape[1] // _TINT_RANK_PARTS
    small = np.minimum(first.sizes, second.sizes).min(axis=1) < _SMALL
    most = np.where(small, _MOST_TINT_SMALL, _MOST_TINT)
    same: npt.NDArray[np.bool_] = without | (differences[:, -rank] <= most)
    return same


def _compare(first: _Shades, second: _Shades, same_tints: npt.NDArray[np.bool_]) -> Comparison:
    found = _judge(first, second, np.full(len(first), _MOST_PERCENT))
    found.alike[~same_tints] = False
    related = _correlation(_standard(first), _standard(second)) >= _LEAST_CORRELATION
    fit = np.flatnonzero(related & (found.agreement < _CLEAR_AGREEMENT))
    cuts = np.zeros((2, len(fit), 2), np.int64)  # across and down; at both ends
    for most_cells, steps in _FITS:
        if not len(fit):
            break
        cuts = _fit(first[fit], second[fit], cuts, most_cells, steps)
        unfit = found.agreement[fit] < _UNFIT_AGREEMENT
        most = np.where(unfit, _MOST_PERCENT_FITTED, _MOST_PERCENT)
        fitted = _judge(first[fit], _cut(second[fit], cuts), most)
        better = fitted.agreement >= found.agreement[fit] + _BETTER
        for name in ("agreement", "difference", "alike"):
            getattr(found, name)[fit[better]] = getattr(fitted, name)[better]
        promising = better & (fitted.agreement >= _PROMISING_AGREEMENT) & ~fitted.alike
        fit, cuts = fit[promising], cuts[:, promising]
    return found


def _judge(first: _Shades, second: _Shades, most_percent: npt.NDArray[np.int64]) -> Comparison:
    spans = np.ptp(first, axis=(1, 2))
    agreement = _correlation(_standard(_edges(first)), _standard(_edges(second)))
    matched = _standard(second) * first.std(axis=(1, 2))[:, None, None]
    matched += first.mean(axis=(1, 2))[:, None, None]
    differences = np.sort(np.abs(matched - first).reshape(len(first), -1), axis=1)
    rank = 1 + differences.shape[1] // _RANK_PARTS
    difference = np.rint(differences[:, -rank]).astype(np.int32)
    percent = np.where(agreement >= _SURE_AGREEMENT, _MOST_PERCENT_SURE, most_percent)
    most = np.maximum(_LEVELS_ANYWAY, spans * percent / 100)
    unmatched = np.abs(first - second).max(axis=(1, 2))
    smooth = (spans >= _SMOOTH_RANGE) & (100 * unmatched <= _SMOOTH_PERCENT * spans)
    alike = smooth | ((agreement >= LEAST_AGREEMENT) & (difference <= most))
    return Comparison(agreement, difference, alike)


def _standard(cells: _AnyShades) -> _AnyShades:
    """Returns cells with mean 0 and variance 1."""
    centred = cells - cells.mean(axis=(-2, -1), keepdims=True)
    scaled: _AnyShades = centred / (centred.std(axis=(-2, -1), keepdims=True) + _TINY)
    return scaled


def _correlation(first: _AnyShades, second: _AnyShades) -> npt.NDArray[np.int32]:
    """Returns the correlation of standardised cells, in thousandths.

    Thousandths, so that the last digits of sums, which differ between machines, decide nothing.
    """
    products: _AnyShades = (first * second).mean(axis=(-2, -1))
    return np.rint(products * 1000).astype(np.int32)


def _edges(cells: _Shades) -> _Shades:
    """Returns by how much each cell differs from the mean of the four next to it."""
    padded = np.pad(cells, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    edges: _Shades = cells - around / 4
    return edges


def _fit(
    first: _Shades, second: _Shades, cuts: _Cuts, most_cells: int, steps: Sequence[_FitStep]
) -> _Cuts:
    """Returns by how much the second pictures are cut so that they correlate best.

    Args:
        first: [pairs, down, across].
        second: As many.
        cuts: What was found so far; in parts of a side, across and down, at both ends.
        most_cells: In how many cells of a side they are compared, at most.
        steps: The direction that is fitted (0 for across), and whether next to what was found.
    """
    down, across = (min(most_cells, side) for side in first.shape[1:])
    goals, rows = (_resized(side, across, down).astype(np.float32) for side in (first, second))
    goals = _standard(goals)
    cuts = cuts.copy()
    for direction, fine in steps:
        turn = (0, 2, 1) if direction else (0, 1, 2)
        goal, shades = goals.transpose(turn), rows.transpose(turn)
        before = _chosen(shades.shape[1], cuts[1 - direction]).transpose(0, 2, 1)
        tried = _tried(cuts[direction], fine)
        warps = _chosen(shades.shape[2], tried)
        warped = ((before @ shades)[:, None] @ warps).astype(np.float32, copy=False)
        best = _correlation(_standard(warped), goal[:, None]).argmax(axis=1)
        cuts[direction] = tried[np.arange(len(tried)) if fine else 0, best]
    return cuts


def _cut(shades: _Shades, cuts: _Cuts) -> _Shades:
    """Returns pictures without what is cut off."""
    across, down = (_chosen(side, cut) for side, cut in zip(shades.shape[:0:-1], cuts, strict=True))
    fitted: _Shades = down.transpose(0, 2, 1) @ shades @ across
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
    tried: _Cuts = cuts[:, None] + near
    return tried


@cache
def _warps(side: int) -> npt.NDArray[np.float32]:
    """Returns matrices that turn a row of cells into the row without what is cut off.

    They are found by how much is cut off before and after, in _STEPs; negative indices are from
    the end, as in any array.
    """
    most = _COARSE[-1] + 2
    steps = [*range(most + 1), *range(-most, 0)]
    return np.array(
        [[_warp(side, left / _STEP, right / _STEP) for right in steps] for left in steps],
        np.float32,
    )


def _warp(side: int, cut_left: float, cut_right: float) -> _Shades:
    places = (np.arange(side) + 0.5) / side
    at = (cut_left + (1 - cut_left - cut_right) * places) * side - 0.5
    before = np.clip(np.floor(at).astype(int), 0, side - 2)
    share = np.clip(at - before, 0, 1)
    warp = np.zeros((side, side))
    warp[before, np.arange(side)] = 1 - share
    warp[before + 1, np.arange(side)] += share
    return warp
