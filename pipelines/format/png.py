"""Checks PNG files of eight-bit RGB without a decoder's library."""

from __future__ import annotations

import struct
import zlib

_START = b"\x89PNG\r\n\x1a\n"
_CHUNK = struct.Struct(">I4s")
_HEADER = struct.Struct(">IIBBBBB")
_RGB_8 = (8, 2, 0, 0, 0)  # bits, colour type, compression, filter, interlacing
_STEP = 1 << 20
_MOST_FILTER = 4  # the number of the last filter of a row


def png_fault(data: bytes, width: int, height: int) -> str:
    """Returns what is wrong with a PNG that should be eight-bit RGB of a size; "" if it is sound.

    It may have no other chunks than the header, the pixels and the end. Checksums and the number of
    bytes of pixels are checked, in memory that does not depend on the file.

    Args:
        data: The file.
        width: In pixels.
        height: In pixels.
    """
    if data[: len(_START)] != _START:
        return "is not a PNG"
    at, kinds = len(_START), []
    rows = _Rows(width, height)
    while at < len(data):
        if at + _CHUNK.size > len(data):
            return "is truncated"
        length, kind = _CHUNK.unpack_from(data, at)
        body = data[at + _CHUNK.size : at + _CHUNK.size + length]
        at += _CHUNK.size + length + 4
        if at > len(data):
            return "is truncated"
        if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(data[at - 4 : at]):
            return "has a wrong checksum"
        kinds.append(kind)
        if kind == b"IHDR":
            if length != _HEADER.size or _HEADER.unpack(body) != (width, height, *_RGB_8):
                return f"is not {width} x {height} pixels of eight-bit RGB"
        elif kind == b"IDAT" and (fault := rows.add(body)):
            return fault
    pixels = [b"IDAT"] * (len(kinds) - 2)
    if not pixels or kinds != [b"IHDR", *pixels, b"IEND"]:
        return "has other parts than a header, pixels and an end"
    return rows.finish()


class _Rows:
    """Unpacks rows of pixels, and forgets them.

    Args:
        width: In pixels.
        height: In pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self._row = 1 + 3 * width
        self._left = self._row * height
        self._inflate = zlib.decompressobj()
        self._at = 0  # within a row

    def add(self, packed: bytes) -> str:
        """Takes a part of the packed pixels; returns what is wrong, or ""."""
        try:
            while packed:
                found = self._inflate.decompress(packed, _STEP)
                packed = self._inflate.unconsumed_tail
                self._left -= len(found)
                if self._left < 0 or self._inflate.unused_data:
                    return "has more pixels than its size says"
                filters = found[-self._at % self._row :: self._row]  # one before each row
                if any(number > _MOST_FILTER for number in filters):
                    return "has a row with an unknown filter"
                self._at = (self._at + len(found)) % self._row
        except zlib.error:
            return "has pixels that cannot be unpacked"
        return ""

    def finish(self) -> str:
        """Returns what is missing, or ""."""
        if self._left or not self._inflate.eof:
            return "has fewer pixels than its size says"
        return ""
