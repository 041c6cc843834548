"""Computes perceptual hashes of pictures, for finding near-duplicates.

All arithmetic is in integers, so that a hash is the same on every machine.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 64  # pixels on each side of the grey picture that is transformed
_HASH_SIDE = 16  # rows of frequencies that are kept, and as many columns
_SCALE = 1 << 14  # fixed-point scale of the cosines
_COLOUR_SIDE = 4
_EVEN_STEP = 4  # levels by which an even background varies; the noise of photographs is more
_CLEAR_STEP = 8  # levels of 255 by which neighbours differ clearly
_SUBJECT_STEP = 32  # levels by which a subject differs from its background
_BORDER_PARTS = 50  # one in so many pixels of an even background's border may differ
_SMALL_PARTS = 4  # a small subject covers one in so many parts of the picture, or less
_LEAST_SUBJECT = 8  # pixels; what is smaller in both directions is no subject
_LEAST_DETAIL = 8  # cells; with fewer, a picture has no detail that a hash could describe

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
    """Returns the hash and the mean colours of an RGB picture.

    Two kinds of picture have a digest in place of the hash, so that they are near only to what
    shows the same: a small subject on an even background, such as an icon, of which digest and
    colours are taken alone, and a picture without any detail, such as a gradient. The hash would
    tell neither from others of their kind.
    """
    subject = _small_subject(image)
    grey = _reduced_grey(subject or image)
    if subject is not None or _detail(grey) < _LEAST_DETAIL:
        digest = hashlib.sha256(grey.astype(np.uint8).tobytes()).hexdigest()
        return PerceptualSignature(digest, colour_signature(subject or image))
    return PerceptualSignature(phash256(image), colour_signature(image))


@cache
def even_digests() -> tuple[bytes, ...]:
    """Returns what pictures of one shade have in place of the hash, for each of the 256 shades."""
    return tuple(hashlib.sha256(bytes([shade]) * _SIDE**2).digest() for shade in range(256))


def _reduced_grey(image: Image.Image) -> NDArray[np.int64]:
    grey = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(grey, dtype=np.int64)


def _detail(grey: NDArray[np.int64]) -> int:
    """Counts the cells that differ clearly from the next cell to the right or below."""
    right, below = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))
    return int((right[:-1] + below[:, :-1] > _CLEAR_STEP).sum())


def _small_subject(image: Image.Image) -> Image.Image | None:
    """Returns a small subject on an even background, in the middle of a square that it fills.

    The background is even if nearly all of the picture's border has one shade. None without such a
    background, or with a larger subject.
    """
    pixels = np.asarray(image.convert("RGB"), dtype=np.int16)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    shade = np.sort(border, axis=0)[len(border) // 2]
    uneven = (np.abs(border - shade) > _EVEN_STEP).any(axis=1)
    if _BORDER_PARTS * int(uneven.sum()) > len(border):
        return None
    is_subject = (np.abs(pixels - shade) > _SUBJECT_STEP).any(axis=2)
    rows = np.flatnonzero(is_subject.any(axis=1))
    columns = np.flatnonzero(is_subject.any(axis=0))
    if len(rows) < _LEAST_SUBJECT and len(columns) < _LEAST_SUBJECT:
        return None
    left, right = int(columns[0]), int(columns[-1]) + 1
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    width, height = right - left, bottom - top
    if width * height * _SMALL_PARTS > image.width * image.height:
        return None
    side = max(width, height)
    square = Image.new("RGB", (side, side), (int(shade[0]), int(shade[1]), int(shade[2])))
    subject = image.convert("RGB").crop((left, top, right, bottom))
    square.paste(subject, ((side - width) // 2, (side - height) // 2))
    return square


@cache
def _cosines(side: int) -> NDArray[np.int64]:
    """Returns the rows of the discrete cosine transform that are kept, in fixed point."""
    return np.array(
        [
            [
                round(_SCALE * math.cos(math.pi * row * (2 * column + 1) / (2 * side)))
                for column in range(side)
            ]
            for row in range(_HASH_SIDE)
        ],
        dtype=np.int64,
    )


def phash256(image: Image.Image) -> str:
    """Returns 256 bits as 64 hex digits: whether each low frequency is above their median."""
    return hash_of_cells(_reduced_grey(image)).hex()


def hash_of_cells(cells: NDArray[np.int64]) -> bytes:
    """Returns 256 bits of a square of shades: whether each low frequency is above their median."""
    basis = _cosines(len(cells))
    frequencies = (basis @ cells @ basis.T).ravel()
    # The constant term is left out: it is the brightness of the picture, not what it shows.
    ordered = np.sort(frequencies[1:])
    median = ordered[len(ordered) // 2]
    bits = frequencies > median
    bits[0] = False
    return np.packbits(bits).tobytes()


def turned_hashes(
    hashes: NDArray[np.uint8], is_swapped: bool, flips_columns: bool, flips_rows: bool
) -> NDArray[np.uint8]:
    """Returns the hashes of pictures that are turned or mirrored, but for a few bits.

    If a picture is mirrored, every second frequency changes its sign, and so does their median,
    which is near zero.

    Args:
        hashes: [pictures, 32] bytes, as `hash_of_cells` returns them.
        is_swapped: Whether rows become columns, before anything is mirrored.
        flips_columns: Whether left becomes right.
        flips_rows: Whether top becomes bottom.
    """
    bits = np.unpackbits(hashes).reshape(-1, _HASH_SIDE, _HASH_SIDE)
    if is_swapped:
        bits = bits.swapaxes(1, 2)
    odd = np.arange(_HASH_SIDE, dtype=np.uint8) % 2
    changes = (odd * flips_columns)[None, :] ^ (odd * flips_rows)[:, None]
    return np.packbits((bits ^ changes).reshape(-1, _HASH_SIDE**2), axis=1)


def colour_signature(image: Image.Image) -> str:
    """Returns the mean colours of a 4 x 4 grid as 96 hex digits."""
    grid = (_COLOUR_SIDE, _COLOUR_SIDE)
    small = image.convert("RGB").resize(grid, Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8).tobytes().hex()
