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

_MAX_DEPTH = 4  # nested blocks: TIFF, Photoshop resources, EXIF, XMP


def read_metadata(data: bytes) -> Reading:
    """Reads a file's metadata. No input bytes make it raise.

    1. Find the container's metadata blocks, and the blocks nested in them.
    2. Read every XMP packet. All of them count, so that a denial in any one is kept.
    3. Report a fault if an extended packet that is referred to is missing.
    4. Report a fault if a prohibition appears outside all packets.

    Args:
        data: The file: JPEG, PNG, WebP, TIFF, MP4 or QuickTime. In any other format only step 4
            can find something.
    """
    found = find_blocks(data)
    assertions, packets, faults = _open_nested(found)
    bounded = bounded_blocks(MetadataBlocks(tuple(packets), tuple(faults)))
    readings = [read_packet(block) for block in bounded.blocks]
    expected = frozenset[str]().union(*(reading.extended for reading in readings))
    missing = sorted(expected - extension_guids(found))
    if missing:
        detail = f"the extended packet {missing[0]} is missing"
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
    """Returns the claims of EXIF and IIM, all XMP packets (nested ones too), and the faults."""
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
            faults.append(file_fault(block.where, "too much nested metadata", block.data))
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
