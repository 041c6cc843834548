"""Aspect buckets: the standard aspect ratio that is nearest to a picture's or film's own."""

from __future__ import annotations

from functools import lru_cache
from typing import get_args

from schemas.profiles.common import AspectBucket


@lru_cache(maxsize=1)
def aspect_buckets() -> tuple[tuple[AspectBucket, int, int], ...]:
    """Returns each bucket with its width and height, from the tallest to the widest."""
    parsed = [(name, *map(int, name.split(":"))) for name in get_args(AspectBucket)]
    return tuple(sorted(parsed, key=lambda bucket: bucket[1] / bucket[2]))


def aspect_bucket(width: int, height: int) -> AspectBucket:
    """Returns the bucket whose ratio is nearest to width / height on a logarithmic scale.

    On that scale, a picture rotated by a quarter turn gets the rotated bucket. A ratio is nearer
    to the wider of two buckets a/b and c/d if it is above their geometric mean, so the code
    compares (width / height)² with (a c) / (b d) in integers. Ties cannot occur, because no two
    neighbouring buckets have a product that is a square.
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
