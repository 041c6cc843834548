"""Whether two pictures look alike, as one pair: what the search must agree with."""

from __future__ import annotations

from pipelines.media.phash import NEAR_BITS, NEAR_COLOUR, PerceptualSignature


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
