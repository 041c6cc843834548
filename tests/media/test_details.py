"""Finer cells are kept within a shade of 64, and hostile bytes are refused at little cost."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.media.details import DETAILS_SIDE, pack_details, unpack_details

_SHAPE = (DETAILS_SIDE, DETAILS_SIDE)


@given(st.integers(0, 2**32 - 1), st.integers(0, 255), st.integers(0, 255))
def test_cells_come_back_within_half_a_step(seed: int, one: int, other: int) -> None:
    low, high = sorted((one, other))
    cells = np.random.default_rng(seed).integers(low, high, _SHAPE, endpoint=True).astype(float)
    packed = pack_details(cells)
    assert pack_details(cells) == packed
    step = max(1.0, np.ptp(cells) / 63)
    assert np.abs(unpack_details(packed) - cells).max() <= step / 2 + 1e-9
    if high - low <= 63:
        assert (unpack_details(packed) == cells).all()


def _packed(low: int, span: int, along: np.ndarray) -> bytes:
    return bytes([low, span]) + zlib.compress(along.astype(np.int8).tobytes())


NONE = np.zeros(_SHAPE)
STEP = np.eye(1, DETAILS_SIDE**2).reshape(_SHAPE)  # one shade lighter from the first cell on


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\0\xff",
        b"\0\xffnot compressed",
        _packed(0, 255, NONE)[:-1],
        _packed(0, 255, NONE) + b"x",
        _packed(0, 255, np.zeros(DETAILS_SIDE**2 - 1)),
        _packed(0, 255, np.zeros(DETAILS_SIDE**2 + 1)),
        _packed(0, 255, -STEP),
        _packed(0, 255, 64 * STEP),
        _packed(0, 0, STEP),
        _packed(200, 100, NONE),
    ],
)
def test_what_is_no_cells_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="finer cells"):
        unpack_details(packed)


def test_what_would_fill_the_memory_is_not_unpacked() -> None:
    bomb = zlib.compressobj()
    packed = b"".join(bomb.compress(bytes(2**20)) for _ in range(256)) + bomb.flush()
    with pytest.raises(ValueError, match="are not"):
        unpack_details(b"\0\xff" + packed)
