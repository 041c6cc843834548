"""Finds the metadata blocks of an MP4 or QuickTime file.

XMP is in a `uuid` box or in `moov/udta/XMP_`: XMP Specification Part 3, 1.2.6 (MPEG-4) and 1.2.7
(QuickTime).
"""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.signals.file.metadata_blocks import (
    MAX_BLOCKS,
    BlockKind,
    MetadataBlock,
    MetadataBlocks,
    file_fault,
)
from schemas.signal import ReadingFault

XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
_CONTAINER_BOXES = (b"moov", b"trak", b"udta", b"mdia", b"moof", b"traf")
_MAX_DEPTH = 8
_MAX_BOXES = 1_000_000


def mp4_blocks(data: bytes) -> MetadataBlocks:
    """Returns every block in an MP4 file that may concern rights."""
    blocks: list[MetadataBlock] = []
    faults: list[ReadingFault] = []
    boxes = 0
    for kind, start, end, is_complete in _boxes(data):
        boxes += 1
        if boxes > _MAX_BOXES or len(blocks) + len(faults) >= MAX_BLOCKS:
            faults.append(file_fault("MP4", "too many boxes", data))
            break
        if kind == b"uuid" and data.startswith(XMP_UUID, start):
            start, where = min(start + len(XMP_UUID), end), "MP4 uuid"
        elif kind == b"XMP_":
            where = "MP4 udta/XMP_"
        else:
            continue
        if is_complete:
            blocks.append(MetadataBlock(BlockKind.XMP, where, data[start:end], ((start, end),)))
        else:
            faults.append(file_fault(where, "the box is truncated", data[start:end]))
    return MetadataBlocks(tuple(blocks), tuple(faults))


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int, bool]]:
    """Yields each box's kind, payload start and end, and completeness, inside containers too."""
    open_boxes = [(0, len(data))]
    while open_boxes:
        at, limit = open_boxes.pop()
        if at + 8 > limit:
            continue
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        start = at + 8
        if size == 1:
            size, start = int.from_bytes(data[at + 8 : at + 16]), at + 16
        end = limit if size == 0 else at + size
        if end < start:
            continue
        open_boxes.append((end, limit))
        if kind in _CONTAINER_BOXES and len(open_boxes) <= _MAX_DEPTH:
            open_boxes.append((start, min(end, limit)))
        yield kind, min(start, limit), min(end, limit), end <= limit
