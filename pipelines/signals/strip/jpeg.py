"""Removes the metadata of a JPEG: segments are left out, and everything else is copied."""

from __future__ import annotations

from itertools import pairwise

from pipelines.signals.file.container_jpeg import EXIF_HEADER, PHOTOSHOP_HEADER, XMP_HEADER
from pipelines.signals.file.jpeg_structure import SOS, read_picture
from pipelines.signals.strip.kept import CannotStripError, Kept

_START, _END = b"\xff\xd8", b"\xff\xd9"
_APP0, _APP1, _APP2, _APP13, _APP14 = 0xE0, 0xE1, 0xE2, 0xED, 0xEE
_COM = 0xFE
# Tables, frame headers, DNL, DRI: with the scans, what the picture is decoded from.
_PICTURE = frozenset((*range(0xC0, 0xC8), *range(0xC9, 0xD0), 0xDB, 0xDC, 0xDD))
_JFIF, _JFIF_BYTES = b"JFIF\0", 14  # without the thumbnail
_ADOBE, _ADOBE_BYTES = b"Adobe", 12
_ICC = b"ICC_PROFILE\0"
_MAX_PAYLOAD = 0xFFFF - 2


def strip_jpeg(data: bytes, kept: Kept) -> bytes:
    """Returns the picture with only the given metadata.

    Colour profiles, the JFIF header without its thumbnail and Adobe's marker stay, because colours
    depend on them. Whatever follows the picture is left out.

    Raises:
        CannotStripError: If the structure is not that of one plain JPEG.
    """
    picture = read_picture(data)
    if data[:2] != _START or picture.end is None or picture.has_bare_markers:
        raise CannotStripError("bytes between the segments of the JPEG, or one is cut short")
    head: list[bytes] = []
    body: list[bytes] = []
    offsets = [*(segment.at for segment in picture.segments), picture.end - len(_END)]
    for segment, (at, following) in zip(picture.segments, pairwise(offsets), strict=True):
        marker, payload = segment.marker, data[segment.start : segment.end]
        if marker == SOS:
            body.append(data[at:following])
        elif marker == _APP0 and payload.startswith(_JFIF) and len(payload) >= _JFIF_BYTES:
            if not head:
                head.append(_segment(_APP0, payload[: _JFIF_BYTES - 2] + b"\0\0"))
        elif _is_kept(marker, payload):
            size = _ADOBE_BYTES if marker == _APP14 else len(payload)
            body.append(_segment(marker, payload[:size]))
        elif marker not in range(0xE0, 0xF0) and marker != _COM:
            raise CannotStripError(f"a segment of unknown meaning in the JPEG: FF{marker:02X}")
    return b"".join((_START, *head, *_new_segments(kept), *body, _END))


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
