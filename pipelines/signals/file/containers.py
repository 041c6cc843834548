"""Finds every metadata block of a media file that may concern rights.

The first bytes of the file show its format.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.media.tiff_structure import TIFF_MARKS
from pipelines.signals.file.container_gif import GIF_MARKS, gif_metadata
from pipelines.signals.file.container_heif import heif_blocks, is_heif
from pipelines.signals.file.container_jpeg import jpeg_blocks
from pipelines.signals.file.container_mp4 import mp4_blocks
from pipelines.signals.file.container_png import SIGNATURE, png_blocks
from pipelines.signals.file.container_webp import webp_blocks
from pipelines.signals.file.metadata_blocks import (
    MAX_PACKET_BYTES,
    MAX_TOTAL_BYTES,
    BlockKind,
    MetadataBlock,
    MetadataBlocks,
    file_fault,
    merge_blocks,
)
from schemas.signal import ReadingFault

_MP4_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"uuid")
_PROHIBITION = "DMI-PROHIBITED"
_PROHIBITION_ENCODINGS = tuple(
    _PROHIBITION.encode(name) for name in ("utf-8", "utf-16-le", "utf-16-be")
)


def find_blocks(data: bytes) -> MetadataBlocks:
    """Returns all metadata blocks of the file; none if no reader knows its format.

    A TIFF file is one EXIF block, whose contents are read later.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return jpeg_blocks(data)
    if data.startswith(SIGNATURE):
        return png_blocks(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp_blocks(data)
    if data.startswith(GIF_MARKS):
        return gif_metadata(data)
    if is_heif(data):
        return _heif_blocks(data)
    if data[4:8] in _MP4_FIRST_BOXES:
        return mp4_blocks(data)
    if data.startswith(TIFF_MARKS):
        return MetadataBlocks((MetadataBlock(BlockKind.EXIF, "TIFF", data, ((0, len(data)),)),))
    return MetadataBlocks()


def _heif_blocks(data: bytes) -> MetadataBlocks:
    """The items of a picture, and the blocks in boxes; those in `idat` are items."""
    in_boxes = mp4_blocks(data)
    outside = tuple(block for block in in_boxes.blocks if block.where != "MP4 idat")
    return merge_blocks([heif_blocks(data), MetadataBlocks(outside, in_boxes.faults)])


def bounded_blocks(found: MetadataBlocks) -> MetadataBlocks:
    """Returns the blocks without duplicates. XMP over a size limit becomes a fault."""
    kept: dict[tuple[BlockKind, bytes], MetadataBlock] = {}
    faults: list[ReadingFault] = []
    total = 0
    for block in found.blocks:
        if block.kind is BlockKind.EXIF:  # a slice of the file, or limited when it was inflated
            kept[block.kind, block.data] = block
            continue
        key = (block.kind, block.data)
        if key in kept:
            existing = kept[key]
            kept[key] = MetadataBlock(
                existing.kind, existing.where, existing.data, existing.spans + block.spans
            )
            continue
        total += len(block.data)
        if len(block.data) > MAX_PACKET_BYTES or total > MAX_TOTAL_BYTES:
            if block.kind is BlockKind.XMP:
                detail = f"{len(block.data)} bytes exceed the size limit for metadata"
                faults.append(file_fault(block.where, detail, block.data))
            continue
        kept[key] = block
    return merge_blocks(
        [MetadataBlocks(tuple(kept.values()), tuple(faults)), MetadataBlocks((), found.faults)]
    )


def stray_prohibition(data: bytes, packets: Iterable[MetadataBlock]) -> ReadingFault | None:
    """Returns a fault if a PLUS prohibition appears outside every packet that was read.

    It may be in a kind of block that no reader knows, or in a packet in an unexpected place.
    """
    spans = sorted(span for block in packets for span in block.spans)
    for token in _PROHIBITION_ENCODINGS:
        at, next_span = data.find(token), 0
        while at >= 0:
            while next_span < len(spans) and spans[next_span][1] <= at:
                next_span += 1
            if next_span == len(spans) or spans[next_span][0] > at:
                detail = "a prohibition appears outside the metadata that was read"
                return file_fault(f"byte {at}", detail, data[at : at + 80])
            at = data.find(token, max(spans[next_span][1], at + 1))
    return None
