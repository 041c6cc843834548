"""Finds the metadata blocks of a WebP file: RIFF chunks `XMP ` and `EXIF` (RFC 9649, 2.7.1.5)."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.signals.file.container_jpeg import EXIF_HEADER
from pipelines.signals.file.metadata_blocks import (
    MAX_BLOCKS,
    BlockKind,
    MetadataBlock,
    MetadataBlocks,
    file_fault,
)
from schemas.signal import ReadingFault

# An early writer used NUL as the last byte of the name.
_XMP_CHUNKS = (b"XMP ", b"XMP\0")
WEBP_PICTURE_CHUNKS = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"ANIM", b"ANMF"))
# With the chunks that have a reader here.
KNOWN_WEBP_CHUNKS = WEBP_PICTURE_CHUNKS | {b"EXIF", *_XMP_CHUNKS}
_FIRST_CHUNK = 12  # after RIFF, size, WEBP


def webp_chunks(data: bytes, at: int = _FIRST_CHUNK) -> Iterator[tuple[bytes, int, int]]:
    """Yields the kind of each chunk, and the start and end of its payload, before its padding.

    In a truncated file, the last end lies behind that of the file.

    Args:
        data: The file, or the inside of one of its chunks.
        at: Where the first chunk begins; an even number.
    """
    while at + 8 <= len(data):
        start = at + 8
        end = start + int.from_bytes(data[at + 4 : start], "little")
        yield data[at : at + 4], start, end
        at = end + (end & 1)


def webp_blocks(data: bytes) -> MetadataBlocks:
    """Returns every block in a WebP file that may concern rights."""
    blocks: list[MetadataBlock] = []
    faults: list[ReadingFault] = []
    for kind, start, end in webp_chunks(data):
        if len(blocks) >= MAX_BLOCKS:
            faults.append(file_fault("WebP", f"over {MAX_BLOCKS} metadata chunks", data))
            break
        if kind in _XMP_CHUNKS:
            if end > len(data):
                faults.append(file_fault("WebP XMP", "the chunk is truncated", data[start:]))
            else:
                blocks.append(
                    MetadataBlock(BlockKind.XMP, "WebP XMP", data[start:end], ((start, end),))
                )
        elif kind == b"EXIF":
            # Some writers leave the header of a JPEG's EXIF segment in place.
            begin = start + 6 if data.startswith(EXIF_HEADER, start) else start
            span = (begin, max(begin, end))
            blocks.append(MetadataBlock(BlockKind.EXIF, "WebP EXIF", data[slice(*span)], (span,)))
    return MetadataBlocks(tuple(blocks), tuple(faults))
