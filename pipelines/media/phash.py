"""Perceptual hashes: what a picture looks like, in a few bytes, for finding near-duplicates.

All arithmetic is in integers, so that a hash is the same on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 64  # pixels a side of the grey picture that is transformed
_HASH_SIDE = 16  # rows of frequencies that are kept, and as many columns
_SCALE = 1 << 14  # fixed point of the cosines
_COLOUR_SIDE = 4

# Measured on 2,500 drawn scenes; docs/media.md has the distributions.
NEAR_BITS = 72
NEAR_COLOUR = 28


@dataclass(frozen=True, slots=True)
class PerceptualSignature:
    """How a picture looks.

    Attributes:
        phash: 256 bits in hex.
        colour: 4 x 4 mean colours (RGB, row by row) in hex.
    """

    phash: str
    colour: str


def perceptual_signature(image: Image.Image) -> PerceptualSignature:
    """Hash and colours of an RGB picture."""
    return PerceptualSignature(phash256(image), colour_signature(image))


def _cosines(count: int) -> NDArray[np.int64]:
    """The first rows of the discrete cosine transform, in fixed point."""
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
    """256 bits, 64 hex digits: whether each low frequency lies above their median."""
    grey = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(grey, dtype=np.int64)
    frequencies = (_BASIS @ pixels @ _BASIS.T).ravel()
    # The constant term says how bright the picture is, not what it shows.
    ordered = np.sort(frequencies[1:])
    median = ordered[len(ordered) // 2]
    bits = frequencies > median
    bits[0] = False
    return np.packbits(bits).tobytes().hex()


def colour_signature(image: Image.Image) -> str:
    """Mean colours of a 4 x 4 grid, 96 hex digits."""
    grid = (_COLOUR_SIDE, _COLOUR_SIDE)
    small = image.convert("RGB").resize(grid, Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8).tobytes().hex()
