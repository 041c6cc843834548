"""Tells whether it is certain that two pictures that are alike show the same work.

What another file of one work changes is small, or spread over the picture: edges that are resampled
or lie a little elsewhere, grain, brightness. Where two works of a series differ, as by a bar of a
chart, a word, or the colour of a vessel, a whole place is darker, lighter or of another colour, or
edges of a part of the picture are other ones, while all the rest may agree. A
copy without colours cannot be told from one of another work of the series that differs in colours
alone. It has to have the same brightness everywhere, as it has when only the colours were taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.selection.fit import Cuts, Shades, cut_off, edges_of, standardised
from pipelines.selection.residual import (
    PLAIN_RANGE,
    have_a_part_in_another_shade,
    have_other_marks,
    means_of_places,
)
from pipelines.selection.tints import MOST_GREY, STRENGTHS, Tints

_LEAST_COLOUR = 16
_PLACE_PARTS = 12  # a place is one in so many parts of a side
#: Largest mean difference in one place, in hundredths of the range of shades, by agreement in
#: thousandths: where edges agree as well as in a copy with an overlay, a place may differ more.
_AGREEMENTS, _MOST_PERCENTS = (750, 900, 950), (12, 25, 60)
_LEVELS_ANYWAY = 12  # of 255, in which a place may differ
_TINT_PLACE = 3  # parts of twelve of a side
_MOST_TINT = 7  # mean difference of red or blue in one place, with the same strength of colours
_MOST_GREY_LEVELS = 2  # difference of brightness in one place of a copy without colours
_LEAST_GREY_AGREEMENT = 950
_PART_CELLS = 12  # of a side: a part in which edges are compared
_SHOWS_PERCENT = 30  # of the mean strength of edges; in a part with less there is little to see
_LEAST_AGREEMENT_OF_PART = 250  # thousandths
#: In another file, weak edges differ first, by resampling and compression. Where strong edges agree
#: less than weak ones, pictures show other things, as tables with one grid and other numbers do.
_WEAK_PERCENT = 1  # of the range of shades; of stronger edges, no more than this counts
_SURE_AGREEMENT = 970
_LOST_BY_FIT = 10  # thousandths, by which strong edges that are fitted may agree less
_LEAST_SIDE = 64  # pixels; in a smaller picture, edges are as wide as a place

_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Alike:
    """Pairs of pictures that are alike, the second fitted to the first.

    Attributes:
        shades: Of both, each of the shape (pairs, down, across).
        tints: Of both, not fitted, each of the shape (pairs, 12, 12, 2).
        cuts: How the second was fitted (`pipelines.selection.fit.find_fit`).
        agreement: In thousandths, [pairs].
        sides: Pixels of the smaller picture's shorter side, [pairs].
    """

    shades: tuple[Shades, Shades]
    tints: tuple[Tints, Tints]
    cuts: Cuts
    agreement: npt.NDArray[np.int32]
    sides: npt.NDArray[np.int16]


def have_same_colours(pairs: Alike) -> _Flags:
    """Tells which pairs have the same colours, or of which one has lost them, [pairs]."""
    most_red_or_blue = [np.abs(side).max(axis=(1, 2, 3), initial=0) for side in pairs.tints]
    both = np.minimum(*most_red_or_blue) > MOST_GREY
    lost = ~both & (np.maximum(*most_red_or_blue) > _LEAST_COLOUR)
    small = pairs.sides < _LEAST_SIDE
    same: _Flags = small | ~both | ~_differ_in_colour(pairs)
    same &= ~lost | _lost_colours_alone(pairs)
    return same


def have_same_shades(pairs: Alike) -> _Flags:
    """Tells in which pairs no place is darker or lighter by much, [pairs]."""
    same: _Flags = (pairs.sides < _LEAST_SIDE) | ~(
        _differ_in_one_place(pairs)
        | have_a_part_in_another_shade(*pairs.shades, _place_of(pairs.shades[0]))
    )
    return same


def is_certain(pairs: Alike, possible: _Flags) -> _Flags:
    """Tells which pairs show the same work for certain, as far as 48 cells a side tell, [pairs].

    Args:
        pairs: What is compared.
        possible: Which of them have the same colours and shades.
    """
    disagree = (
        _disagree_in_one_part(pairs)
        | _disagree_in_strong_edges(pairs)
        | have_other_marks(pairs.shades[0], matched(pairs))
    )
    same: _Flags = possible & ((pairs.sides < _LEAST_SIDE) | ~disagree)
    return same


def _differ_in_one_place(pairs: Alike) -> _Flags:
    first = pairs.shades[0]
    levels = _largest_in_one_place(matched(pairs) - first, _place_of(first))
    percent = np.interp(pairs.agreement, _AGREEMENTS, _MOST_PERCENTS)
    spans = np.ptp(first, axis=(1, 2))
    differ: _Flags = levels > np.maximum(_LEVELS_ANYWAY, spans * percent / 100)
    return differ


def matched(pairs: Alike) -> Shades:
    """Returns the second pictures with the brightness and contrast of the first."""
    first, second = pairs.shades
    scaled = standardised(second) * first.std(axis=(1, 2))[:, None, None]
    shifted: Shades = scaled + first.mean(axis=(1, 2))[:, None, None]
    return shifted


def _disagree_in_one_part(pairs: Alike) -> _Flags:
    """Tells where edges of a part with something to see are not those of the other picture."""
    first, second = map(edges_of, pairs.shades)
    both, own, other = map(_sums_of_parts, (first * second, first**2, second**2))
    strength = np.maximum(own, other)
    shows = 100 * strength >= _SHOWS_PERCENT * strength.mean(axis=1, keepdims=True)
    agreement = np.rint(1000 * both / np.sqrt(own * other + 1))
    disagree: _Flags = (shows & (agreement < _LEAST_AGREEMENT_OF_PART)).any(axis=1)
    return disagree


def _disagree_in_strong_edges(pairs: Alike) -> _Flags:
    """Tells where edges agree less than they do if strong ones count no more than weak ones."""
    first = pairs.shades[0]
    spans = np.ptp(first, axis=(1, 2))
    most = (spans * _WEAK_PERCENT / 100)[:, None, None]
    one, two = (np.clip(edges_of(side), -most, most) for side in (first, matched(pairs)))
    products = [(a * b).sum(axis=(1, 2)) for a, b in ((one, two), (one, one), (two, two))]
    evenly = np.rint(1000 * products[0] / np.sqrt(products[1] * products[2] + 1e-9))
    evenly -= np.where(pairs.cuts.any(axis=(0, 2)), _LOST_BY_FIT, 0)
    disagree: _Flags = spans >= PLAIN_RANGE
    disagree &= pairs.agreement < np.minimum(evenly, _SURE_AGREEMENT)
    return disagree


def _sums_of_parts(cells: Shades) -> Shades:
    """Returns the sums of parts, [pairs, parts]."""
    down, across = (max(1, side // _PART_CELLS) for side in cells.shape[1:])
    few = cells[:, : down * _PART_CELLS, : across * _PART_CELLS]
    parts = few.reshape(len(cells), down, few.shape[1] // down, across, few.shape[2] // across)
    sums: Shades = parts.sum(axis=(2, 4)).reshape(len(cells), down * across)
    return sums


def _differ_in_colour(pairs: Alike) -> _Flags:
    first, unfitted = (side.astype(np.float64) for side in pairs.tints)
    second = np.stack([cut_off(unfitted[..., at], pairs.cuts) for at in (0, 1)], axis=-1)
    both, own = ((first * second).sum(axis=(1, 2, 3)), (second**2).sum(axis=(1, 2, 3)))
    strength = np.clip(both / np.maximum(own, 1), *STRENGTHS)[:, None, None, None]
    difference = first - strength * second
    levels = np.maximum(
        *(_largest_in_one_place(difference[..., at], (_TINT_PLACE,) * 2) for at in (0, 1))
    )
    differ: _Flags = levels > _MOST_TINT
    return differ


def _lost_colours_alone(pairs: Alike) -> _Flags:
    first, second = pairs.shades
    levels = _largest_in_one_place(second - first, _place_of(first))
    same: _Flags = levels <= _MOST_GREY_LEVELS
    return same & (pairs.agreement >= _LEAST_GREY_AGREEMENT)


def _place_of(shades: Shades) -> tuple[int, int]:
    """Returns how many cells a place has, down and across."""
    down, across = (max(1, side // _PLACE_PARTS) for side in shades.shape[1:])
    return down, across


def _largest_in_one_place(difference: Shades, place: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Returns the largest mean difference of a place, in tenths of levels, [pairs]."""
    means = means_of_places(difference, place)
    # Rounded, so that the last digits of sums, which differ between machines, decide nothing.
    largest: npt.NDArray[np.float64] = np.abs(means).max(axis=(1, 2)).round(1)
    return largest
