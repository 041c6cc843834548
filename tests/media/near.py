"""Compares two pictures as a pair; the near-duplicate search must agree with it."""

from __future__ import annotations

from pipelines.media.phash import NEAR_BITS, NEAR_COLOUR, PerceptualSignature


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
    """Returns whether two pictures are near-duplicates (resized, recompressed, barely cropped)."""
    return (
        hamming(a.phash, b.phash) <= NEAR_BITS
        and colour_distance(a.colour, b.colour) <= NEAR_COLOUR
    )
