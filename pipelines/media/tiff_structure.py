"""Reads the directories of a TIFF structure: those of a whole TIFF file or of an EXIF block.

Source: TIFF 6.0, section 2, with the wider fields of BigTIFF. Offsets in the file are not trusted:
each one is checked, and each directory is read only once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
TAG_SUB_IFDS, TAG_EXIF_IFD = 0x014A, 0x8769
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TYPE_BYTES |= {16: 8, 17: 8, 18: 8, 129: 1}
_WHOLE_NUMBERS = frozenset((1, 3, 4, 13, 16, 18))
_MAX_DIRECTORIES = 4096
_MAX_ENTRIES = 4096  # in one directory; TIFF writers use a few dozen
_MAX_TOTAL_ENTRIES = 100_000


class DirectoryKind(Enum):
    """How a directory is reached."""

    PAGE = auto()  # from the header, or from the page before it
    SUB = auto()  # from tag SubIFDs: smaller copies of a page, or a camera's raw data
    EXIF = auto()


@dataclass(frozen=True)
class TiffEntry:
    """One entry of a directory.

    Attributes:
        tag: Its tag.
        kind: TIFF's number of its type.
        size: Bytes of one value; 0 if the type is unknown.
        start: Where its values are.
        end: Where they end, which may be outside the structure.
        at: Where the entry itself is.
    """

    tag: int
    kind: int
    size: int
    start: int
    end: int
    at: int


@dataclass(frozen=True)
class TiffDirectory:
    """One directory, as far as it is inside the structure.

    Attributes:
        kind: How it is reached.
        at: Where it starts.
        end: Where it ends, with the offset of the next one.
        entries: Its entries, in order.
    """

    kind: DirectoryKind
    at: int
    end: int
    entries: tuple[TiffEntry, ...]


@dataclass(frozen=True)
class _NumberLayout:
    """How numbers are encoded in the structure."""

    order: Literal["big", "little"]
    count_bytes: int  # size of the entry count of a directory
    offset_bytes: int  # size of an offset, and of the value field in an entry

    @property
    def entry_bytes(self) -> int:
        return 4 + 2 * self.offset_bytes


class TiffReader:
    """Reads one structure, directory by directory.

    Args:
        data: The structure, from its byte order mark on.

    Attributes:
        overflow: Whether it has more directories or entries than are read.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._layout, self._first = _read_header(data)
        self.overflow = False

    def _number(self, at: int, length: int) -> int:
        order = self._layout.order if self._layout else "little"
        return int.from_bytes(self._data[at : at + length], order)

    def entries(self) -> Iterator[TiffEntry]:
        """Yields every entry of every directory that can be reached."""
        for directory in self.directories():
            yield from directory.entries

    def directories(self) -> Iterator[TiffDirectory]:
        """Yields every directory that can be reached."""
        if self._layout is None:
            return
        pending, visited, total = [(self._first, DirectoryKind.PAGE)], set[int](), 0
        while pending:
            at, kind = pending.pop()
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
            directory, is_complete = self._directory(at, kind, count)
            for entry in directory.entries:
                if entry.tag in (TAG_SUB_IFDS, TAG_EXIF_IFD):
                    inner = DirectoryKind.SUB if entry.tag == TAG_SUB_IFDS else DirectoryKind.EXIF
                    pending.extend((offset, inner) for offset in self._offsets(entry))
            if is_complete:
                offset_bytes = self._layout.offset_bytes
                pending.append((self._number(directory.end - offset_bytes, offset_bytes), kind))
            yield directory

    def _directory(self, at: int, kind: DirectoryKind, count: int) -> tuple[TiffDirectory, bool]:
        """Returns a directory, and whether all its entries are inside the structure."""
        if self._layout is None:
            raise AssertionError("a structure with directories has a header")
        first = at + self._layout.count_bytes
        entries: list[TiffEntry] = []
        for number in range(count):
            entry = self._entry(first + number * self._layout.entry_bytes)
            if entry is None:
                break
            entries.append(entry)
        end = first + count * self._layout.entry_bytes + self._layout.offset_bytes
        return TiffDirectory(kind, at, end, tuple(entries)), len(entries) == count

    def _entry(self, at: int) -> TiffEntry | None:
        layout = self._layout
        if layout is None or at + layout.entry_bytes > len(self._data):
            return None
        kind = self._number(at + 2, 2)
        size = _TYPE_BYTES.get(kind, 0)
        length = size * self._number(at + 4, layout.offset_bytes)
        value = at + 4 + layout.offset_bytes
        start = value if length <= layout.offset_bytes else self._number(value, layout.offset_bytes)
        return TiffEntry(self._number(at, 2), kind, size, start, start + length, at)

    def _offsets(self, entry: TiffEntry) -> list[int]:
        """Returns the offsets in an entry, no more than the maximum number of directories."""
        if entry.size not in (4, 8):
            return []
        return self._values(entry, _MAX_DIRECTORIES)

    def _values(self, entry: TiffEntry, most: int) -> list[int]:
        end = min(entry.end, len(self._data), entry.start + entry.size * most)
        return [self._number(at, entry.size) for at in range(entry.start, end, entry.size)]

    def numbers(self, entry: TiffEntry, most: int) -> list[int]:
        """Returns the first `most` values of an entry of whole numbers; none of other types."""
        return self._values(entry, most) if entry.kind in _WHOLE_NUMBERS else []


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
