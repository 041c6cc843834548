"""Checks files for truncation and damage, and reads picture sizes, without decoding them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_PNG_SIGNATURE_BYTES = 8
_MAX_CHUNKS = 1_000_000
# The next marker in coded data: neither a stuffed byte, a restart mark nor a fill byte.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_SOS, _EOI = 0xDA, 0xD9
GIF_IMAGE, GIF_TRAILER, _GIF_EXTENSION = 0x2C, 0x3B, 0x21


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


def check_gif(data: bytes) -> None:
    """Checks that a GIF is complete up to its trailer.

    Pillow shows what is there of a frame that is cut.

    Raises:
        DamagedFileError: The file ends before its trailer, or a block is of no known kind.
    """
    for block in gif_blocks(data):
        if block.kind == GIF_TRAILER:
            return
    raise DamagedFileError("GIF truncated or damaged before its trailer")


@dataclass(frozen=True)
class GifBlock:
    """One block of a GIF.

    Attributes:
        kind: `GIF_IMAGE`, `GIF_TRAILER`, or the label of an extension.
        at: Where it starts.
        start: Where its first sub-block starts, after the head of the block.
        end: Where it ends, after the sub-block without content.
    """

    kind: int
    at: int
    start: int
    end: int


def gif_blocks(data: bytes) -> Iterator[GifBlock]:
    """Yields the blocks of a GIF up to its trailer, or to where it is cut or damaged (GIF89a)."""
    flags = data[10] if len(data) > 10 else 0
    at = 13 + _colour_table_bytes(flags)
    while at < len(data):
        mark = data[at]
        if mark == GIF_TRAILER:
            yield GifBlock(GIF_TRAILER, at, at + 1, at + 1)
            return
        if mark == _GIF_EXTENSION and at + 2 < len(data):
            kind, start = data[at + 1], at + 2
        elif mark == GIF_IMAGE and at + 11 <= len(data):
            # After the position, the flags and the colours is the size of the codes.
            kind, start = GIF_IMAGE, at + 11 + _colour_table_bytes(data[at + 9])
        else:
            return
        end = _end_of_sub_blocks(data, start)
        if end is None:
            return
        yield GifBlock(kind, at, start, end)
        at = end


def _colour_table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _end_of_sub_blocks(data: bytes, at: int) -> int | None:
    while at < len(data):
        if data[at] == 0:
            return at + 1
        at += 1 + data[at]
    return None


def sub_blocks(data: bytes, block: GifBlock) -> Iterator[tuple[int, int]]:
    """Yields where the contents of a block's sub-blocks are, as (start, end)."""
    at = block.start
    while data[at]:
        yield at + 1, at + 1 + data[at]
        at += 1 + data[at]


def sub_block_bytes(data: bytes, block: GifBlock) -> bytes:
    """Returns the content of a block of a GIF, put together."""
    return b"".join(data[start:end] for start, end in sub_blocks(data, block))


def avif_bit_depth(data: bytes) -> int:
    """Returns the bits per channel by the first AV1 configuration record; 8 without one."""
    at = data.find(b"av1C")
    flags = data[at + 6] if 0 <= at < len(data) - 6 else 0
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8


def check_mp4(data: bytes) -> None:
    """Checks that no top-level box of a film reaches past the end and that there is an index.

    Raises:
        DamagedFileError: A box reaches past the end, or there is no index (moov).
    """
    at, kinds = 0, set()
    while at < len(data):
        if len(data) - at < 8 and not any(data[at:]):
            break  # QuickTime ends a list with zeros
        size = int.from_bytes(data[at : at + 4], "big")
        kind, header = data[at + 4 : at + 8], 8
        if size == 1:
            size, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = len(data) - at
        if size < header or at + size > len(data):
            raise DamagedFileError(f"film truncated or damaged in box {kind!r}")
        kinds.add(kind)
        at += size
    if b"moov" not in kinds:
        raise DamagedFileError("film without its index (moov)")
