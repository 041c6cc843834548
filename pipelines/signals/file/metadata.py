"""Reads what the XMP, EXIF and IIM metadata of a media file state about rights."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from pipelines.signals.file.container_jpeg import extension_guids
from pipelines.signals.file.container_texts import container_texts
from pipelines.signals.file.containers import bounded_blocks, find_blocks, stray_prohibition
from pipelines.signals.file.exif_iim import exif_assertions, iim_assertions, photoshop_blocks
from pipelines.signals.file.exif_texts import exif_texts, iim_texts
from pipelines.signals.file.metadata_blocks import (
    MAX_BLOCKS,
    MAX_TOTAL_BYTES,
    BlockKind,
    MetadataBlock,
    MetadataBlocks,
    file_fault,
)
from pipelines.signals.file.stray_packets import (
    prohibition_in_texts,
    stray_packets,
    stray_utf16_packet,
)
from pipelines.signals.file.text_fields import TextField, read_text_field
from pipelines.signals.file.xmp_rights import read_packet
from schemas.signal import FileAssertion, Reading, ReadingFault, merge_readings

_MAX_DEPTH = 4  # nested blocks: TIFF, Photoshop resources, EXIF, XMP


def read_metadata(data: bytes, phrases: Sequence[str] = ()) -> Reading:
    """Reads a file's metadata, in order; never raises for any bytes.

    1. Find the container's metadata blocks, and the blocks nested in them.
    2. Read every XMP packet. All of them count, so that a denial in any one is kept.
    3. Report a fault if an extended packet that is referred to is missing.
    4. Report a fault if a prohibition appears outside all packets.

    Args:
        data: The file: JPEG, PNG, WebP, TIFF, GIF, AVIF, MP4 or QuickTime. Any other says nothing.
        phrases: The deal's own denial phrases.
    """
    found = find_blocks(data)
    texts = list(container_texts(data))
    in_texts = tuple(text for text in texts if isinstance(text, MetadataBlock))
    assertions, packets, faults, fields = _open_nested(
        MetadataBlocks((*found.blocks, *in_texts), found.faults)
    )
    stray_blocks = stray_packets(data, packets)
    known_packets = tuple(packets)
    packets += stray_blocks.blocks
    faults += [*stray_blocks.faults, *(text for text in texts if isinstance(text, ReadingFault))]
    fields += [text for text in texts if isinstance(text, TextField)]
    bounded = bounded_blocks(MetadataBlocks(tuple(packets), tuple(faults)))
    readings = [read_packet(block, phrases) for block in bounded.blocks]
    text_readings = [read_text_field(field, phrases) for field in fields]
    expected = frozenset[str]().union(*(reading.extended for reading in readings))
    missing = sorted(expected - extension_guids(found))
    if missing:
        detail = f"the extended packet {missing[0]} is missing"
        faults = [file_fault("XMP xmpNote:HasExtendedXMP", detail, missing[0].encode())]
    else:
        faults = []
    known = [block for block in bounded.blocks if block not in stray_blocks.blocks]
    stray = (
        stray_prohibition(data, known)
        or stray_utf16_packet(data, known_packets)
        or prohibition_in_texts(fields)
    )
    all_faults = (*bounded.faults, *faults, *((stray,) if stray else ()))
    extra = Reading(claims=tuple(assertions), faults=all_faults)
    return merge_readings([*(reading.reading for reading in readings), *text_readings, extra])


def _open_nested(
    found: MetadataBlocks,
) -> tuple[list[FileAssertion], list[MetadataBlock], list[ReadingFault], list[TextField]]:
    """Claims and texts of EXIF and IIM, and the XMP packets, those inside other parts too."""
    fields: list[TextField] = []
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
            texts, cut = exif_texts(block)
            fields += texts
            faults += cut
        elif block.kind is BlockKind.PHOTOSHOP:
            inner = photoshop_blocks(block)
        else:
            assertions += iim_assertions(block)
            fields += iim_texts(block)
        faults += inner.faults
        size += sum(len(child.data) for child in inner.blocks)
        pending.extend((child, depth + 1) for child in inner.blocks)
    return assertions, packets, faults, fields
