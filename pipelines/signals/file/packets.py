"""Every part of a media file that may speak of rights: the format is found from its first bytes."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.signals.file.packets_jpeg import jpeg_parts
from pipelines.signals.file.packets_mp4 import mp4_parts
from pipelines.signals.file.packets_png import SIGNATURE, png_parts
from pipelines.signals.file.packets_webp import webp_parts
from pipelines.signals.file.parts import (
    MAX_PACKET_BYTES,
    MAX_TOTAL_BYTES,
    Part,
    PartKind,
    Parts,
    file_fault,
    merge_parts,
)
from schemas.signal import Fault

_TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MP4_FIRST = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"uuid")
_PROHIBITION = "DMI-PROHIBITED"
_SPELLINGS = tuple(_PROHIBITION.encode(name) for name in ("utf-8", "utf-16-le", "utf-16-be"))


def find_parts(data: bytes) -> Parts:
    """All parts that the file's container holds; none where the format is none of the five.

    A TIFF file is one EXIF part: what is inside is read with it.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return jpeg_parts(data)
    if data.startswith(SIGNATURE):
        return png_parts(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp_parts(data)
    if data[4:8] in _MP4_FIRST:
        return mp4_parts(data)
    if data.startswith(_TIFF_MARKS):
        return Parts((Part(PartKind.EXIF, "TIFF", data, ((0, len(data)),)),))
    return Parts()


def bound_parts(found: Parts) -> Parts:
    """Parts without copies, and without what is larger than we read; that is a fault instead."""
    kept: dict[tuple[PartKind, bytes], Part] = {}
    faults: list[Fault] = []
    total = 0
    for part in found.parts:
        if part.kind is PartKind.EXIF:  # a slice of the file, or bounded where it was inflated
            kept[part.kind, part.data] = part
            continue
        key = (part.kind, part.data)
        if key in kept:
            twin = kept[key]
            kept[key] = Part(twin.kind, twin.where, twin.data, twin.spans + part.spans)
            continue
        total += len(part.data)
        if len(part.data) > MAX_PACKET_BYTES or total > MAX_TOTAL_BYTES:
            if part.kind is PartKind.XMP:
                what = f"{len(part.data)} bytes are more than is read"
                faults.append(file_fault(part.where, what, part.data))
            continue
        kept[key] = part
    return merge_parts([Parts(tuple(kept.values()), tuple(faults)), Parts((), found.faults)])


def stray_prohibition(data: bytes, packets: Iterable[Part]) -> Fault | None:
    """A fault where the file's bytes hold a prohibition of PLUS outside every packet that was read.

    It may stand in a box that no reader knows, or in a packet that a writer put where none belongs.
    """
    spans = sorted(span for part in packets for span in part.spans)
    for token in _SPELLINGS:
        at, ahead = data.find(token), 0
        while at >= 0:
            while ahead < len(spans) and spans[ahead][1] <= at:
                ahead += 1
            if ahead == len(spans) or spans[ahead][0] > at:
                detail = "a prohibition stands in the file where no reader looks"
                return file_fault(f"byte {at}", detail, data[at : at + 80])
            at = data.find(token, max(spans[ahead][1], at + 1))
    return None
