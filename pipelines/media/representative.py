"""Chooses the frame that represents a shot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipelines.media.shot_rules import TAPS

_MIN_SPREAD = 24 * TAPS * TAPS  # between the darkest and the brightest cell: not a blank frame


def representative_frame(
    first: int,
    end: int,
    keyframes: Sequence[int],
    spreads: npt.NDArray[np.int64],
    sharpness: npt.NDArray[np.int64],
) -> int:
    """Returns the frame that stands for the shot from `first` up to but not including `end`.

    Keyframes are preferred, since encoders give them the most bits and nothing has to be decoded
    before them; then frames that show something, then those in the middle half of the shot, away
    from fades. Of these it is the sharpest, and of equals the one nearest to the middle.

    Args:
        first: The shot's first frame.
        end: The frame after its last.
        keyframes: Numbers of the film's keyframes, in order.
        spreads: Of every frame of the film: the difference of its brightest and darkest cell.
        sharpness: Of every frame: how much neighbouring samples differ.
    """
    middle = (first + end) // 2
    quarter = (end - first) // 4
    inside = [at for at in keyframes if first <= at < end]
    shown = [at for at in inside if spreads[at] >= _MIN_SPREAD]
    if not shown:
        central = range(first + quarter, end - quarter)
        shown = [at for at in central if spreads[at] >= _MIN_SPREAD]
    candidates = shown or inside or [middle]
    central_ones = [at for at in candidates if first + quarter <= at < end - quarter]
    return max(
        central_ones or candidates, key=lambda at: (int(sharpness[at]), -abs(at - middle), -at)
    )
