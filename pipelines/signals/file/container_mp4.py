"""Parts of an MP4 or QuickTime file: XMP in `uuid` or `udta/XMP_`, and the boxes with texts.

XMP Specification Part 3, 1.2.6 (MPEG-4) and 1.2.7 (QuickTime). `meta` boxes are opened wherever
they are: ISO's begin with a version, QuickTime's do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.signals.file.metadata_blocks import (
    MAX_BLOCKS,
    BlockKind,
    MetadataBlock,
    MetadataBlocks,
    file_fault,
)
from schemas.signal import ReadingFault

XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
_CONTAINER_BOXES = frozenset(
    (b"moov", b"trak", b"udta", b"mdia", b"moof", b"traf", b"meta", b"ilst", b"minf")
)
_TEXT_CONTAINERS = frozenset((b"udta", b"ilst"))
_XMP_MARKS = (b"<x:xmpmeta", b"<rdf:RDF")
_MAX_DEPTH = 12
_MAX_BOXES = 1_000_000


@dataclass(frozen=True)
class Mp4Box:
    """A box, and where its payload is in the file.

    Attributes:
        kind: Its type.
        start: Where its payload starts.
        end: Where it ends, or the box around it does.
        is_complete: Whether all of it is there.
        parents: The types of the boxes around it, the outermost first.
    """

    kind: bytes
    start: int
    end: int
    is_complete: bool
    parents: tuple[bytes, ...]

    @property
    def is_text(self) -> bool:
        """Whether it is an entry of user data or of a list of metadata."""
        return (
            bool(self.parents)
            and self.parents[-1] in _TEXT_CONTAINERS
            and self.kind not in _CONTAINER_BOXES
            and self.kind not in (b"XMP_", b"uuid")
        ) or self.kind == b"keys"


def mp4_blocks(data: bytes) -> MetadataBlocks:
    """Returns every block in an MP4 file that may concern rights."""
    blocks: list[MetadataBlock] = []
    faults: list[ReadingFault] = []
    for count, box in enumerate(mp4_boxes(data)):
        if count >= _MAX_BOXES or len(blocks) + len(faults) >= MAX_BLOCKS:
            faults.append(file_fault("MP4", "too many boxes", data))
            break
        kind, start, end = box.kind, box.start, box.end
        if kind == b"uuid" and data.startswith(XMP_UUID, start):
            start, where = min(start + len(XMP_UUID), end), "MP4 uuid"
        elif kind == b"XMP_":
            where = "MP4 udta/XMP_"
        elif kind == b"cmov" and box.parents == (b"moov",):
            detail = "the index is compressed, and its metadata with it"
            faults.append(file_fault("MOV cmov", detail, data[start:end]))
            continue
        elif kind in (b"xml ", b"bxml", b"idat", b"uuid") and _holds_packet(data, start, end):
            where = f"MP4 {kind.decode().strip()}"
            start = min(at for mark in _XMP_MARKS if (at := data.find(mark, start, end)) >= 0)
        else:
            continue
        if box.is_complete:
            blocks.append(MetadataBlock(BlockKind.XMP, where, data[start:end], ((start, end),)))
        else:
            faults.append(file_fault(where, "the box is truncated", data[start:end]))
    return MetadataBlocks(tuple(blocks), tuple(faults))


def _holds_packet(data: bytes, start: int, end: int) -> bool:
    return any(data.find(mark, start, end) >= 0 for mark in _XMP_MARKS)


def read_box(data: bytes, at: int, limit: int) -> tuple[bytes, int, int]:
    """Returns the type of the box at an offset, and the start and end of its payload.

    In a damaged file, the end may lie behind `limit` or before the start.

    Args:
        data: The file.
        at: The offset; the box's size and type are there.
        limit: Where the box around it ends, and with it a box without a size.
    """
    size, start = int.from_bytes(data[at : at + 4]), at + 8
    if size == 1:
        size, start = int.from_bytes(data[at + 8 : at + 16]), at + 16
    return data[at + 4 : at + 8], start, limit if size == 0 else at + size


def mp4_boxes(data: bytes) -> Iterator[Mp4Box]:
    """Every box in depth, in order: containers come before what they hold."""
    open_boxes: list[tuple[int, int, tuple[bytes, ...]]] = [(0, len(data), ())]
    while open_boxes:
        at, limit, parents = open_boxes.pop()
        if at + 8 > limit:
            continue
        kind, start, end = read_box(data, at, limit)
        if end < start:
            continue
        open_boxes.append((end, limit, parents))
        if kind in _CONTAINER_BOXES and len(parents) < _MAX_DEPTH:
            inner = start + 4 if kind == b"meta" and _has_version(data, start) else start
            open_boxes.append((inner, min(end, limit), (*parents, kind)))
        yield Mp4Box(kind, min(start, limit), min(end, limit), end <= limit, parents)


def _has_version(data: bytes, start: int) -> bool:
    """Whether a `meta` box begins with a version and flags, as ISO's do, before its first box."""
    return data[start : start + 4] == b"\0\0\0\0" or data[start + 8 : start + 12] == b"hdlr"
