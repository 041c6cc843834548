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
    """Returns the first `count` + 1 rows of the discrete cosine transform, in fixed point."""
    return np.array(
        [
            [
                round(_SCALE * math.cos(math.pi * row * (2 * column + 1) / (2 * _SIDE)))
                for column in range(_SIDE)
            ]
            for row in range(count + 1)
        ],
        dtype=np.int64,
    )


_BASIS = _cosines(16)


def _hash(image: Image.Image, side: int) -> str:
    """Returns `side` squared bits in hex: whether each low frequency is above their median."""
    grey = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(grey, dtype=np.int64)
    basis = _BASIS[:side]
    frequencies = (basis @ pixels @ basis.T).ravel()
    # The constant term is left out: it is the brightness of the picture, not what it shows.
    ordered = np.sort(frequencies[1:])
    median = ordered[len(ordered) // 2]
    bits = frequencies > median
    bits[0] = False
    return np.packbits(bits).tobytes().hex()


def phash256(image: Image.Image) -> str:
    """Returns a 256-bit hash as 64 hex digits."""
    return _hash(image, 16)


def phash64(image: Image.Image) -> str:
    """Returns a 64-bit hash as 16 hex digits."""
    return _hash(image, 8)


def colour_signature(image: Image.Image) -> str:
    """Returns the mean colours of a 4 x 4 grid as 96 hex digits."""
    grid = (_COLOUR_SIDE, _COLOUR_SIDE)
    small = image.convert("RGB").resize(grid, Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8).tobytes().hex()


def hamming(a: str, b: str) -> int:
    """Returns how many bits of two hashes differ.

    Raises:
        ValueError: The hashes have different lengths.
    """
    if len(a) != len(b):
        raise ValueError(f"hashes of {len(a)} and {len(b)} digits cannot be compared")
    return (int(a, 16) ^ int(b, 16)).bit_count()


def colour_distance(a: str, b: str) -> int:
    """Returns the largest difference in any channel of any cell, from 0 to 255."""
    pairs = zip(bytes.fromhex(a), bytes.fromhex(b), strict=True)
    return max(abs(one - other) for one, other in pairs)


def is_near(a: PerceptualSignature, b: PerceptualSignature) -> bool:
    """Tells whether two pictures are near-duplicates: resized, recompressed or slightly cropped."""
    return (
        hamming(a.phash, b.phash) <= NEAR_BITS
        and colour_distance(a.colour, b.colour) <= NEAR_COLOUR
    )
