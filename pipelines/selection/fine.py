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

Pairs that are alike are then compared in finer cells (`pipelines.selection.closely`): nobody is
dropped for another digit, or for a small thing that moved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipelines.media.looks import Cells, details_of
from pipelines.selection.aligned import Picture
from pipelines.selection.certain import (
    Alike,
    have_same_colours,
    have_same_shades,
    is_certain,
    matched,
)
from pipelines.selection.closely import CLOSE_SIDES, Doubt, is_same
from pipelines.selection.fit import (
    Cuts,
    FitStep,
    Shades,
    correlation,
    cut_off,
    edges_of,
    find_fit,
    finely_fitted,
    resized,
    standardised,
)
from pipelines.selection.residual import (
    LEAST_AGREEMENT_FINE,
    MOST_LEVELS_FINE,
    have_other_marks,
)
from pipelines.selection.tints import have_same_tints

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
_FITTED_AGREEMENT = 980  # with less, pairs that are not certain as they are are fitted as well
_PROMISING_AGREEMENT = 250  # enough to look for a finer fit
_LEVELS_ANYWAY = 24  # of 255; an overlay differs by as much from a plain surface
_RANK_PARTS = 170  # one cell in so many may differ more: those on a sharp edge
_SMOOTH_PERCENT = 3  # smooth pictures are equal if no cell differs by more of the range
_SMOOTH_RANGE = 40  # levels; with less, the grain of different surfaces differs as little
_SIDES = (48, 32, 24, 16, 12, 8, 4)  # cells in which pictures of fewer pixels are compared
#: In how many cells of a side a fit is looked for, and in which direction, next to what was found
#: or everywhere.
_FITS: tuple[tuple[int, tuple[FitStep, ...]], ...] = (
    (24, ((0, False), (1, False), (0, False), (1, True), (0, True))),
    (48, ((1, True), (0, True))),
)
_PICTURES_KEPT = 24  # of those that are compared closely, each of up to 0.7 MiB
_PAIRS_KEPT = 256  # of which it is known whether they are the same, a few bytes each
_PAIRS_AT_ONCE = 64  # bounds the memory to a few times 64 x 49 x 2 KiB

_Flags = npt.NDArray[np.bool_]
_Packed = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Comparison:
    """What was measured of pairs.

    Attributes:
        agreement: In thousandths, [pairs].
        difference: Levels of 255, [pairs].
        alike: Whether the pair may show the same, [pairs].
        certain: Whether it does so for certain (`pipelines.selection.certain`), [pairs].
    """

    agreement: npt.NDArray[np.int32]
    difference: npt.NDArray[np.int32]
    alike: _Flags
    certain: _Flags


@dataclass(frozen=True)
class _Judged:
    agreement: npt.NDArray[np.int32]
    difference: npt.NDArray[np.int32]
    alike: _Flags


def compare_cells(first: Cells, second: Cells) -> Comparison:
    """Compares pairs of pictures, the first of the one with the first of the other, and so on."""
    count = len(first.shades)
    # The same picture is in many pairs, one after another, and of some pictures there are many.
    pictures = lru_cache(_PICTURES_KEPT)(picture_of)

    @lru_cache(_PAIRS_KEPT)
    def are_same(one: bytes, two: bytes, side: int, cuts: bytes, doubt: Doubt) -> bool:
        fits = np.frombuffer(cuts, np.int64).reshape(2, 2)
        return is_same(pictures(one, side), pictures(two, side), fits, doubt)

    agreement, difference = np.zeros((2, count), np.int32)
    alike, certain = np.zeros((2, count), np.bool_)
    sizes = np.minimum(first.sizes, second.sizes)
    sides = np.select([sizes >= side for side in _SIDES], _SIDES, _SIDES[-1])
    for across, down in np.unique(sides, axis=0).tolist():
        group = np.flatnonzero((sides == (across, down)).all(axis=1))
        for start in range(0, len(group), _PAIRS_AT_ONCE):
            few = group[start : start + _PAIRS_AT_ONCE]
            one, two = (resized(side.shades[few], across, down) for side in (first, second))
            found, cuts = _compare(one, two, have_same_tints(first[few], second[few]))
            agreement[few], difference[few] = found.agreement, found.difference
            alike[few] = found.alike
            at = np.flatnonzero(found.alike)
            tints = (first.tints[few[at]], second.tints[few[at]])
            least = sizes[few[at]].min(axis=1)
            fits = cuts[:, at]
            shades = (one[at], cut_off(two[at], fits))
            pairs = Alike(shades, tints, fits, found.agreement[at], least)
            same_colours = have_same_colours(pairs)
            possible = same_colours & have_same_shades(pairs)
            at_once = is_certain(pairs, possible)
            at_once |= _certain_if_fitted(pairs, two[at], at_once)
            doubts = np.select([at_once, possible], [Doubt.NOTHING, Doubt.EDGES], Doubt.SHADES)
            sides_of_pairs = (first.packed[few[at]], second.packed[few[at]])
            certain[few[at]] = _confirmed(
                sides_of_pairs, pairs, doubts, at_once | same_colours, are_same
            )
    return Comparison(agreement, difference, alike, certain)


