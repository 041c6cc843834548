"""Compares two pictures by their grey cells, finely enough that nobody is dropped for a likeness.

A hash of low frequencies tells scenes apart, but not two pages of text in one layout or two icons
of one weight. Here two things are measured. The *agreement* is the correlation of what remains when
each cell's surroundings are taken away: edges, letters and grain, which are the same in a copy and
unrelated in another picture. The *difference* is that of the cells that differ most, when both
pictures have one brightness and contrast: two pictures of a series may agree but for a letter.

A copy may be cropped a little, so the second picture is first shifted and stretched to fit the
first, if that is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.media.looks import CELLS_SIDE

Cells = npt.NDArray[np.float64]

#: Least agreement of duplicates, in thousandths. Copies of 240 drawn works had 600 and more,
#: different works of one kind at most 464 (docs/media.md).
LEAST_AGREEMENT = 550
_CLEAR_AGREEMENT = 800  # enough not to look for a better fit
_LEAST_CORRELATION = 200  # with less, no fit is looked for: the pictures have nothing in common
#: Largest difference of duplicates, in hundredths of the picture's range of shades, by the least
#: agreement for it. Where pictures do not fit exactly, edges differ more.
MOST_DIFFERENCE = ((950, 25), (900, 30), (800, 40), (LEAST_AGREEMENT, 45))
_PERCENTS = [percent for _, percent in MOST_DIFFERENCE]
_LEVELS_ANYWAY = 24  # of 255; an overlay differs by as much from a plain surface
_RANK = 6  # the sixth largest counts, since a few cells on a sharp edge may differ more
_SMOOTH_PERCENT = 3  # smooth pictures are equal if no cell differs by more of the range
_SMOOTH_RANGE = 40  # levels; with less, the grain of different surfaces differs as little
_CROPS = (-0.045, -0.03, -0.015, 0.0, 0.015, 0.03, 0.045)  # shares of a side cut off, or added
_PAIRS_AT_ONCE = 64  # bounds the memory to a few times 64 x 49 x 8 KiB
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
    """Compares pairs of pictures by their cells, in levels of 255, [pairs, 32, 32] each."""
    parts = [
        _compare(first[at : at + _PAIRS_AT_ONCE], second[at : at + _PAIRS_AT_ONCE])
        for at in range(0, len(first), _PAIRS_AT_ONCE)
    ]
    empty = np.zeros(0, np.int32)
    return Comparison(
        np.concatenate([empty, *(part.agreement for part in parts)]),
        np.concatenate([empty, *(part.difference for part in parts)]),
        np.concatenate([empty.astype(np.bool_), *(part.alike for part in parts)]),
    )


def _compare(first: Cells, second: Cells) -> Comparison:
    fitted = second.copy()
    as_they_are = _judge(first, fitted)
    related = _correlation(_standard(first), _standard(second)) >= _LEAST_CORRELATION
    clear = as_they_are.alike & (as_they_are.agreement >= _CLEAR_AGREEMENT)
    fit = np.flatnonzero(related & ~clear)
    if not len(fit):
        return as_they_are
    fitted[fit] = _fitted(first[fit], second[fit])
    refitted = _judge(first, fitted)
    better = refitted.agreement > as_they_are.agreement
    return Comparison(
        np.where(better, refitted.agreement, as_they_are.agreement),
        np.where(better, refitted.difference, as_they_are.difference),
        np.where(better, refitted.alike, as_they_are.alike) | as_they_are.alike,
    )


def _judge(first: Cells, second: Cells) -> Comparison:
    spans = np.ptp(first, axis=(1, 2))
    agreement = _correlation(_standard(_edges(first)), _standard(_edges(second)))
    matched = _standard(second) * first.std(axis=(1, 2))[:, None, None]
    matched += first.mean(axis=(1, 2))[:, None, None]
    differences = np.sort(np.abs(matched - first).reshape(len(first), -1), axis=1)
    difference = np.rint(differences[:, -_RANK]).astype(np.int32)
    percent = np.select([agreement >= least for least, _ in MOST_DIFFERENCE], _PERCENTS, 0)
    most = np.maximum(_LEVELS_ANYWAY, spans * percent / 100)
    unmatched = np.abs(first - second).max(axis=(1, 2))
    smooth = (spans >= _SMOOTH_RANGE) & (100 * unmatched <= _SMOOTH_PERCENT * spans)
    alike = smooth | ((agreement >= LEAST_AGREEMENT) & (difference <= most))
    return Comparison(agreement, difference, alike)


def _standard(cells: Cells) -> Cells:
    """Returns cells with mean 0 and variance 1."""
    centred = cells - cells.mean(axis=(-2, -1), keepdims=True)
    scaled: Cells = centred / (centred.std(axis=(-2, -1), keepdims=True) + _TINY)
    return scaled


def _correlation(first: Cells, second: Cells) -> npt.NDArray[np.int32]:
    """Returns the correlation of standardised cells, in thousandths.

    Thousandths, so that the last digits of sums, which differ between machines, decide nothing.
    """
    products: Cells = (first * second).mean(axis=(-2, -1))
    return np.rint(products * 1000).astype(np.int32)


def _edges(cells: Cells) -> Cells:
    """Returns by how much each cell differs from the mean of the four next to it."""
    padded = np.pad(cells, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    edges: Cells = cells - around / 4
    return edges


def _fitted(first: Cells, second: Cells) -> Cells:
    """Returns the second pictures, shifted and stretched so that they correlate best.

    The two directions are fitted in turn: across, down, and across again.
    """
    target = _standard(first)
    fitted = second
    for turned in (False, True, False):
        if turned:
            target, fitted = target.transpose(0, 2, 1), fitted.transpose(0, 2, 1)
        choices = fitted[:, None] @ _WARPS
        scores = _correlation(_standard(choices), target[:, None])
        fitted = choices[np.arange(len(first)), scores.argmax(axis=1)]
        if turned:
            target, fitted = target.transpose(0, 2, 1), fitted.transpose(0, 2, 1)
    return fitted


def _warp(cut_left: float, cut_right: float) -> Cells:
    """Returns the matrix that turns a row of cells into the row without what is cut off."""
    places = (np.arange(CELLS_SIDE) + 0.5) / CELLS_SIDE
    at = (cut_left + (1 - cut_left - cut_right) * places) * CELLS_SIDE - 0.5
    before = np.clip(np.floor(at).astype(int), 0, CELLS_SIDE - 2)
    share = np.clip(at - before, 0, 1)
    warp = np.zeros((CELLS_SIDE, CELLS_SIDE))
    warp[before, np.arange(CELLS_SIDE)] = 1 - share
    warp[before + 1, np.arange(CELLS_SIDE)] += share
    return warp


_WARPS = np.stack([_warp(left, right) for left in _CROPS for right in _CROPS])
