"""Aspect buckets: the ratio of a table that a medium's own is nearest to."""

from __future__ import annotations

from functools import lru_cache
from typing import get_args

from schemas.profiles.common import AspectBucket


@lru_cache(maxsize=1)
def aspect_buckets() -> tuple[tuple[AspectBucket, int, int], ...]:
    """Each bucket with its width and height, from the tallest to the widest."""
    parsed = [(name, *map(int, name.split(":"))) for name in get_args(AspectBucket)]
    return tuple(sorted(parsed, key=lambda bucket: bucket[1] / bucket[2]))


def aspect_bucket(width: int, height: int) -> AspectBucket:
    """The bucket of a size: nearest by the logarithm of the ratio, so turning turns the bucket.

    Nearer to the wider of two ratios a/b and c/d is what is above their geometric mean, and
    (width / height)² against (a c) / (b d) is a comparison of whole numbers. None is ever equal:
    no two neighbours of the table have a product that is a square.
    """
    table = aspect_buckets()
    chosen = table[0]
    for wider in table[1:]:
        _, a, b = chosen
        _, c, d = wider
        if width * width * b * d < height * height * a * c:
            break
        chosen = wider
    return chosen[0]
