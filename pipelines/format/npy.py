"""Tables of half-precision numbers as NumPy's .npy files: written, and checked without unpickling.

A file has one possible header for its size (NumPy's format 1.0, C order), so checking is comparing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Halves = npt.NDArray[np.float16]

_START = b"\x93NUMPY\x01\x00"
_ALIGNED = 64
_ITEM_BYTES = 2
_CHECKED_ROWS = 4_096


def npy_bytes(values: Halves) -> bytes:
    """Returns a table of numbers, [rows, columns], as a .npy file."""
    rows, columns = values.shape
    return _header(rows, columns) + np.ascontiguousarray(values, dtype="<f2").tobytes()


def _header(rows: int, columns: int) -> bytes:
    said = f"{{'descr': '<f2', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
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
    header = _header(rows, columns)
    if data[: len(header)] != header:
        return f"is not a .npy file of {rows} x {columns} numbers of type float16"
    if len(data) != len(header) + rows * columns * _ITEM_BYTES:
        return f"has {len(data)} bytes, which is not the size of {rows} x {columns} numbers"
    vectors = np.frombuffer(data, "<f2", offset=len(header)).reshape(rows, columns)
    for start in range(0, rows, _CHECKED_ROWS):
        part = vectors[start : start + _CHECKED_ROWS].astype(np.float64)
        lengths = np.sqrt((part * part).sum(axis=1))
        # A number of half precision is off by at most 2^-11 of itself; tiny ones by more.
        wrong = ~(np.abs(lengths - 1) <= 0.002)
        if wrong.any():
            row = start + int(np.flatnonzero(wrong)[0])
            return f"row {row} is not a vector of length 1"
    return ""
