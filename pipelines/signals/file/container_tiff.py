"""Finds metadata in a TIFF structure: XMP, IIM, Photoshop resources, Copyright and Artist.

The structure is a whole TIFF file or an EXIF block. Sources: TIFF 6.0, section 2, with the wider
fields of BigTIFF, and XMP Specification Part 3, 1.1.4 (tag 700). Offsets in the file are not
trusted: each one is checked, and each directory is read only once.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Literal

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
_TAG_SUB_IFDS, _TAG_EXIF_IFD = 0x014A, 0x8769
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TYPE_BYTES |= {16: 8, 17: 8, 18: 8, 129: 1}
_MAX_DIRECTORIES = 4096
_MAX_ENTRIES = 4096  # in one directory; TIFF writers use a few dozen
_MAX_TOTAL_ENTRIES = 100_000
_MAX_TEXT = 4096
_MAX_TEXTS = 256


@dataclass(frozen=True)
class TiffMetadata:
    """The metadata of a TIFF structure.

    Attributes:
        blocks: Its metadata blocks, and the faults of tag 700.
        texts: Tag and raw text of each entry that was asked for.
    """

    blocks: MetadataBlocks
    texts: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True)
class _NumberLayout:
    """How numbers are encoded in the structure."""

    order: Literal["big", "little"]
    count_bytes: int  # size of the entry count of a directory
    offset_bytes: int  # size of an offset, and of the value field in an entry

    @property
    def entry_bytes(self) -> int:
        return 4 + 2 * self.offset_bytes


@dataclass(frozen=True)
class _Entry:
    tag: int
    kind: int  # TIFF's number of the type
    size: int  # bytes of one value; 0 if the type is unknown
    start: int
    end: int


class _TiffReader:
    """Reads one structure, entry by entry."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._layout, self._first = _read_header(data)
        self.overflow = False

    def _number(self, at: int, length: int) -> int:
        order = self._layout.order if self._layout else "little"
        return int.from_bytes(self._data[at : at + length], order)

    def entries(self) -> Iterator[_Entry]:
        """Yields every entry of every directory that can be reached."""
        if self._layout is None:
            return
        pending, visited, total = [self._first], set[int](), 0
        while pending:
            at = pending.pop()
            if at in visited or not 0 < at < len(self._data):
                continue
            visited.add(at)
            count = self._number(at, self._layout.count_bytes)
            total += min(count, _MAX_ENTRIES)
            if (
                count > _MAX_ENTRIES
                or total > _MAX_TOTAL_ENTRIES
                or len(visited) > _MAX_DIRECTORIES
            ):
                self.overflow = True
                return
            first = at + self._layout.count_bytes
            for number in range(count):
                entry = self._entry(first + number * self._layout.entry_bytes)
                if entry is None:
                    break
                if entry.tag in (_TAG_SUB_IFDS, _TAG_EXIF_IFD):
                    pending.extend(self._offsets(entry))
                yield entry
            else:
                after = first + count * self._layout.entry_bytes
                pending.append(self._number(after, self._layout.offset_bytes))

    def _entry(self, at: int) -> _Entry | None:
        layout = self._layout
        if layout is None or at + layout.entry_bytes > len(self._data):
            return None
        kind = self._number(at + 2, 2)
        size = _TYPE_BYTES.get(kind, 0)
        length = size * self._number(at + 4, layout.offset_bytes)
        value = at + 4 + layout.offset_bytes
        start = value if length <= layout.offset_bytes else self._number(value, layout.offset_bytes)
        return _Entry(self._number(at, 2), kind, size, start, start + length)

    def _offsets(self, entry: _Entry) -> list[int]:
        """Returns the offsets in an entry, no more than the maximum number of directories."""
        if entry.size not in (4, 8):
            return []
        end = min(entry.end, len(self._data), entry.start + entry.size * _MAX_DIRECTORIES)
        return [self._number(at, entry.size) for at in range(entry.start, end, entry.size)]


def _read_header(data: bytes) -> tuple[_NumberLayout | None, int]:
    """Returns the number layout and the first directory's offset; (None, 0) if not a TIFF."""
    marks = {
        b"II*\0": (_NumberLayout("little", 2, 4), 4),
        b"MM\0*": (_NumberLayout("big", 2, 4), 4),
        b"II+\0": (_NumberLayout("little", 8, 8), 8),
        b"MM\0+": (_NumberLayout("big", 8, 8), 8),
    }
    layout, at = marks.get(data[:4], (None, 0))
    if layout is None:
        return None, 0
    raw = data[at : at + layout.offset_bytes]
    return layout, int.from_bytes(raw, layout.order)


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
    reader = _TiffReader(data)
    blocks: list[MetadataBlock] = []
    faults: list[ReadingFault] = []
    texts: list[tuple[int, bytes]] = []
    total = 0
    kinds = {
        _TAG_XMP: BlockKind.XMP,
        _TAG_IIM: BlockKind.IIM,
        _TAG_PHOTOSHOP: BlockKind.PHOTOSHOP,
    }
    for entry in reader.entries():
        is_text = entry.tag in text_tags or (entry.kind in text_kinds and entry.tag not in kinds)
        if is_text and len(texts) < _MAX_TEXTS:
            end = min(entry.end, entry.start + max_text_bytes)
            texts.append((entry.tag, data[entry.start : end]))
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
        blocks.append(MetadataBlock(kind, name, raw, span))
    if reader.overflow:
        faults.append(file_fault(where, "too many directories or entries", data))
    return TiffMetadata(MetadataBlocks(tuple(blocks), tuple(faults)), tuple(texts))


def _tag_fault(entry: _Entry, where: str, data: bytes) -> ReadingFault | None:
    """Returns a fault if tag 700 has an unknown type or lies outside the file."""
    if entry.size and entry.end <= len(data):
        return None
    why = "lies outside the file" if entry.size else "has an unknown type"
    raw = data[entry.start : entry.start + _MAX_TEXT]
    return file_fault(f"{where} tag {entry.tag}", f"the XMP packet {why}", raw)
