"""Removes the metadata of a TIFF: what the picture does not need becomes zeros.

The pixels stay where they are, since a directory gives their places. A new directory at the end of
the file has the entries that the picture is decoded from, and the statements that are kept.
"""

from __future__ import annotations

import struct

from pipelines.media.tiff import picture_spans
from pipelines.media.tiff_structure import DirectoryKind, TiffDirectory, TiffEntry, TiffReader
from pipelines.signals.file.container_tiff import TAG_COPYRIGHT
from pipelines.signals.strip.kept import CannotStripError, Kept

_COMPRESSION, _ORIENTATION, _XMP, _IIM = 259, 274, 700, 33723
_ASCII, _BYTE, _UNDEFINED = 2, 1, 7
_NUMBERS = frozenset({3, 4, 5, 16})  # SHORT, LONG, RATIONAL, LONG8
_PROFILE = 34675
# Sizes, layout and meaning of the values, resolution, colour map, channels, the ICC profile.
_PICTURE = frozenset(
    {254, 256, 257, 258, _COMPRESSION, 262, 266, 273, _ORIENTATION, 277, 278, 279, 282, 283, 284}
    | {292, 293, 296, 301, 317, 318, 319, 320, 322, 323, 324, 325, 332, 334, 338, 339, 529, 530}
    | {531, 532, _PROFILE}
)
# Those without metadata of their own: none, CCITT, LZW, deflate, PackBits, LZMA, Zstandard. JPEG
# and its kind may have comments in each strip.
_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 50000})
_REDUCED_OR_MASK = 1 | 4
_SUBFILE = 254


def strip_tiff(data: bytes, kept: Kept) -> bytes:
    """Returns the picture with only the given metadata; smaller copies of it are removed.

    Raises:
        CannotStripError: If there are several pages, strips may hold metadata, or several packets
            would have to stay.
    """
    reader = TiffReader(data)
    directories = list(reader.directories())
    pages = [one for one in directories if one.kind is DirectoryKind.PAGE]
    if reader.overflow or not pages or pages[0].end > len(data):
        raise CannotStripError("the directories of the TIFF cannot be read")
    page = pages[0]
    if any(not _value(reader, one, _SUBFILE, 0) & _REDUCED_OR_MASK for one in pages[1:]):
        raise CannotStripError("the TIFF has several pages")
    if _value(reader, page, _COMPRESSION, 1) not in _COMPRESSIONS:
        raise CannotStripError("the strips of the TIFF may hold metadata of their own")
    entries = [entry for entry in page.entries if entry.tag in _PICTURE]
    if kept.orientation != 1 and all(entry.tag != _ORIENTATION for entry in entries):
        raise CannotStripError("XMP alone says how the TIFF is turned")
    stripped = bytearray(len(data) + (len(data) & 1))
    spans = picture_spans(reader, page)
    spans += [(entry.start, entry.end) for entry in entries]
    if any(entry.kind not in _NUMBERS and entry.tag != _PROFILE for entry in entries):
        raise CannotStripError("an entry of the TIFF that should be a number is not")
    for start, end in spans:
        if not 0 < start <= end <= len(data):
            raise CannotStripError("part of the TIFF is outside the file")
        stripped[start:end] = data[start:end]
    return bytes(_with_directory(stripped, data, entries, _statements(kept)))


def _value(reader: TiffReader, page: TiffDirectory, tag: int, otherwise: int) -> int:
    entry = next((one for one in page.entries if one.tag == tag), None)
    found = reader.numbers(entry, 1) if entry else []
    return found[0] if found else otherwise


def _statements(kept: Kept) -> list[tuple[int, int, bytes]]:
    """Returns tag, type and value of each entry that is added."""
    if len(kept.packets) > 1:
        raise CannotStripError("several XMP packets would have to stay in one TIFF")
    added = [(_XMP, _BYTE, packet) for packet in kept.packets]
    if kept.iim:
        added.append((_IIM, _UNDEFINED, kept.iim))
    if kept.notice:
        added.append((TAG_COPYRIGHT, _ASCII, kept.notice))
    return added


def _with_directory(
    stripped: bytearray,
    data: bytes,
    entries: list[TiffEntry],
    added: list[tuple[int, int, bytes]],
) -> bytearray:
    """Returns the file with a directory of the old entries and the added ones at its end."""
    order, is_big = "<" if data[:2] == b"II" else ">", b"+" in data[2:4]
    offset, count, room = ("Q", "Q", 8) if is_big else ("I", "H", 4)
    rows: dict[int, bytes] = {}
    for entry in entries:
        rows[entry.tag] = data[entry.at : entry.at + 4 + 2 * room]
    for tag, kind, raw in added:
        value = raw.ljust(room, b"\0")
        if len(raw) > room:
            value = struct.pack(order + offset, len(stripped))
            stripped += raw + b"\0" * (len(raw) & 1)
        rows[tag] = struct.pack(f"{order}HH{offset}", tag, kind, len(raw)) + value
    first = len(stripped)
    stripped += struct.pack(order + count, len(rows))
    stripped += b"".join(row for _, row in sorted(rows.items())) + bytes(room)
    head = data[: 8 if is_big else 4] + struct.pack(order + offset, first)
    stripped[: len(head)] = head
    return stripped
