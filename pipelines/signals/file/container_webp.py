"""Finds the metadata blocks of a WebP file: RIFF chunks `XMP ` and `EXIF` (RFC 9649, 2.7.1.5)."""

from __future__ import annotations

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


def webp_blocks(data: bytes) -> MetadataBlocks:
    """Returns every block in a WebP file that may concern rights."""
    blocks: list[MetadataBlock] = []
    faults: list[ReadingFault] = []
    at = 12
    while at + 8 <= len(data):
        kind = data[at : at + 4]
        start, end = at + 8, at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
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
            start += 6 if data.startswith(EXIF_HEADER, start) else 0
            end = max(start, end)
            blocks.append(
                MetadataBlock(BlockKind.EXIF, "WebP EXIF", data[start:end], ((start, end),))
            )
        at = end + (end & 1)
    return MetadataBlocks(tuple(blocks), tuple(faults))
