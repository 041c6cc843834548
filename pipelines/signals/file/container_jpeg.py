"""Finds the metadata blocks of a JPEG file.

XMP, extended XMP and EXIF are in APP1 segments, Photoshop resources in APP13 segments. The header
of each segment is defined in XMP Specification Part 3 (Adobe, 2020), 1.1.3. So is the way in which
a packet too long for one segment is split into chunks: each chunk carries the MD5 and length of the
whole packet and its own offset.
"""

from __future__ import annotations

import hashlib
import struct
from collections import defaultdict
from collections.abc import Iterator

from pipelines.signals.file.jpeg_structure import picture_starts, read_picture
from pipelines.signals.file.metadata_blocks import (
    MAX_BLOCKS,
    MAX_PACKET_BYTES,
    BlockKind,
    MetadataBlock,
    MetadataBlocks,
    file_fault,
)
from schemas.signal import ReadingFault

XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION_HEADER = b"http://ns.adobe.com/xmp/extension/\0"
EXIF_HEADER = b"Exif\0"
PHOTOSHOP_HEADER = b"Photoshop 3.0\0"
_APP1, _APP13 = 0xE1, 0xED
_CHUNK = struct.Struct(">32sII")  # GUID, full length, offset
_Chunk = tuple[int, bytes, tuple[int, int]]  # offset in the packet, bytes, span in the file


def jpeg_blocks(data: bytes) -> MetadataBlocks:
    """Returns every block in a JPEG file that may concern rights.

    APP1 segments with XMP are found at any position, even after the image, because further images
    in the same file have metadata of their own.
    """
    blocks: list[MetadataBlock] = []
    faults: list[ReadingFault] = []
    for start, end, is_complete in _xmp_segments(data, XMP_HEADER):
        if len(blocks) + len(faults) >= MAX_BLOCKS:
            faults.append(file_fault("JPEG APP1", f"over {MAX_BLOCKS} XMP segments", data))
            break
        if not is_complete:
            faults.append(file_fault("JPEG APP1", "an XMP segment is cut short", data[start:end]))
        else:
            blocks.append(
                MetadataBlock(BlockKind.XMP, "JPEG APP1", data[start:end], ((start, end),))
            )
    extended = _extended_blocks(data)
    return MetadataBlocks(
        (*blocks, *extended.blocks, *_exif_and_photoshop_blocks(data)),
        (*faults, *extended.faults),
    )


def extension_guids(found: MetadataBlocks) -> frozenset[str]:
    """Returns the GUIDs of the extended packets that were reassembled."""
    return frozenset(
        hashlib.md5(block.data, usedforsecurity=False).hexdigest().upper()
        for block in found.blocks
        if block.where == _EXTENDED_WHERE
    )


_EXTENDED_WHERE = "JPEG extended XMP"


def _xmp_segments(data: bytes, header: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yields the start and end of the data after each APP1 header, and whether it is complete."""
    at = data.find(header, 4)
    while at >= 0:
        if data[at - 4 : at - 2] == b"\xff\xe1":
            end = at - 2 + int.from_bytes(data[at - 2 : at])
            start = at + len(header)
            yield start, max(start, min(end, len(data))), start <= end <= len(data)
        at = data.find(header, at + len(header))


def _extended_blocks(data: bytes) -> MetadataBlocks:
    """Returns the reassembled extended packets; a missing or wrong chunk is a fault."""
    groups: dict[tuple[bytes, int], list[_Chunk]] = defaultdict(list)
    faults: list[ReadingFault] = []
    total = 0
    for start, end, is_complete in _xmp_segments(data, EXTENSION_HEADER):
        total += end - start
        if not is_complete or end - start < _CHUNK.size or total > 2 * MAX_PACKET_BYTES:
            why = "a segment is cut short" if total <= 2 * MAX_PACKET_BYTES else "too large"
            faults.append(file_fault(_EXTENDED_WHERE, why, data[start:end]))
            break
        guid, length, offset = _CHUNK.unpack_from(data, start)
        span = (start + _CHUNK.size, end)
        groups[guid, length].append((offset, data[slice(*span)], span))
    blocks = []
    for (guid, length), chunks in groups.items():
        packet = _join_chunks(chunks, length)
        spans = tuple(span for _, _, span in chunks)
        if packet is None:
            raw = b"".join(chunk for _, chunk, _ in chunks)
            detail = f"some of the {length} bytes of the packet are missing"
            faults.append(file_fault(_EXTENDED_WHERE, detail, raw))
            continue
        # The format prescribes MD5. It only shows that the packet was reassembled correctly.
        if hashlib.md5(packet, usedforsecurity=False).hexdigest().upper() != (
            guid.decode("latin-1").upper()
        ):
            faults.append(file_fault(_EXTENDED_WHERE, "the MD5 differs from the GUID", packet))
        blocks.append(MetadataBlock(BlockKind.XMP, _EXTENDED_WHERE, packet, spans))
    return MetadataBlocks(tuple(blocks), tuple(faults))


def _join_chunks(chunks: list[_Chunk], length: int) -> bytes | None:
    """Joins chunks by offset into one packet of `length` bytes; None if the bytes do not add up."""
    if length > MAX_PACKET_BYTES:
        return None
    pieces: list[bytes] = []
    reached = 0
    for offset, chunk in sorted({(offset, chunk) for offset, chunk, _ in chunks}):
        if offset != reached:
            return None
        pieces.append(chunk)
        reached += len(chunk)
    return b"".join(pieces) if reached == length else None


def _exif_and_photoshop_blocks(data: bytes) -> Iterator[MetadataBlock]:
    """EXIF, each segment alone, and Photoshop's resources, all segments of a picture put together.

    Other pictures in the file, such as an MPO's second one, have their own.
    """
    read = set[int]()
    count = 0
    for picture_start in picture_starts(data):
        resources: list[bytes] = []
        spans: list[tuple[int, int]] = []
        for segment in read_picture(data, picture_start).segments:
            marker, start, end = segment.marker, segment.start, segment.end
            if start in read or count >= MAX_BLOCKS:
                continue
            read.add(start)
            if marker == _APP1 and data.startswith(EXIF_HEADER, start):
                count += 1
                begin = min(start + len(EXIF_HEADER) + 1, end)
                yield MetadataBlock(BlockKind.EXIF, "JPEG APP1", data[begin:end], ((begin, end),))
            if marker == _APP13 and data.startswith(PHOTOSHOP_HEADER, start):
                begin = start + len(PHOTOSHOP_HEADER)
                resources.append(data[begin:end])
                spans.append((begin, end))
        if resources:
            where = "JPEG APP13"
            yield MetadataBlock(BlockKind.PHOTOSHOP, where, b"".join(resources), tuple(spans))
