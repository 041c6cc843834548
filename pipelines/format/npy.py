"""Half-precision numbers as NumPy's .npy files: written, and checked without unpickling.

A file has one possible header for its size (NumPy's format 1.0, C order), so checking is comparing.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Halves = npt.NDArray[np.float16]

_START = b"\x93NUMPY\x01\x00"
_ALIGNED = 64
_ITEM_BYTES = 2
_CHECKED_ROWS = 4_096


def npy_bytes(values: Halves) -> bytes:
    """Returns numbers of any shape of two or more dimensions as a .npy file."""
    return _header(*values.shape) + np.ascontiguousarray(values, dtype="<f2").tobytes()


def _header(*shape: int) -> bytes:
    said = f"{{'descr': '<f2', 'fortran_order': False, 'shape': ({', '.join(map(str, shape))}), }}"
    length = len(_START) + 2 + len(said) + 1
    padded = said + " " * (-length % _ALIGNED) + "\n"
    return _START + len(padded).to_bytes(2, "little") + padded.encode("ascii")


def unit_vectors_fault(data: bytes, rows: int, columns: int) -> str:
    """Returns what is wrong with a .npy file of vectors of length 1; "" if it is sound.

    Args:
        data: The file.
        rows: How many vectors it should have.
        columns: Their dimensions.
    """
    vectors = _numbers(data, rows, columns)
    if isinstance(vectors, str):
        return vectors
    for start in range(0, rows, _CHECKED_ROWS):
        part = vectors[start : start + _CHECKED_ROWS].astype(np.float64)
        lengths = np.sqrt((part * part).sum(axis=1))
        # A number of half precision is off by at most 2^-11 of itself; tiny ones by more.
        wrong = ~(np.abs(lengths - 1) <= 0.002)
        if wrong.any():
            row = start + int(np.flatnonzero(wrong)[0])
            return f"row {row} is not a vector of length 1"
    return ""


def depth_maps_fault(data: bytes, maps: int, height: int, width: int) -> str:
    """Returns what is wrong with a .npy file of depth maps; "" if it is sound.

    Args:
        data: The file.
        maps: How many maps it should have.
        height: Of each.
        width: Of each.
    """
    depths = _numbers(data, maps, height, width)
    if isinstance(depths, str):
        return depths
    for number, depth in enumerate(depths):
        if not (np.isfinite(depth) & (depth >= 0)).all():
            return f"map {number} has values that are not from 0 to 65504"
    return ""


def _numbers(data: bytes, *shape: int) -> Halves | str:
    """Returns the numbers of a .npy file of a shape, or why it is not one."""
    header, said = _header(*shape), " x ".join(map(str, shape))
    if data[: len(header)] != header:
        return f"is not a .npy file of {said} numbers of type float16"
    if len(data) != len(header) + math.prod(shape) * _ITEM_BYTES:
        return f"has {len(data)} bytes, which is not the size of {said} numbers"
    numbers: Halves = np.frombuffer(data, "<f2", offset=len(header)).reshape(shape)
    return numbers
