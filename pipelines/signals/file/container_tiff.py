"""Finds metadata in a TIFF structure: XMP, IIM, Photoshop resources, Copyright and Artist.

The structure is a whole TIFF file or an EXIF block. Source: XMP Specification Part 3, 1.1.4
(tag 700).
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from pipelines.media.tiff_structure import TiffEntry, TiffReader
from pipelines.signals.file.metadata_blocks import (
    MAX_BLOCKS,
    MAX_PACKET_BYTES,
    MAX_TOTAL_BYTES,
    BlockKind,
    MetadataBlock,
    MetadataBlocks,
    file_fault,
)
from schemas.signal import ReadingFault

TAG_ARTIST, TAG_COPYRIGHT = 0x013B, 0x8298
_TAG_XMP, _TAG_IIM, _TAG_PHOTOSHOP = 700, 33723, 34377
_MAX_TEXT = 4096
_MAX_TEXTS = 4096
_FIRST_BYTES = {BlockKind.IIM: b"\x1c", BlockKind.PHOTOSHOP: b"8BIM"}


@dataclass(frozen=True)
class TiffMetadata:
    """The metadata of a TIFF structure.

    Attributes:
        blocks: Its metadata blocks, and the faults of tag 700.
        texts: Tag and raw text of each entry that was asked for.
        texts_left_out: Whether there are more of them, or larger ones, than are read.
    """

    blocks: MetadataBlocks
    texts: tuple[tuple[int, bytes], ...] = ()
    texts_left_out: bool = False


def read_tiff(
    data: bytes,
    where: str,
    base: int | None = None,
    text_tags: Container[int] = (TAG_ARTIST, TAG_COPYRIGHT),
    max_text_bytes: int = _MAX_TEXT,
    text_kinds: Container[int] = (),
) -> TiffMetadata:
    """Reads a TIFF structure; never raises.

    Args:
        data: From its byte order mark on.
        where: Where it stands, for people.
        base: Its offset in the file; None where it is not in the file as it is.
        text_tags: Tags whose texts are returned.
        max_text_bytes: Where a text is cut.
        text_kinds: Types of entries that are returned as texts whatever their tag.
    """
    reader = TiffReader(data)
    blocks: list[MetadataBlock] = []
    faults: list[ReadingFault] = []
    texts: list[tuple[int, bytes]] = []
    texts_left_out = False
    total = text_bytes = 0
    kinds = {
        _TAG_XMP: BlockKind.XMP,
        _TAG_IIM: BlockKind.IIM,
        _TAG_PHOTOSHOP: BlockKind.PHOTOSHOP,
    }
    for entry in reader.entries():
        is_text = entry.tag in text_tags or (entry.kind in text_kinds and entry.tag not in kinds)
        if is_text:
            end = min(entry.end, entry.start + max_text_bytes)
            text_bytes += end - entry.start
            if len(texts) < _MAX_TEXTS and text_bytes <= MAX_TOTAL_BYTES:
                texts.append((entry.tag, data[entry.start : end]))
            else:
                texts_left_out = True
        kind = kinds.get(entry.tag)
        if kind is None:
            continue
        # All entries may point to the same bytes, so the file's size does not limit their sum.
        total += min(entry.end - entry.start, MAX_PACKET_BYTES)
        if len(blocks) + len(faults) >= MAX_BLOCKS or total > MAX_TOTAL_BYTES:
            faults.append(file_fault(where, "too much metadata in one TIFF structure", data))
            break
        fault = _tag_fault(entry, where, data) if kind is BlockKind.XMP else None
        if fault:
            faults.append(fault)
            continue
        span = () if base is None else ((base + entry.start, base + entry.end),)
        name = f"{where} tag {entry.tag}"
        raw = data[entry.start : min(entry.end, entry.start + MAX_PACKET_BYTES + 1)]
        blocks.append(MetadataBlock(kind, name, _in_order(kind, raw), span))
    if reader.overflow:
        faults.append(file_fault(where, "too many directories or entries", data))
    found = MetadataBlocks(tuple(blocks), tuple(faults))
    return TiffMetadata(found, tuple(texts), texts_left_out)


def _in_order(kind: BlockKind, raw: bytes) -> bytes:
    """Returns IIM or resources that libtiff swapped as 32-bit numbers in the order they had.

    Programs store them as LONG, and others then write the file in the other byte order.
    """
    start = _FIRST_BYTES.get(kind, b"")
    if not start or raw.startswith(start) or raw[:4][::-1][: len(start)] != start:
        return raw
    whole = raw[: len(raw) & ~3]
    return b"".join(whole[at : at + 4][::-1] for at in range(0, len(whole), 4))


def _tag_fault(entry: TiffEntry, where: str, data: bytes) -> ReadingFault | None:
    """Returns a fault if tag 700 has an unknown type or lies outside the file."""
    if entry.size and entry.end <= len(data):
        return None
    why = "lies outside the file" if entry.size else "has an unknown type"
    raw = data[entry.start : entry.start + _MAX_TEXT]
    return file_fault(f"{where} tag {entry.tag}", f"the XMP packet {why}", raw)
