"""Finds the items of an AVIF or other HEIF picture: EXIF, XMP and pictures beside the main one.

ISO/IEC 23008-12 (HEIF) and 14496-12, 8.11: `iinf` names the items, `iloc` says where each is,
`iref` how they belong together, `pitm` which is the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.media.tiff_structure import TIFF_MARKS
from pipelines.signals.file.container_mp4 import Mp4Box, mp4_boxes, read_box
from pipelines.signals.file.metadata_blocks import (
    MAX_BLOCKS,
    BlockKind,
    MetadataBlock,
    MetadataBlocks,
    file_fault,
    inflate,
)
from schemas.signal import ReadingFault

HEIF_BRANDS = (b"avif", b"avis", b"mif1", b"msf1", b"miaf", b"heic", b"heix")
_XMP_TYPE = b"application/rdf+xml"
_PICTURE_KINDS = frozenset((b"av01", b"grid", b"iovl", b"iden", b"tmap", b"hvc1", b"jpeg"))
_METADATA_KINDS = frozenset((b"Exif", b"mime", b"uri "))
_IN_FILE, _IN_IDAT = 0, 1  # construction methods
_MAX_EXTENTS = 10_000


class _Numbers:
    """Reads whole numbers one after another; past the end they are 0, and `is_cut` says so."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data, self.at, self._end = data, at, end
        self.is_cut = False

    def take(self, length: int) -> int:
        at, self.at = self.at, self.at + length
        self.is_cut = self.is_cut or self.at > self._end
        return 0 if self.is_cut else int.from_bytes(self._data[at : self.at])

    def word(self) -> bytes:
        """Returns bytes up to the next NUL."""
        end = self._data.find(b"\0", self.at, self._end)
        end = self._end if end < 0 else end
        at, self.at = self.at, end + 1
        return self._data[at:end]


@dataclass(frozen=True)
class HeifItem:
    """One item.

    Attributes:
        number: Its id.
        kind: Its type: `av01`, `grid`, `Exif`, `mime` and so on.
        content_type: Of a `mime` item.
        encoding: The compression of a `mime` item; b"" for none.
        spans: Where it is in the file, as (start, end); none if it is not known.
    """

    number: int
    kind: bytes
    content_type: bytes
    encoding: bytes
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class HeifItems:
    """The items of a file.

    Attributes:
        items: All of them.
        main: The id of the picture; 0 if none is named.
        parts: Ids of thumbnails, of auxiliary pictures such as transparency, and of pictures that
            another one is made from.
        is_cut: Whether a list of them is cut or has another form.
    """

    items: tuple[HeifItem, ...] = ()
    main: int = 0
    parts: frozenset[int] = frozenset()
    is_cut: bool = False


def is_heif(data: bytes) -> bool:
    """Whether a file begins with the type of a HEIF picture."""
    return data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS


def heif_items(data: bytes) -> HeifItems:
    """Returns the items of a HEIF picture; never raises."""
    meta = next((box for box in mp4_boxes(data) if (box.kind, box.parents) == (b"meta", ())), None)
    if meta is None:
        return HeifItems(is_cut=True)
    boxes = {kind: (start, end) for kind, start, end in _children(data, meta)}
    idat = boxes.get(b"idat", (0, 0))[0]
    spans, is_cut = _locations(data, *boxes.get(b"iloc", (0, 0)), idat)
    items: list[HeifItem] = []
    for item in _infos(data, *boxes.get(b"iinf", (0, 0))):
        found = spans.get(item.number, ())
        items.append(HeifItem(item.number, item.kind, item.content_type, item.encoding, found))
    main = 0
    if b"pitm" in boxes:
        numbers = _Numbers(data, *boxes[b"pitm"])
        main = numbers.take(2 if numbers.take(4) >> 24 == 0 else 4)
    parts = frozenset(_parts(data, *boxes.get(b"iref", (0, 0))))
    return HeifItems(tuple(items), main, parts, is_cut or not meta.is_complete)


def _children(data: bytes, meta: Mp4Box) -> Iterator[tuple[bytes, int, int]]:
    at = meta.start + 4  # version and flags
    for _ in range(MAX_BLOCKS):
        if at + 8 > meta.end:
            return
        kind, start, end = read_box(data, at, meta.end)
        if end < start or end > meta.end:
            return
        yield kind, start, end
        at = end


def _infos(data: bytes, start: int, end: int) -> Iterator[HeifItem]:
    numbers = _Numbers(data, start, end)
    count = numbers.take(2 if numbers.take(4) >> 24 == 0 else 4)
    at = numbers.at
    for _ in range(min(count, MAX_BLOCKS * 16)):
        if at + 8 > end:
            return
        _, inner, stop = read_box(data, at, end)
        entry = _Numbers(data, inner, min(stop, end))
        version = entry.take(4) >> 24
        number = entry.take(4 if version == 3 else 2)
        entry.take(2)  # protection
        kind = entry.take(4).to_bytes(4) if version >= 2 else b"mime"
        entry.word()  # name
        is_mime = kind == b"mime"
        content_type, encoding = (entry.word(), entry.word()) if is_mime else (b"", b"")
        yield HeifItem(number, kind, content_type, encoding)
        if stop <= at:
            return
        at = stop


