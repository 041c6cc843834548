"""Removes the metadata of an MP4 in place: boxes become free space, and no byte moves.

Tables in the file give the places of all samples by their offsets, so nothing may be left out. What
is removed is overwritten with zeros under the type `free`, which every reader passes over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.signals.file.container_mp4 import XMP_UUID, read_box
from pipelines.signals.file.container_texts import is_mp4_rights_text, metadata_keys
from pipelines.signals.strip.kept import CannotStripError, Kept, rights_packet

_CONTAINERS = frozenset((b"moov", b"trak", b"mdia", b"minf", b"moof", b"traf", b"mvex", b"mfra"))
_METADATA = frozenset((b"udta", b"meta", b"uuid", b"emsg", b"pnot", b"PICT", b"jumb", b"udat"))
_FREE = frozenset((b"free", b"skip", b"wide"))
_TOP = frozenset(b"ftyp moov mdat moof mfra sidx styp ssix prft pdin".split())
_HANDLERS = frozenset(b"vide soun auxv hint tmcd text sbtl subt clcp".split())
_HANDLER_NAME = 24  # offset in a handler's payload
_MAX_DEPTH = 12


@dataclass(frozen=True)
class Box:
    """One box: where its header, its payload and its end are."""

    kind: bytes
    at: int  # of its header
    start: int  # of its payload
    end: int


def strip_mp4(data: bytes, kept: Kept) -> bytes:
    """Returns the film with only the given kinds of metadata, at its old length.

    Raises:
        CannotStripError: If the structure is not that of one plain film, it has a track that is
            neither picture, sound nor text, or a statement about rights no longer fits its place.
    """
    film = bytearray(data)
    for box in boxes(data, 0, len(data)):
        if box.kind in _METADATA or box.kind in _FREE:
            _Stripper(film, data, kept.texts).strip(box, 0)
        elif box.kind in _CONTAINERS:
            _Stripper(film, data, kept.texts).open(box, 0)
        elif box.kind not in _TOP:
            raise CannotStripError("a box of unknown meaning in the film")
    return bytes(film)


def boxes(data: bytes, at: int, limit: int) -> Iterator[Box]:
    """Yields the boxes of a stretch, which they must fill exactly."""
    while at < limit:
        if limit - at < 8:
            if any(data[at:limit]):
                raise CannotStripError("bytes between the boxes of the film")
            return  # QuickTime ends a list with zeros
        kind, start, end = read_box(data, at, limit)
        if end < start or end > limit:
            raise CannotStripError("a box of the film is cut short")
        yield Box(kind, at, start, end)
        at = end


class _Stripper:
    """Strips one box and what it holds.

    Args:
        film: The new film, which is changed.
        data: The film as it was.
        keeps_rights: Whether statements about rights stay.
    """

    def __init__(self, film: bytearray, data: bytes, keeps_rights: bool) -> None:
        self._film = film
        self._data = data
        self._keeps_rights = keeps_rights
        self._keys: list[str] = []

    def open(self, box: Box, depth: int) -> None:
        """Goes through a box that holds parts of the film."""
        if depth > _MAX_DEPTH:
            raise CannotStripError("boxes of the film are nested too deep")
        for inner in boxes(self._data, box.start, box.end):
            if inner.kind in _CONTAINERS:
                self.open(inner, depth + 1)
            elif inner.kind in _METADATA or inner.kind in _FREE:
                self.strip(inner, depth + 1)
            elif inner.kind == b"hdlr":
                self._handler(inner, box.kind)

    def strip(self, box: Box, depth: int) -> None:
        """Blanks a box of metadata, or what in it is not about rights."""
        if depth > _MAX_DEPTH:
            raise CannotStripError("boxes of the film are nested too deep")
        kind, data = box.kind, self._data
        if not self._keeps_rights or kind in _FREE:
            self._blank(box)
        elif kind == b"uuid" and data.startswith(XMP_UUID, box.start):
            self._packet(box, box.start + len(XMP_UUID))
        elif kind == b"XMP_":
            self._packet(box, box.start)
        elif kind in (b"udta", b"ilst"):
            for inner in boxes(data, box.start, box.end):
                self.strip(inner, depth + 1)
        elif kind == b"meta":
            is_full = data[box.start : box.start + 4] == bytes(4)
            for inner in boxes(data, box.start + 4 * is_full, box.end):
                if inner.kind == b"keys":
                    self._keys = metadata_keys(data[inner.start : inner.end])
                if inner.kind not in (b"hdlr", b"keys"):
                    self.strip(inner, depth + 1)
        elif not is_mp4_rights_text(kind, self._keys):
            self._blank(box)

    def _blank(self, box: Box) -> None:
        self._film[box.at + 4 : box.at + 8] = b"free"
        self._film[box.start : box.end] = bytes(box.end - box.start)

    def _packet(self, box: Box, start: int) -> None:
        packet = rights_packet(self._data[start : box.end])
        if not packet:
            self._blank(box)
            return
        room = box.end - start
        if len(packet) > room:
            raise CannotStripError("the statements about rights do not fit where they stood")
        self._film[start : box.end] = packet.ljust(room)

    def _handler(self, box: Box, parent: bytes) -> None:
        """Checks what a track is for, and blanks the name of its handler."""
        handler = self._data[box.start + 8 : box.start + 12]
        if parent == b"mdia" and handler not in _HANDLERS:
            raise CannotStripError("a track that is neither picture, sound nor text")
        name = min(box.start + _HANDLER_NAME, box.end)
        self._film[name : box.end] = bytes(box.end - name)
