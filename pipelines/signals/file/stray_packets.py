"""Finds XMP packets in parts of a file where its format has no place for them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipelines.signals.file.metadata_blocks import (
    MAX_BLOCKS,
    BlockKind,
    MetadataBlock,
    MetadataBlocks,
    file_fault,
)
from pipelines.signals.file.text_fields import TextField
from schemas.signal import Origin, ReadingFault

_START = re.compile(rb"<(?:x:x[am]pmeta|rdf:RDF)[\s>]")
_ENDS = {b"<x": re.compile(rb"</x:x[am]pmeta\s*>"), b"<r": re.compile(rb"</rdf:RDF\s*>")}
_UTF16 = "<x:xmpmeta".encode("utf-16-le")


def stray_packets(data: bytes, blocks: Iterable[MetadataBlock]) -> MetadataBlocks:
    """Returns the packets outside every part that is read; a fault for one without an end.

    Args:
        data: The file.
        blocks: The parts that are read.
    """
    spans = sorted(span for block in blocks for span in block.spans)
    found: list[MetadataBlock] = []
    faults: list[ReadingFault] = []
    reached = 0
    for match in _START.finditer(data):
        at = match.start()
        if at < reached or _is_inside(at, spans):
            continue
        if len(found) + len(faults) >= MAX_BLOCKS:
            faults.append(file_fault("file", f"over {MAX_BLOCKS} stray XMP packets", data))
            break
        end = _ENDS[data[at : at + 2]].search(data, at)
        if end is None:
            detail = "an XMP packet without an end stands where no reader looks"
            faults.append(file_fault(f"byte {at}", detail, data[at : at + 80]))
            continue
        reached = end.end()
        packet = data[at:reached]
        found.append(MetadataBlock(BlockKind.XMP, f"byte {at}", packet, ((at, reached),)))
    return MetadataBlocks(tuple(found), tuple(faults))


def stray_utf16_packet(data: bytes, blocks: Iterable[MetadataBlock]) -> ReadingFault | None:
    """Returns a fault if a packet in UTF-16 stands outside every part that is read."""
    spans = [span for block in blocks for span in block.spans]
    at = data.find(_UTF16)
    while at >= 0:
        if not _is_inside(at, spans):
            detail = "an XMP packet in UTF-16 stands where no reader looks"
            return file_fault(f"byte {at}", detail, data[at : at + 80])
        at = data.find(_UTF16, at + 1)
    return None


def prohibition_in_texts(fields: Iterable[TextField]) -> ReadingFault | None:
    """Returns a fault if a text, such as a compressed one, holds a PLUS prohibition."""
    for field in fields:
        if "DMI-PROHIBITED" in field.text:
            detail = "a prohibition is in a text that no XMP reader reads"
            return ReadingFault(Origin.FILE, field.where, detail, field.sha256)
    return None


def _is_inside(at: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= at < end for start, end in spans)
