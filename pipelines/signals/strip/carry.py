"""Puts the metadata of a picture into its rendition, and checks that it states the same rights.

A C2PA manifest is not carried: its signature is for the original's bytes. A picture whose manifest
alone states something about rights therefore has no rendition.
"""

from __future__ import annotations

import re
import struct
import sys
from dataclasses import replace

from pipelines.media.formats import Format
from pipelines.media.headers import webp_size
from pipelines.media.open_picture import open_header, stated_orientation
from pipelines.signals.file.embedded import may_state_rights, read_embedded
from pipelines.signals.file.metadata_blocks import BlockKind
from pipelines.signals.file.metadata_tree import all_blocks
from pipelines.signals.file.trust import TrustLists
from pipelines.signals.strip.kept import CannotStripError, Kept, rights_statements
from pipelines.signals.strip.strip import STRIPPERS, check_rights

_ORIENTATION, _SHORT = 0x0112, 3
# Pillow's own pattern: it turns a picture by XMP where EXIF says nothing.
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=\"|>))[2-8]")
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}


def carry_metadata(
    original: bytes,
    fmt: Format,
    rendered: bytes,
    rendered_fmt: Format,
    setting: str,
    trust: TrustLists,
) -> bytes:
    """Returns a rendition with the metadata that the deal keeps.

    Args:
        original: The file that was rendered.
        fmt: Its format.
        rendered: The rendition, without metadata.
        rendered_fmt: Its format.
        setting: The deal's `rights.personal_data`.
        trust: What the deal brings for reading.

    Raises:
        CannotStripError: If the rendition would not state the same rights, or be shown turned.
    """
    if setting == "none" or not may_state_rights(original, fmt):
        return rendered
    before = read_embedded(original, fmt, trust)
    kept = rights_statements(original, 1, before)
    if setting != "rights-only":
        kept = _all_statements(original, fmt, kept)
    if rendered_fmt == "webp" and (kept.exif(with_iim=True) or kept.packets):
        rendered = _with_webp_header(rendered)
    carried = STRIPPERS[rendered_fmt](rendered, kept)
    with open_header(carried, rendered_fmt, sys.maxsize) as file:
        if stated_orientation(file) != 1:
            raise CannotStripError("the metadata would turn the rendition, which is upright")
    check_rights(before, read_embedded(carried, rendered_fmt, trust), setting == "rights-only")
    return carried


def _all_statements(original: bytes, fmt: Format, kept: Kept) -> Kept:
    """Returns what is kept if nothing is to be removed: EXIF, IIM and XMP as they were written."""
    blocks, _ = all_blocks(original)
    found = {kind: [one.data for one in blocks if one.kind is kind] for kind in BlockKind}
    # A TIFF is an EXIF block itself, with the pixels in it.
    exif = found[BlockKind.EXIF][0] if found[BlockKind.EXIF] and fmt != "tif" else b""
    return replace(
        kept,
        whole_exif=_upright_exif(exif),
        iim=found[BlockKind.IIM][0] if len(found[BlockKind.IIM]) == 1 else kept.iim,
        packets=tuple(
            dict.fromkeys(_XMP_ORIENTATION.sub(rb"\g<1>1", one) for one in found[BlockKind.XMP])
        ),
    )


def _upright_exif(exif: bytes) -> bytes:
    """Returns an EXIF block that states no orientation but the upright one."""
    order = _BYTE_ORDERS.get(exif[:2])
    if order is None or len(exif) < 8:
        return b""
    (at,) = struct.unpack_from(f"{order}I", exif, 4)
    if at + 2 > len(exif):
        return b""
    (count,) = struct.unpack_from(f"{order}H", exif, at)
    upright = bytearray(exif)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(exif) - 11), 12):
        (tag,) = struct.unpack_from(f"{order}H", exif, entry)
        if tag == _ORIENTATION:  # whatever its type is: viewers take any number
            struct.pack_into(f"{order}HHIHH", upright, entry, tag, _SHORT, 1, 1, 0)
    return bytes(upright)


def _with_webp_header(data: bytes) -> bytes:
    """Returns a plain WebP with the header that metadata needs (WebP container, VP8X)."""
    if data[12:16] == b"VP8X":
        return data
    width, height = ((side - 1).to_bytes(3, "little") for side in webp_size(data))
    body = b"WEBPVP8X" + (10).to_bytes(4, "little") + bytes(4) + width + height + data[12:]
    return b"RIFF" + len(body).to_bytes(4, "little") + body
