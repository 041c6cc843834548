"""Finds which tracks of an MP4 or QuickTime film may hold sound, whatever a track calls itself.

A track states its kind three times: in its handler, in its media information header, and in the
types of its samples. FFmpeg goes by the handler, others by the rest. Only a track of which all
three say that it is a picture, a text or a timecode is taken for one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_CONTAINERS = (b"mdia", b"minf", b"stbl")
_PICTURES = frozenset((b"vide", b"auxv", b"pict"))
# Handlers of tracks that are neither shown as pictures nor heard.
_SILENT = frozenset(b"tmcd text sbtl subt subp clcp meta mebx fdsc camm data chap".split())
_PICTURE_HEADERS = frozenset((b"vmhd",))
_SILENT_HEADERS = frozenset((b"gmhd", b"nmhd", b"sthd"))
_HEADERS = _PICTURE_HEADERS | _SILENT_HEADERS | {b"smhd", b"hmhd"}
# Sample entries of sound: ISO/IEC 14496-12 and MP4RA's register, and QuickTime's own.
_SOUND_ENTRIES = frozenset(
    entry.ljust(4)
    for entry in (
        b"mp4a enca ac-3 ec-3 ac-4 alac Opus fLaC dtsc dtsh dtsl dtse dtsx dtsy mlpa mha1 mha2 "
        b"mhm1 mhm2 samr sawb sawp sevc sqcp ssmv spex .mp3 mp3 ipcm fpcm lpcm sowt twos in24 "
        b"in32 fl32 fl64 ulaw alaw MAC3 MAC6 ima4 QDMC QDM2 Qclp agsm dvi DVI GSM vdva dvca iamf "
        b"a3ds wma owma"
    ).split()
)


def has_sound_track(data: bytes) -> bool:
    """Whether a film has a track that may hold sound.

    What is damaged beyond reading is left to the decoder, and counts as none here.
    """
    return any(
        may_be_sound(data, start, end)
        for kind, _, movie_start, movie_end in _boxes(data, 0, len(data))
        if kind == b"moov"
        for inner, _, start, end in _boxes(data, movie_start, movie_end)
        if inner == b"trak"
    )


def may_be_sound(data: bytes, start: int, end: int) -> bool:
    """Whether a track may hold sound.

    Args:
        data: The film.
        start: Where the payload of the track's box starts.
        end: Where it ends.
    """
    handlers: set[bytes] = set()
    headers: set[bytes] = set()
    entries: set[bytes] = set()
    for kind, parent, at, limit in _inside(data, start, end, b"trak"):
        if kind == b"hdlr" and parent == b"mdia":
            handlers.add(data[at + 8 : at + 12])
        elif kind in _HEADERS and parent == b"minf":
            headers.add(kind)
        elif kind == b"stsd":
            entries |= {entry for entry, *_ in _boxes(data, at + 8, limit)}
    if entries & _SOUND_ENTRIES:
        return True
    is_picture = handlers <= _PICTURES and headers <= _PICTURE_HEADERS
    is_silent = handlers <= _SILENT and headers <= _SILENT_HEADERS
    return len(handlers) != 1 or len(headers) != 1 or not (is_picture or is_silent)


def _inside(
    data: bytes, start: int, end: int, parent: bytes
) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Yields a track's boxes: kind, kind of the box around it, start and end of its payload."""
    for kind, _, at, limit in _boxes(data, start, end):
        yield kind, parent, at, limit
        if kind in _CONTAINERS:
            yield from _inside(data, at, limit, kind)


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Yields kind, start, and start and end of the payload of the boxes in a stretch."""
    while end - at >= 8:
        size, kind = struct.unpack_from(">I4s", data, at)
        payload = at + 8
        if size == 1 and end - at >= 16:
            (size,) = struct.unpack_from(">Q", data, payload)
            payload += 8
        limit = end if size == 0 else at + size
        if limit < payload or limit > end:
            return
        yield kind, at, payload, limit
        at = limit
