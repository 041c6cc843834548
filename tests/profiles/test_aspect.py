"""Aspect buckets agree with logarithms computed in 50-digit decimals."""

from __future__ import annotations

from decimal import Decimal, getcontext
from itertools import pairwise
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.profiles.aspect import aspect_bucket, aspect_buckets

getcontext().prec = 50
SIZES = st.integers(1, 2**31 - 1)


def turned(name: str) -> str:
    width, height = name.split(":")
    return f"{height}:{width}"


@given(SIZES, SIZES)
def test_nearest_by_logarithm(width: int, height: int) -> None:
    ratio = (Decimal(width) / Decimal(height)).ln()
    apart = {name: abs(ratio - (Decimal(a) / Decimal(b)).ln()) for name, a, b in aspect_buckets()}
    assert aspect_bucket(width, height) == min(apart, key=lambda name: apart[name])


@given(SIZES, SIZES)
def test_a_turned_picture_has_the_turned_bucket(width: int, height: int) -> None:
    assert aspect_bucket(height, width) == turned(aspect_bucket(width, height))


@pytest.mark.parametrize(
    ("width", "height", "bucket"),
    [
        (1, 1, "1:1"),
        (1920, 1080, "16:9"),
        (1080, 1920, "9:16"),
        (640, 480, "4:3"),
        (4096, 1716, "21:9"),
        (6000, 4000, "3:2"),
        (100_000, 1, "21:9"),
        (1, 100_000, "9:21"),
    ],
)
def test_known_sizes(width: int, height: int, bucket: str) -> None:
    assert aspect_bucket(width, height) == bucket


def test_no_size_is_equally_near_to_two_buckets() -> None:
    table = aspect_buckets()
    for (_, a, b), (_, c, d) in pairwise(table):
        product = a * b * c * d  # a c / (b d) is a square of a ratio only if this is a square
        assert a * d < b * c
        assert isqrt(product) ** 2 != product
