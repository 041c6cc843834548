"""Tells what is left between two fitted pictures when brightness and contrast are made equal.

Of two files of one work, what is left is grain, edges that are a little softer or lie a little
elsewhere, or a mark that was laid over one of them. Two kinds of remains come from another work.

*Other marks*: in one place, the edges of the one are not those of the other, and what is left is
lighter in some parts and darker in others, as where other words stand in a balloon or other numbers
in a table. What a watermark leaves is lighter everywhere or darker everywhere.

*A part in another shade*: much of the picture is exactly the same, while the rest has another
brightness, as a product before one background. A file that was brightened is changed everywhere,
but for what is black or white.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.selection.fit import Shades, edges_of

_MARK_CELLS = 4  # of a side of a place in which marks are compared
_LEAST_CELLS = 24  # of a picture's side; with fewer, a mark is smaller than a cell
_SHOWS_PERCENT = 30  # of the mean strength of edges; in a place with less there is little to see
LEAST_AGREEMENT = 300  # thousandths; with less, edges of a place are other ones
#: The same of pictures that were fitted more finely: that softens what differs.
LEAST_AGREEMENT_FINE = 500
MOST_LEVELS = 1.5  # of 255, that are left on both sides
#: The same of pictures that were fitted more finely: a cut between two cells leaves a little more
#: at each edge, and there more agreement is asked for.
MOST_LEVELS_FINE = 3.0
#: A part in another shade: so much of the picture is the same within some levels, while a place
#: differs by more, and the contrast of the whole by more than that of a file saved again.
_SAME_PERCENT, _SAME_LEVELS, _OTHER_LEVELS, _CONTRAST_PERCENT = 35, 1.5, 9, 5
#: Levels from the darkest cell to the lightest: a surface with less is plain. Nothing on it has
#: another shade than the rest, and an overlay has the strongest edges.
PLAIN_RANGE = 80
BLACK, WHITE = 8, 247  # levels that brightening leaves as they are

Flags = npt.NDArray[np.bool_]


def means_of_places(values: Shades, place: tuple[int, int]) -> Shades:
    """Returns the mean of each place, [pairs, places down, places across].

    Args:
        values: [pairs, down, across].
        place: How many cells a place has, down and across.
    """
    down, across = place
    sums = np.pad(values, ((0, 0), (1, 0), (1, 0))).cumsum(axis=1).cumsum(axis=2)
    rows = sums[:, down:] - sums[:, :-down]
    means: Shades = (rows[:, :, across:] - rows[:, :, :-across]) / (down * across)
    return means


def have_other_marks(
    first: Shades,
    matched: Shades,
    least_agreement: int = LEAST_AGREEMENT,
    most_levels: float = MOST_LEVELS,
) -> Flags:
    """Tells in which pairs a place has other marks, [pairs].

    Args:
        first: [pairs, down, across].
        matched: The second pictures with the brightness and contrast of the first.
        least_agreement: In thousandths; with less, edges of a place are other ones.
        most_levels: Of 255, that may be left on both sides.
    """
    if min(first.shape[1:]) < _LEAST_CELLS:
        return np.zeros(len(first), np.bool_)
    place = (_MARK_CELLS, _MARK_CELLS)
    left = matched - first
    total, mean = (means_of_places(part, place) for part in (np.abs(left), left))
    one, two = edges_of(first), edges_of(matched)
    both, own, other = (means_of_places(part, place) for part in (one * two, one**2, two**2))
    strength = np.maximum(own, other)
    shows = 100 * strength >= _SHOWS_PERCENT * strength.mean(axis=(1, 2), keepdims=True)
    squares = np.maximum(own, 0) * np.maximum(other, 0)
    agreement = np.rint(1000 * both / np.sqrt(squares + 1e-6))
    unlike = shows & (agreement < least_agreement)
    # Lighter and darker within one place, or lighter in one place and darker in another.
    within = ((total - np.abs(mean)) * unlike).max(axis=(1, 2))
    between = np.minimum((mean * unlike).max(axis=(1, 2)), (-mean * unlike).max(axis=(1, 2)))
    # Rounded, so that the last digits of sums, which differ between machines, decide nothing.
    marks: Flags = np.maximum(within, between).round(1) > most_levels
    return marks


def have_a_part_in_another_shade(first: Shades, second: Shades, place: tuple[int, int]) -> Flags:
    """Tells in which pairs a part has another brightness while the rest is the same, [pairs].

    Args:
        first: [pairs, down, across].
        second: As many, in their own brightness and contrast.
        place: How many cells a place has, down and across.
    """
    difference = second - first
    levels = np.abs(means_of_places(difference, place)).max(axis=(1, 2)).round(1)
    same = (np.abs(difference) <= _SAME_LEVELS) & (first > BLACK) & (first < WHITE)
    contrast = first.std(axis=(1, 2)) / (second.std(axis=(1, 2)) + 1e-9)
    more_contrast = np.abs(100 * contrast - 100).round(1) > _CONTRAST_PERCENT
    mostly_same = 100 * same.mean(axis=(1, 2)) > _SAME_PERCENT
    has_part: Flags = (levels > _OTHER_LEVELS) & mostly_same & more_contrast
    return has_part
