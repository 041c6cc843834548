"""The finest part of a look: 128 x 128 grey cells, by which two pictures are compared closely.

A digit, or the place of a small thing, shows in them where 48 cells a side blur it. They are kept
in 64 shades, as differences along each row, and compressed.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

DETAILS_SIDE = 128  # cells in each direction
_COUNT = DETAILS_SIDE * DETAILS_SIDE
_MOST_STEPS = 63  # from the darkest shade to the lightest
_START = 2  # bytes: the darkest shade and the range of shades
_LEVEL = 6  # of compression


def pack_details(shades: NDArray[np.float64]) -> bytes:
    """Returns cells as bytes.

    Args:
        shades: In levels of 255, [DETAILS_SIDE, DETAILS_SIDE].
    """
    levels = np.clip(np.rint(shades), 0, 255).astype(np.int64)
    low, span = int(levels.min()), int(np.ptp(levels))
    steps = min(span, _MOST_STEPS)
    cells = ((levels - low) * steps + span // 2) // max(span, 1)
    along = np.diff(cells, axis=1, prepend=0).astype(np.int8)
    return bytes([low, span]) + zlib.compress(along.tobytes(), _LEVEL)


def unpack_details(packed: bytes) -> NDArray[np.float64]:
    """Returns a picture's cells in levels of 255, [DETAILS_SIDE, DETAILS_SIDE].

    Raises:
        ValueError: If they are not what `pack_details` returns.
    """
    if len(packed) <= _START:
        raise ValueError(f"finer cells take more than {len(packed)} bytes")
    low, span = packed[:_START]
    steps = min(span, _MOST_STEPS)
    along = np.frombuffer(_inflated(packed[_START:]), np.int8)
    cells = along.reshape(DETAILS_SIDE, DETAILS_SIDE).cumsum(axis=1, dtype=np.int64)
    if cells.min() < 0 or cells.max() > steps or low + span > 255:
        raise ValueError("finer cells are out of their range of shades")
    return low + cells * (span / max(steps, 1))


def _inflated(packed: bytes) -> bytes:
    """Returns what was compressed; never more than a picture's cells, whatever is given."""
    inflater = zlib.decompressobj()
    try:
        cells = inflater.decompress(packed, _COUNT)
        # The end of the data may follow the last cell.
        more = inflater.decompress(inflater.unconsumed_tail, 1)
    except zlib.error as error:
        raise ValueError("finer cells are not compressed cells") from error
    if len(cells) != _COUNT or more or not inflater.eof or inflater.unused_data:
        raise ValueError(f"finer cells are not {_COUNT} cells")
    return cells
