"""Reads what the XMP, EXIF and IIM metadata of a media file state about rights."""

from __future__ import annotations

from collections import deque

from pipelines.signals.file.container_jpeg import extension_guids
from pipelines.signals.file.containers import bounded_blocks, find_blocks, stray_prohibition
from pipelines.signals.file.exif_iim import exif_assertions, iim_assertions, photoshop_blocks
from pipelines.signals.file.metadata_blocks import (
    MAX_BLOCKS,
    MAX_TOTAL_BYTES,
    BlockKind,
    MetadataBlock,
    MetadataBlocks,
    file_fault,
)
from pipelines.signals.file.xmp_rights import read_packet
from schemas.signal import FileAssertion, Reading, ReadingFault, merge_readings

_MAX_DEPTH = 4  # parts in parts: TIFF, Photoshop's resources, EXIF, XMP


def read_metadata(data: bytes) -> Reading:
    """Reads a file's metadata, in order; never raises for any bytes.

    1. Find the container's parts, and the parts inside them.
    2. Read every XMP packet; all of them count, so that a denial in one is kept.
    3. Extended packets that are referred to must be present.
    4. A prohibition outside all packets is a fault.

    Args:
        data: The file: JPEG, PNG, WebP, TIFF, MP4 or QuickTime. Any other says nothing.
    """
    found = find_blocks(data)
    assertions, packets, faults = _open_nested(found)
    bounded = bounded_blocks(MetadataBlocks(tuple(packets), tuple(faults)))
    readings = [read_packet(block) for block in bounded.blocks]
    expected = frozenset[str]().union(*(reading.extended for reading in readings))
    missing = sorted(expected - extension_guids(found))
    if missing:
        detail = f"the extended packet {missing[0]} is not there"
        faults = [file_fault("XMP xmpNote:HasExtendedXMP", detail, missing[0].encode())]
    else:
        faults = []
    stray = stray_prohibition(data, bounded.blocks)
    all_faults = (*bounded.faults, *faults, *((stray,) if stray else ()))
    extra = Reading(claims=tuple(assertions), faults=all_faults)
    return merge_readings([*(reading.reading for reading in readings), extra])


def _open_nested(
    found: MetadataBlocks,
) -> tuple[list[FileAssertion], list[MetadataBlock], list[ReadingFault]]:
    """Claims of EXIF and IIM, and the XMP packets, those inside other parts too."""
    assertions: list[FileAssertion] = []
    packets: list[MetadataBlock] = []
    faults = list(found.faults)
    pending = deque((block, 0) for block in found.blocks)
    opened = size = 0
    while pending:
        block, depth = pending.popleft()
        inner = MetadataBlocks()
        if block.kind is BlockKind.XMP:
            packets.append(block)
            continue
        opened += 1
        if opened > MAX_BLOCKS or depth > _MAX_DEPTH or size > MAX_TOTAL_BYTES:
            faults.append(file_fault(block.where, "too much metadata within metadata", block.data))
            break
        if block.kind is BlockKind.EXIF:
            extra, inner = exif_assertions(block)
            assertions += extra
        elif block.kind is BlockKind.PHOTOSHOP:
            inner = photoshop_blocks(block)
        else:
            assertions += iim_assertions(block)
        faults += inner.faults
        size += sum(len(child.data) for child in inner.blocks)
        pending.extend((child, depth + 1) for child in inner.blocks)
    return assertions, packets, faults
