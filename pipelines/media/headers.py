"""Checks files for truncation and damage, and reads picture sizes, without decoding them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

_PNG_SIGNATURE_BYTES = 8
_MAX_CHUNKS = 1_000_000
# The next marker in coded data: neither a stuffed byte, a restart mark nor a fill byte.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_SOS, _EOI = 0xDA, 0xD9


class DamagedFileError(ValueError):
    """The container is damaged or truncated."""


def check_png(data: bytes) -> None:
    """Checks that every chunk of a PNG has a correct checksum and that the end chunk exists.

    Pillow skips the checksums of picture data and does not notice a missing end chunk.

    Raises:
        DamagedFileError: A checksum is wrong, or the file is truncated.
    """
    for kind, body, checksum in _png_chunks(data):
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            raise DamagedFileError(f"PNG chunk {kind!r} has a wrong checksum")
        if kind == b"IEND":
            return
    raise DamagedFileError("PNG without its end chunk (IEND)")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    view = memoryview(data)
    at = _PNG_SIGNATURE_BYTES
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(data):
            return
        length = int.from_bytes(view[at : at + 4], "big")
        end = at + 8 + length
        if end + 4 > len(data):
            raise DamagedFileError("PNG truncated within a chunk")
        yield data[at + 4 : at + 8], view[at + 8 : end], int.from_bytes(view[end : end + 4], "big")
        at = end + 4
    raise DamagedFileError(f"PNG with more than {_MAX_CHUNKS} chunks")


def png_bit_depth(data: bytes) -> int:
    """Returns the bits per channel; 0 if the header is incomplete."""
    return data[24] if len(data) > 24 else 0


def jpeg_scans(data: bytes, most: int) -> int:
    """Counts the scans of a JPEG up to its end mark; stops counting beyond `most`."""
    scans, found = 0, _JPEG_MARKER.search(data, 2)
    while found is not None and scans <= most:
        kind, at = data[found.start() + 1], found.start()
        if kind == _EOI:
            break
        scans += kind == _SOS
        found = _JPEG_MARKER.search(data, at + 2 + int.from_bytes(data[at + 2 : at + 4], "big"))
    return scans


def webp_size(data: bytes) -> tuple[int, int]:
    """Returns the width and height of a WebP, in pixels.

    Raises:
        DamagedFileError: The file is shorter than its header says, or its first chunk is unknown.
    """
    if len(data) < 30 or len(data) < int.from_bytes(data[4:8], "little") + 8:
        raise DamagedFileError("WebP is truncated")
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        return width, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width = int.from_bytes(data[26:28], "little") & 0x3FFF
        return width, int.from_bytes(data[28:30], "little") & 0x3FFF
    raise DamagedFileError(f"WebP with an unknown first chunk {kind!r}")


def check_mp4(data: bytes) -> None:
    """Checks that no top-level box of an MP4 reaches past the end and that there is an index.

    Raises:
        DamagedFileError: A box reaches past the end, or there is no index (moov).
    """
    at, kinds = 0, set()
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kind, header = data[at + 4 : at + 8], 8
        if size == 1:
            size, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = len(data) - at
        if size < header or at + size > len(data):
            raise DamagedFileError(f"MP4 truncated or damaged in box {kind!r}")
        kinds.add(kind)
        at += size
    if b"moov" not in kinds:
        raise DamagedFileError("MP4 without its index (moov)")
