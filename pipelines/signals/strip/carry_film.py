"""Puts the metadata of a film into its rendition, and the index of the rendition first.

XMP, user data and lists of metadata are copied as they were written. A C2PA manifest is not: its
signature is for the original's bytes. A film of which something else states something about rights
therefore has no rendition.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pipelines.media.formats import Format
from pipelines.signals.file.container_mp4 import XMP_UUID
from pipelines.signals.file.embedded import read_embedded
from pipelines.signals.file.trust import TrustLists
from pipelines.signals.strip.kept import CannotStripError
from pipelines.signals.strip.mp4 import Box, boxes
from pipelines.signals.strip.strip import check_rights, strip_metadata

_METADATA = (b"udta", b"meta", b"uuid")
_TABLES = (b"trak", b"mdia", b"minf", b"stbl")
_OFFSETS = {b"stco": ("I", 4), b"co64": ("Q", 8)}


def finish_film(
    original: bytes, fmt: Format, made: bytes, setting: str, trust: TrustLists
) -> bytes:
    """Returns a rendition with the metadata that the deal keeps, and with its index first.

    Args:
        original: The film that was rendered.
        fmt: Its format.
        made: The rendition, as FFmpeg wrote it.
        setting: The deal's `rights.personal_data`.
        trust: What the deal brings for reading.

    Raises:
        CannotStripError: If the rendition would not state the same rights.
    """
    if setting == "none":
        return strip_metadata(_with_index_first(made, b"", b""), "mp4", "none", 1, trust)
    finished = _with_index_first(made, *_metadata_of(original))
    if setting == "rights-only":
        finished = strip_metadata(finished, "mp4", setting, 1, trust)
    before, after = read_embedded(original, fmt, trust), read_embedded(finished, "mp4", trust)
    check_rights(before, after, removes_personal=setting == "rights-only")
    return finished


def _metadata_of(data: bytes) -> tuple[bytes, bytes]:
    """Returns the boxes of metadata that lie in a film's index, and those beside it."""
    top = list(boxes(data, 0, len(data)))
    indexes = [box for box in top if box.kind == b"moov"]
    inner = [one for box in indexes for one in boxes(data, box.start, box.end)]
    user_data = b"".join(data[one.start : one.end] for one in inner if one.kind == b"udta")
    # QuickTime ends user data with zeros, which a box must not begin with.
    user_data = _boxed(b"udta", user_data.removesuffix(bytes(4))) if user_data else b""
    lists = [data[one.at : one.end] for one in inner if one.kind == b"meta"][:1]
    packets = [
        data[one.at : one.end]
        for one in (*inner, *top)
        if one.kind == b"uuid" and data.startswith(XMP_UUID, one.start)
    ]
    beside = [data[one.at : one.end] for one in top if one.kind == b"meta"][:1]
    return user_data + b"".join(lists), b"".join([*beside, *packets])


def _with_index_first(data: bytes, inside: bytes, beside: bytes) -> bytes:
    """Returns a film with its index before its media, and with boxes in and after these.

    Args:
        data: A film with one index, behind one box of media.
        inside: Boxes that the index gets at its end.
        beside: Boxes that come last.
    """
    top = {box.kind: box for box in boxes(data, 0, len(data)) if box.kind != b"free"}
    if set(top) != {b"ftyp", b"mdat", b"moov"}:
        raise CannotStripError("the rendition has other parts than those of a plain film")
    head, media, index = top[b"ftyp"], top[b"mdat"], top[b"moov"]
    parts = [
        data[one.at : one.end]
        for one in boxes(data, index.start, index.end)
        if one.kind not in _METADATA
    ]
    moov = bytearray(_boxed(b"moov", b"".join(parts) + inside))
    moved = head.end - head.at + len(moov) - media.at
    for table, (code, size) in _tables_of(bytes(moov)):
        (count,) = struct.unpack_from(">I", moov, table.start + 4)
        form = f">{count}{code}"
        offsets = struct.unpack_from(form, moov, table.start + 8)
        if size == 4 and max(offsets, default=0) + moved >= 1 << 32:
            raise CannotStripError("the film is too large for the index of its rendition")
        struct.pack_into(form, moov, table.start + 8, *(at + moved for at in offsets))
    return data[head.at : head.end] + bytes(moov) + data[media.at : media.end] + beside


def _tables_of(moov: bytes) -> Iterator[tuple[Box, tuple[str, int]]]:
    """Yields the tables of places in an index, and the code and size of their numbers."""
    waiting = [Box(b"moov", 0, 8, len(moov))]
    while waiting:
        outer = waiting.pop()
        for box in boxes(moov, outer.start, outer.end):
            if box.kind in _TABLES:
                waiting.append(box)
            elif box.kind in _OFFSETS:
                yield box, _OFFSETS[box.kind]


def _boxed(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload
