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
    """The first rows of the discrete cosine transform, without the constant one, in fixed point."""
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
    """`side` squared bits: whether each low frequency lies above their median."""
    grey = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(grey, dtype=np.int64)
    basis = _BASIS[:side]
    frequencies = (basis @ pixels @ basis.T).ravel()
    # The constant term says how bright the picture is, not what it shows.
    ordered = np.sort(frequencies[1:])
    median = ordered[len(ordered) // 2]
    bits = frequencies > median
    bits[0] = False
    return np.packbits(bits).tobytes().hex()


def phash256(image: Image.Image) -> str:
    """A 256-bit hash, 64 hex digits."""
    return _hash(image, 16)


def phash64(image: Image.Image) -> str:
    """A 64-bit hash, 16 hex digits."""
    return _hash(image, 8)


def colour_signature(image: Image.Image) -> str:
    """Mean colours of a 4 x 4 grid, 96 hex digits."""
    grid = (_COLOUR_SIDE, _COLOUR_SIDE)
    small = image.convert("RGB").resize(grid, Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8).tobytes().hex()


def hamming(a: str, b: str) -> int:
    """How many bits differ.

    Raises:
        ValueError: If the hashes are of different lengths.
    """
    if len(a) != len(b):
        raise ValueError(f"hashes of {len(a)} and {len(b)} digits cannot be compared")
    return (int(a, 16) ^ int(b, 16)).bit_count()


def colour_distance(a: str, b: str) -> int:
    """The largest difference of two signatures in any channel of any cell, 0 to 255."""
    pairs = zip(bytes.fromhex(a), bytes.fromhex(b), strict=True)
    return max(abs(one - other) for one, other in pairs)


def is_near(a: PerceptualSignature, b: PerceptualSignature) -> bool:
    """Whether two pictures show nearly the same: resized, recompressed or cropped a little."""
    return (
        hamming(a.phash, b.phash) <= NEAR_BITS
        and colour_distance(a.colour, b.colour) <= NEAR_COLOUR
    )