def _compare(first: Shades, second: Shades, same_tints: _Flags) -> tuple[_Judged, Cuts]:
    """Returns what was measured, and how the second pictures were fitted, if they were."""
    found = _judge(first, second, np.full(len(first), _MOST_PERCENT))
    found.alike[~same_tints] = False
    related = correlation(standardised(first), standardised(second)) >= _LEAST_CORRELATION
    fit = np.flatnonzero(related & (found.agreement < _CLEAR_AGREEMENT))
    used = np.zeros((2, len(first), 2), np.int64)  # across and down; at both ends
    cuts = used[:, fit]
    most_percent = np.where(found.agreement < _UNFIT_AGREEMENT, _MOST_PERCENT_FITTED, _MOST_PERCENT)
    for most_cells, steps in _FITS:
        if not len(fit):
            break
        cuts = find_fit(first[fit], second[fit], cuts, most_cells, steps)
        fitted = _judge(first[fit], cut_off(second[fit], cuts), most_percent[fit])
        gained = fitted.agreement - found.agreement[fit]
        better = gained >= np.where(used[:, fit].any(axis=(0, 2)), 1, _BETTER)
        for name in ("agreement", "difference", "alike"):
            getattr(found, name)[fit[better]] = getattr(fitted, name)[better]
        used[:, fit[better]] = cuts[:, better]
        promising = better & (fitted.agreement >= _PROMISING_AGREEMENT)
        fit, cuts = fit[promising], cuts[:, promising]
    return found, used


def _certain_if_fitted(pairs: Alike, second: Shades, certain: _Flags) -> _Flags:
    """Tells which of the pairs that are not certain become so by a finer fit, [pairs].

    A copy that lacks a hundredth of a side may agree too well for a fit to be looked for, but not
    well enough to be certain.

    Args:
        pairs: Fitted so far.
        second: The second pictures as they are.
        certain: Which pairs are certain, [pairs].
    """
    at = np.flatnonzero(~certain & (pairs.agreement < _FITTED_AGREEMENT))
    became = np.zeros(len(certain), np.bool_)
    if not len(at):
        return became
    one, two, cuts = pairs.shades[0][at], second[at], pairs.cuts[:, at]
    unfitted = np.flatnonzero(~cuts.any(axis=(0, 2)))
    for most_cells, steps in _FITS:
        cuts[:, unfitted] = find_fit(
            one[unfitted], two[unfitted], cuts[:, unfitted], most_cells, steps
        )
    fitted = finely_fitted(one, two, cuts)
    found = _judge(one, fitted, np.full(len(at), _MOST_PERCENT))
    better = found.alike & (found.agreement > pairs.agreement[at])
    tints = (pairs.tints[0][at], pairs.tints[1][at])
    again = Alike((one, fitted), tints, cuts, found.agreement, pairs.sides[at])
    better &= ~have_other_marks(one, matched(again), LEAST_AGREEMENT_FINE, MOST_LEVELS_FINE)
    became[at] = better & is_certain(again, have_same_colours(again) & have_same_shades(again))
    return became


def _confirmed(
    sides: tuple[_Packed, _Packed],
    pairs: Alike,
    doubts: npt.NDArray[np.int64],
    comparable: _Flags,
    are_same: Callable[[bytes, bytes, int, bytes, Doubt], bool],
) -> _Flags:
    """Tells which pairs are certain when their finer cells are compared, [pairs].

    Args:
        sides: The pictures' cells as they are stored.
        pairs: Fitted so far.
        doubts: What coarser cells say against each pair, [pairs].
        comparable: Which pairs are compared, [pairs]: those that are certain so far or have the
            same colours. Finer cells have none, so that no other pair becomes certain.
        are_same: Compares two pictures closely (`is_same`), from their cells as they are stored, in
            how many cells of a side, the bytes of their cuts, and the doubt.
    """
    confirmed: _Flags = doubts == Doubt.NOTHING
    for at in np.flatnonzero(comparable & (pairs.sides >= CLOSE_SIDES[-1])).tolist():
        side = next(side for side in CLOSE_SIDES if side <= pairs.sides[at])
        one, two = (packed[at] for packed in sides)
        cuts = pairs.cuts[:, at].tobytes()
        confirmed[at] = are_same(one, two, side, cuts, Doubt(doubts[at]))
    return confirmed


def picture_of(packed: bytes, side: int) -> Picture:
    """Returns a picture to compare closely.

    Args:
        packed: Its cells as they are stored (`pipelines.media.looks.Look`).
        side: In how many cells of a side it is compared.
    """
    return Picture(resized(details_of(packed)[None], side, side)[0])


def _judge(first: Shades, second: Shades, most_percent: npt.NDArray[np.int64]) -> _Judged:
    spans = np.ptp(first, axis=(1, 2))
    agreement = correlation(standardised(edges_of(first)), standardised(edges_of(second)))
    matched = standardised(second) * first.std(axis=(1, 2))[:, None, None]
    matched += first.mean(axis=(1, 2))[:, None, None]
    differences = np.sort(np.abs(matched - first).reshape(len(first), -1), axis=1)
    rank = 1 + differences.shape[1] // _RANK_PARTS
    difference = np.rint(differences[:, -rank]).astype(np.int32)
    percent = np.where(agreement >= _SURE_AGREEMENT, _MOST_PERCENT_SURE, most_percent)
    most = np.maximum(_LEVELS_ANYWAY, spans * percent / 100)
    unmatched = np.abs(first - second).max(axis=(1, 2))
    smooth = (spans >= _SMOOTH_RANGE) & (100 * unmatched <= _SMOOTH_PERCENT * spans)
    alike = smooth | ((agreement >= LEAST_AGREEMENT) & (difference <= most))
    return _Judged(agreement, difference, alike)
