"""All that the metadata inside a media file says of rights: XMP, EXIF and IIM of the whole file."""

from __future__ import annotations

from collections import deque

from pipelines.signals.file.legacy import exif_claims, iim_claims, photoshop_parts
from pipelines.signals.file.packets import bound_parts, find_parts, stray_prohibition
from pipelines.signals.file.packets_jpeg import extension_guids
from pipelines.signals.file.parts import (
    MAX_PARTS,
    MAX_TOTAL_BYTES,
    Part,
    PartKind,
    Parts,
    file_fault,
)
from pipelines.signals.file.plus import read_packet
from schemas.signal import Claim, Fault, Reading, merge_readings

_DEEPEST = 4  # parts in parts: TIFF, Photoshop's resources, EXIF, XMP


def read_metadata(data: bytes) -> Reading:
    """Reads a file's metadata, in order; never raises, whatever the bytes.

    1. The container's parts are found, and the parts in them.
    2. Every XMP packet is read; all of them count, so that a denial in one stands.
    3. Extended packets that were promised must be there.
    4. A prohibition that stands in none of the packets is a fault.

    Args:
        data: The file: JPEG, PNG, WebP, TIFF, MP4 or QuickTime. Any other says nothing.
    """
    found = find_parts(data)
    claims, packets, faults = _open_all(found)
    bounded = bound_parts(Parts(tuple(packets), tuple(faults)))
    readings = [read_packet(part) for part in bounded.parts]
    promised = frozenset[str]().union(*(reading.extended for reading in readings))
    missing = sorted(promised - extension_guids(found))
    if missing:
        what = f"the extended packet {missing[0]} is not there"
        faults = [file_fault("XMP xmpNote:HasExtendedXMP", what, missing[0].encode())]
    else:
        faults = []
    stray = stray_prohibition(data, bounded.parts)
    every = (*bounded.faults, *faults, *((stray,) if stray else ()))
    told = Reading(claims=tuple(claims), faults=every)
    return merge_readings([*(reading.reading for reading in readings), told])


def _open_all(found: Parts) -> tuple[list[Claim], list[Part], list[Fault]]:
    """Claims of EXIF and IIM, and the XMP packets, those inside other parts too."""
    claims: list[Claim] = []
    packets: list[Part] = []
    faults = list(found.faults)
    waiting = deque((part, 0) for part in found.parts)
    opened = size = 0
    while waiting:
        part, depth = waiting.popleft()
        inner = Parts()
        if part.kind is PartKind.XMP:
            packets.append(part)
            continue
        opened += 1
        if opened > MAX_PARTS or depth > _DEEPEST or size > MAX_TOTAL_BYTES:
            faults.append(file_fault(part.where, "too much metadata within metadata", part.data))
            break
        if part.kind is PartKind.EXIF:
            told, inner = exif_claims(part)
            claims += told
        elif part.kind is PartKind.PHOTOSHOP:
            inner = photoshop_parts(part)
        else:
            claims += iim_claims(part)
        faults += inner.faults
        size += sum(len(one.data) for one in inner.parts)
        waiting.extend((one, depth + 1) for one in inner.parts)
    return claims, packets, faults
