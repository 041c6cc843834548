"""Measures a decoded picture without a model: how sharp it is, how bright, what is clipped.

All arithmetic is in whole numbers, so a picture's measures are the same on every machine that
decodes it to the same pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BLUR = 9  # pixels over which a picture is blurred for comparison
_LEAST_STEP = 3  # levels, of 255; rounding makes smaller steps of a smooth slope, which look steep
_BLACK, _WHITE = 2, 253  # shades of grey, of 255, up to and from which there is no detail
_MILLI = 1000


@dataclass(frozen=True)
class Measured:
    """What is measured of a picture, in thousandths.

    Attributes:
        sharpness_milli: How much of its steps from pixel to pixel a blur takes away; see
            `_sharpness`.
        brightness_milli: Mean shade of grey: 0 is black, 1000 white.
        shadows_milli: Share of the pixels that are black.
        highlights_milli: Share of the pixels that are white.
    """

    sharpness_milli: int
    brightness_milli: int
    shadows_milli: int
    highlights_milli: int


def measure_picture(image: Image.Image) -> Measured:
    """Measures an RGB picture as it is shown to models: at most 512 pixels on its longest side."""
    grey = image.convert("L")
    counts = np.array(grey.histogram(), np.int64)
    pixels = int(counts.sum())
    total = int((counts * np.arange(256)).sum())
    turned = grey.transpose(Image.Transpose.TRANSPOSE)
    return Measured(
        sharpness_milli=min(_sharpness(np.asarray(grey)), _sharpness(np.asarray(turned))),
        brightness_milli=_rounded(_MILLI * total, 255 * pixels),
        shadows_milli=_rounded(_MILLI * int(counts[: _BLACK + 1].sum()), pixels),
        highlights_milli=_rounded(_MILLI * int(counts[_WHITE:].sum()), pixels),
    )


def measure_medium(frames: Sequence[Image.Image]) -> Measured:
    """Measures a picture, or a film by its sampled frames: each measure is the middle one's.

    Of an even number of frames, it is the lower of the two in the middle.
    """
    each = [measure_picture(frame) for frame in frames]
    return Measured(
        **{
            name: sorted(getattr(one, name) for one in each)[(len(each) - 1) // 2]
            for name in Measured.__dataclass_fields__
        }
    )


def _sharpness(grey: NDArray[np.uint8]) -> int:
    """Returns how much of a picture's steps along its rows a blur takes away, in thousandths.

    This is one minus the blur metric of Crete et al., "The blur effect" (2007): a sharp picture
    loses most of its steps when it is blurred once more, a blurred one hardly any. How high the
    steps are hardly matters, only how steep: but those of less than three levels are left out. A
    blur of 9 pixels makes of the step between two neighbours a ninth of that between the pixels 5
    to the right and 4 to the left.
    """
    if grey.shape[1] <= _BLUR:
        return 0
    shades, half = grey.astype(np.int16), _BLUR // 2
    steps = np.abs(shades[:, half + 1 : -half] - shades[:, half : -half - 1])
    steps *= steps >= _LEAST_STEP
    steps *= _BLUR
    blurred = np.abs(shades[:, _BLUR:] - shades[:, :-_BLUR])
    whole = int(steps.sum(dtype=np.int64))
    lost = int((np.maximum(steps, blurred) - blurred).sum(dtype=np.int64))
    return _rounded(_MILLI * lost, whole) if whole else 0


def _rounded(part: int, whole: int) -> int:
    return (2 * part + whole) // (2 * whole)
