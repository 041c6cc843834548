"""Writes PNG files that Pillow cannot: with 16 bits per channel, and a decompression bomb."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2
BOMB_SIDE = 30_000  # pixels


def sixteen_bit_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Returns a PNG with 16 bits per channel.

    Args:
        pixels: [height, width] or [height, width, 3]. They become the upper bytes; the lower
            bytes get a ramp, so that the file really has more than 256 levels.
    """
    height, width = pixels.shape[:2]
    rows, columns = np.indices((height, width), dtype=np.uint16)
    ramp = (rows * 13 + columns * 7) % 256
    values = pixels.astype(np.uint16) * 256 + (ramp if pixels.ndim == 2 else ramp[:, :, None])
    lines = values.astype(">u2").reshape(height, -1).view(np.uint8)
    filtered = np.concatenate([np.zeros((height, 1), np.uint8), lines], axis=1)  # filter: none
    colour = _GREY if pixels.ndim == 2 else _RGB
    return (
        _header(width, height, 16, colour)
        + _chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6))
        + _chunk(b"IEND", b"")
    )


def bomb_png() -> bytes:
    """Returns a valid black PNG of 900 megapixels in about a hundred kilobytes."""
    compressor = zlib.compressobj(9)
    line = bytes(1 + (BOMB_SIDE + 7) // 8)  # one bit per pixel
    compressed = b"".join(compressor.compress(line) for _ in range(BOMB_SIDE)) + compressor.flush()
    return (
        _header(BOMB_SIDE, BOMB_SIDE, 1, _GREY) + _chunk(b"IDAT", compressed) + _chunk(b"IEND", b"")
    )


def _header(width: int, height: int, bits: int, colour: int) -> bytes:
    return _SIGNATURE + _chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
