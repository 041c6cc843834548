"""Removes the metadata of a JPEG: segments are left out, and everything else is copied."""

from __future__ import annotations

import re

from pipelines.signals.file.container_jpeg import EXIF_HEADER, PHOTOSHOP_HEADER, XMP_HEADER
from pipelines.signals.strip.kept import CannotStripError, Kept

_EOI, _SOS = 0xD9, 0xDA
_APP0, _APP1, _APP2, _APP13, _APP14 = 0xE0, 0xE1, 0xE2, 0xED, 0xEE
_COM = 0xFE
# Tables, frame headers, DNL, DRI, scans: what the picture is decoded from.
_PICTURE = frozenset((*range(0xC0, 0xC8), *range(0xC9, 0xD0), 0xDB, 0xDC, 0xDD))
_JFIF, _JFIF_BYTES = b"JFIF\0", 14  # without the thumbnail
_ADOBE, _ADOBE_BYTES = b"Adobe", 12
_ICC = b"ICC_PROFILE\0"
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_MAX_PAYLOAD = 0xFFFF - 2


def strip_jpeg(data: bytes, kept: Kept) -> bytes:
    """Returns the picture with only the given metadata.

    Colour profiles, the JFIF header without its thumbnail and Adobe's marker stay: the colours need
    them. What stands behind the picture is left out.

    Raises:
        CannotStripError: If the structure is not that of one plain JPEG.
    """
    head: list[bytes] = []
    body: list[bytes] = []
    at = 2
    if data[:2] != b"\xff\xd8":
        raise CannotStripError("no JPEG")
    while True:
        if data[at : at + 1] != b"\xff" or at + 2 > len(data):
            raise CannotStripError("bytes between the segments of the JPEG")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _EOI:
            return b"".join((b"\xff\xd8", *head, *_new_segments(kept), *body, b"\xff\xd9"))
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if end < at + 4 or end > len(data):
            raise CannotStripError("a segment of the JPEG is cut short")
        payload = data[at + 4 : end]
        if marker == _SOS:
            following = _NEXT_MARKER.search(data, end)
            if following is None:
                raise CannotStripError("a scan of the JPEG has no end")
            body.append(data[at : following.start()])
            at = following.start()
            continue
        if marker == _APP0 and payload.startswith(_JFIF) and len(payload) >= _JFIF_BYTES:
            if not head:
                head.append(_segment(_APP0, payload[: _JFIF_BYTES - 2] + b"\0\0"))
        elif _is_kept(marker, payload):
            size = _ADOBE_BYTES if marker == _APP14 else len(payload)
            body.append(_segment(marker, payload[:size]))
        elif marker not in range(0xE0, 0xF0) and marker != _COM:
            raise CannotStripError(f"a segment of unknown meaning in the JPEG: FF{marker:02X}")
        at = end


def _is_kept(marker: int, payload: bytes) -> bool:
    return (
        marker in _PICTURE
        or (marker == _APP2 and payload.startswith(_ICC))
        or (marker == _APP14 and payload.startswith(_ADOBE) and len(payload) >= _ADOBE_BYTES)
    )


def _segment(marker: int, payload: bytes) -> bytes:
    if len(payload) > _MAX_PAYLOAD:
        raise CannotStripError("the statements about rights are too long for a JPEG segment")
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


def _new_segments(kept: Kept) -> list[bytes]:
    segments = []
    exif = kept.exif()
    if exif:
        segments.append(_segment(_APP1, EXIF_HEADER + b"\0" + exif))
    segments += [_segment(_APP1, XMP_HEADER + packet) for packet in kept.packets]
    if kept.iim:
        size = len(kept.iim).to_bytes(4)
        resource = b"8BIM\x04\x04\0\0" + size + kept.iim + b"\0" * (len(kept.iim) & 1)
        segments.append(_segment(_APP13, PHOTOSHOP_HEADER + resource))
    return segments
