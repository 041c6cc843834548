"""Computes perceptual hashes of pictures, for finding near-duplicates.

All arithmetic is in integers, so that a hash is the same on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 64  # pixels on each side of the grey picture that is transformed
_HASH_SIDE = 16  # rows of frequencies that are kept, and as many columns
_SCALE = 1 << 14  # fixed-point scale of the cosines
_COLOUR_SIDE = 4

# Thresholds measured on 2,500 drawn scenes; docs/media.md has the distributions.
NEAR_BITS = 72
NEAR_COLOUR = 28


@dataclass(frozen=True, slots=True)
class PerceptualSignature:
    """What near-duplicates are compared by.

    Attributes:
        phash: A 256-bit hash in hex.
        colour: The mean colours of a 4 x 4 grid (RGB, row by row) in hex.
    """

    phash: str
    colour: str


def perceptual_signature(image: Image.Image) -> PerceptualSignature:
    """Returns the hash and the mean colours of an RGB picture."""
    return PerceptualSignature(phash256(image), colour_signature(image))


def _cosines(count: int) -> NDArray[np.int64]:
    """Returns the first `count` rows of the discrete cosine transform, in fixed point."""
    return np.array(
        [
            [
                round(_SCALE * math.cos(math.pi * row * (2 * column + 1) / (2 * _SIDE)))
                for column in range(_SIDE)
            ]
            for row in range(count)
        ],
        dtype=np.int64,
    )


_BASIS = _cosines(_HASH_SIDE)


def phash256(image: Image.Image) -> str:
    """Returns 256 bits as 64 hex digits: whether each low frequency is above their median."""
    grey = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(grey, dtype=np.int64)
    frequencies = (_BASIS @ pixels @ _BASIS.T).ravel()
    # The constant term is left out: it is the brightness of the picture, not what it shows.
    ordered = np.sort(frequencies[1:])
    median = ordered[len(ordered) // 2]
    bits = frequencies > median
    bits[0] = False
    return np.packbits(bits).tobytes().hex()


def colour_signature(image: Image.Image) -> str:
    """Returns the mean colours of a 4 x 4 grid as 96 hex digits."""
    grid = (_COLOUR_SIDE, _COLOUR_SIDE)
    small = image.convert("RGB").resize(grid, Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8).tobytes().hex()
