"""Removes the sound of an MP4 or QuickTime film in place: no byte moves, no frame is encoded again.

Every track that may be sound (pipelines.media.film_tracks) becomes free space, and its chunks
become zeros. A chunk is taken to reach up to the next chunk of any track, so that the tables of
sizes, which QuickTime fills in ways of its own, are not needed. Whoever calls this compares the
picture track's packets before and after.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator

from pipelines.media.film_tracks import may_be_sound
from pipelines.signals.strip.kept import CannotStripError
from pipelines.signals.strip.mp4 import Box, boxes

_OFFSETS = {b"stco": ("I", 4), b"co64": ("Q", 8)}
_REMEDY = "export it again without sound"


def strip_sound(data: bytes) -> bytes:
    """Returns the film without its tracks of sound, at its old length.

    Raises:
        CannotStripError: If the film is fragmented, or its structure is not understood.
    """
    top = list(boxes(data, 0, len(data)))
    if any(box.kind in (b"moof", b"mvex") for box in top):
        raise CannotStripError(f"the sound of a fragmented film cannot be removed; {_REMEDY}")
    media = [(box.start, box.end) for box in top if box.kind == b"mdat"]
    tracks = [
        track
        for movie in top
        if movie.kind == b"moov"
        for track in boxes(data, movie.start, movie.end)
        if track.kind == b"trak"
    ]
    chunks = {track: _chunk_offsets(data, track) for track in tracks}
    starts = sorted({offset for offsets in chunks.values() for offset in offsets})
    film = bytearray(data)
    for track in tracks:
        if not may_be_sound(data, track.start, track.end):
            continue
        for offset in chunks[track]:
            end = _end_of(offset, starts, media)
            film[offset:end] = bytes(end - offset)
        film[track.at + 4 : track.at + 8] = b"free"
        film[track.start : track.end] = bytes(track.end - track.start)
    return bytes(film)


def _end_of(offset: int, starts: list[int], media: list[tuple[int, int]]) -> int:
    """Returns where a chunk ends at the latest."""
    for start, end in media:
        if start <= offset < end:
            following = bisect_right(starts, offset)
            return min([end, *starts[following : following + 1]])
    raise CannotStripError(f"a chunk of sound is outside of the film's media; {_REMEDY}")


def _inside(data: bytes, box: Box, *path: bytes) -> Iterator[Box]:
    """Yields the boxes at a path below a box."""
    for inner in boxes(data, box.start, box.end):
        if inner.kind == path[0]:
            if len(path) == 1:
                yield inner
            else:
                yield from _inside(data, inner, *path[1:])


def _chunk_offsets(data: bytes, track: Box) -> list[int]:
    """Returns where the chunks of a track start, in bytes from the start of the file."""
    offsets: list[int] = []
    for kind, (code, size) in _OFFSETS.items():
        for table in _inside(data, track, b"mdia", b"minf", b"stbl", kind):
            if table.end - table.start < 8:
                raise CannotStripError(f"a table of the film is cut short; {_REMEDY}")
            (count,) = struct.unpack_from(">I", data, table.start + 4)
            if table.start + 8 + count * size > table.end:
                raise CannotStripError(f"a table of the film is cut short; {_REMEDY}")
            offsets += struct.unpack_from(f">{count}{code}", data, table.start + 8)
    return offsets
