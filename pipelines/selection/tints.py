"""Compares the colours of pictures that are alike, as they lie before anything is fitted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.media.looks import Cells

#: Levels by which a picture without colours has more red or blue than grey; one with colours, most.
MOST_GREY = 10
STRENGTHS = (0.8, 1.25)  # of colours, of a copy that is brighter or has more contrast
#: Largest difference of the tints of duplicates; one part in so many of the picture may differ
#: more. JPEG smears the colours of small pictures. Where pictures must be fitted first, their mean
#: colours have to be enough.
_MOST_TINT, _MOST_TINT_SMALL = 16, 50
_SMALL = 64  # pixels of a small picture's shorter side
_TINT_RANK_PARTS = 36
_TINY = 1e-9

Flags = npt.NDArray[np.bool_]
Tints = npt.NDArray[np.int16] | npt.NDArray[np.float64]


def have_same_tints(first: Cells, second: Cells) -> Flags:
    """Tells whether pictures that fit as they are have one tint, or one of them has none."""
    tints = [side.tints.reshape(len(side.tints), -1) for side in (first, second)]
    without = np.minimum(*(np.abs(side).max(axis=1) for side in tints)) <= MOST_GREY
    # What makes a copy brighter makes its colours as much stronger.
    contrasts = [side.shades.std(axis=(1, 2)) + _TINY for side in (first, second)]
    stronger = np.clip(contrasts[0] / contrasts[1], *STRENGTHS)[:, None, None, None]
    levels = np.minimum(
        _tint_difference(first.tints, second.tints),
        _tint_difference(first.tints, stronger * second.tints),
    )
    small = np.minimum(first.sizes, second.sizes).min(axis=1) < _SMALL
    most = np.where(small, _MOST_TINT_SMALL, _MOST_TINT)
    same: Flags = without | (levels <= most)
    return same


def _tint_difference(first: Tints, second: Tints) -> npt.NDArray[np.float64]:
    """Returns by how much tints differ, but for a small part of the picture, [pairs]."""
    differences = np.abs(first - second).max(axis=-1).reshape(len(first), -1)
    differences.sort(axis=1)
    # In tenths, so that the last digits of quotients decide nothing.
    levels: npt.NDArray[np.float64] = differences[:, -1 - differences.shape[1] // _TINT_RANK_PARTS]
    return levels.round(1)