def _locations(
    data: bytes, start: int, end: int, idat: int
) -> tuple[dict[int, tuple[tuple[int, int], ...]], bool]:
    """Returns where each item is, and whether the list is cut."""
    numbers = _Numbers(data, start, end)
    version = numbers.take(4) >> 24
    sizes = numbers.take(2)
    offset_bytes, length_bytes, base_bytes = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_bytes = sizes & 15 if version in (1, 2) else 0
    count = numbers.take(4 if version == 2 else 2)
    found: dict[int, tuple[tuple[int, int], ...]] = {}
    extents = 0
    for _ in range(count):
        number = numbers.take(4 if version == 2 else 2)
        method = numbers.take(2) & 15 if version in (1, 2) else _IN_FILE
        numbers.take(2)  # where the data is: this file
        base = numbers.take(base_bytes)
        spans: list[tuple[int, int]] = []
        for _ in range(numbers.take(2)):
            numbers.take(index_bytes)
            at = base + numbers.take(offset_bytes) + (idat if method == _IN_IDAT else 0)
            length = numbers.take(length_bytes)
            spans.append((at, at + length if length else len(data)))
            extents += 1
            if numbers.is_cut or extents > _MAX_EXTENTS:
                return found, True
        if numbers.is_cut:
            return found, True
        found[number] = tuple(spans) if method in (_IN_FILE, _IN_IDAT) else ()
    return found, numbers.is_cut


def _parts(data: bytes, start: int, end: int) -> Iterator[int]:
    """Yields the ids of thumbnails, auxiliary pictures and pictures that others are made from."""
    numbers = _Numbers(data, start, end)
    id_bytes = 2 if numbers.take(4) >> 24 == 0 else 4
    at = numbers.at
    for _ in range(MAX_BLOCKS):
        if at + 8 > end:
            return
        kind, inner, stop = read_box(data, at, end)
        entry = _Numbers(data, inner, min(stop, end))
        owner = entry.take(id_bytes)
        others = [entry.take(id_bytes) for _ in range(min(entry.take(2), MAX_BLOCKS))]
        if kind in (b"thmb", b"auxl"):
            yield owner
        elif kind == b"dimg":
            yield from others
        if stop <= at:
            return
        at = stop


def heif_blocks(data: bytes) -> MetadataBlocks:
    """Returns the EXIF and XMP items of a HEIF picture."""
    found = heif_items(data)
    blocks: list[MetadataBlock] = []
    faults: list[ReadingFault] = []
    if found.is_cut:
        faults.append(file_fault("AVIF", "the list of items cannot be read", data[:4096]))
    for item in found.items[:MAX_BLOCKS]:
        is_packet = item.kind == b"mime" and item.content_type == _XMP_TYPE
        if item.kind != b"Exif" and not is_packet:
            continue
        where = "AVIF XMP" if is_packet else "AVIF EXIF"
        raw = item_bytes(data, item)
        if raw is None:
            faults.append(file_fault(where, "the item cannot be read", data[:4096]))
            continue
        spans = item.spans if not item.encoding else ()
        if is_packet:
            blocks.append(MetadataBlock(BlockKind.XMP, where, raw, spans))
        else:
            skipped = _exif_start(raw)
            if skipped < 0:
                if raw.strip(b"\0"):
                    faults.append(file_fault(where, "no EXIF structure is in the item", raw[:4096]))
                continue
            own = ((spans[0][0] + skipped, spans[0][1]),) if len(spans) == 1 else ()
            blocks.append(MetadataBlock(BlockKind.EXIF, where, raw[skipped:], own))
    return MetadataBlocks(tuple(blocks), tuple(faults))


def _exif_start(raw: bytes) -> int:
    """Returns where the TIFF structure in an EXIF item starts; -1 if there is none.

    The item's first four bytes say it. Some programs leave them out, or out of count what comes
    before the structure.
    """
    start = 4 + int.from_bytes(raw[:4])
    if raw.startswith(TIFF_MARKS, start):
        return start
    found = [at for mark in TIFF_MARKS if (at := raw.find(mark)) >= 0]
    return min(found, default=-1)


def item_bytes(data: bytes, item: HeifItem) -> bytes | None:
    """Returns the content of an item; None if it is outside the file or its form is not known."""
    if not item.spans or any(end > len(data) or end < start for start, end in item.spans):
        return None
    raw = b"".join(data[start:end] for start, end in item.spans)
    if not item.encoding:
        return raw
    return inflate(raw) if item.encoding == b"deflate" else None


def other_items(found: HeifItems) -> list[HeifItem]:
    """Returns the pictures that are neither the main one nor a part of another."""
    return [
        item
        for item in found.items
        if item.kind not in _METADATA_KINDS
        and item.number != found.main
        and item.number not in found.parts
    ]


def text_items(data: bytes) -> Iterator[tuple[str, bytes | None]]:
    """Yields where and what of each item that may hold language, besides EXIF and XMP.

    None stands for one that cannot be read, such as text compressed by a method not known here.
    """
    for item in heif_items(data).items[:MAX_BLOCKS]:
        is_known = item.kind == b"Exif" or item.kind in _PICTURE_KINDS
        if not is_known and not (item.kind == b"mime" and item.content_type == _XMP_TYPE):
            yield f"AVIF item {item.number}", item_bytes(data, item)
