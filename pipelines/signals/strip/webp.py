"""Removes the metadata of a WebP: chunks are left out, and everything else is copied."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.signals.file.container_webp import WEBP_PICTURE_CHUNKS, webp_chunks
from pipelines.signals.strip.kept import CannotStripError, Kept

_FRAME = frozenset((b"VP8 ", b"VP8L", b"ALPH"))
_FRAME_HEADER_BYTES = 16
_EXTENDED = b"VP8X"
_PICTURE = WEBP_PICTURE_CHUNKS - {_EXTENDED}
_HAS_EXIF, _HAS_XMP = 0x08, 0x04


def strip_webp(data: bytes, kept: Kept) -> bytes:
    """Returns the picture with only the given metadata.

    Raises:
        CannotStripError: If the structure is not that of one plain WebP, or it needs a header that
            it does not have.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or end > len(data):
        raise CannotStripError("no complete WebP")
    exif = kept.exif(with_iim=True)
    pieces: list[bytes] = []
    has_header = False
    for kind, payload in _chunks(data[12:end]):
        if kind == _EXTENDED and not pieces and len(payload) >= 10:
            flags = payload[0] & ~(_HAS_EXIF | _HAS_XMP)
            flags |= (_HAS_EXIF if exif else 0) | (_HAS_XMP if kept.packets else 0)
            pieces.append(_chunk(kind, bytes((flags,)) + payload[1:10]))
            has_header = True
        elif kind in _PICTURE:
            if kind == b"ANMF" and any(
                inner not in _FRAME for inner, _ in _chunks(payload[_FRAME_HEADER_BYTES:])
            ):
                raise CannotStripError("a frame of the WebP holds other chunks")
            pieces.append(_chunk(kind, payload))
    if (exif or kept.packets) and not has_header:
        raise CannotStripError("the WebP has no header for the metadata that must stay")
    pieces += [_chunk(b"EXIF", exif)] if exif else []
    pieces += [_chunk(b"XMP ", packet) for packet in kept.packets]
    body = b"WEBP" + b"".join(pieces)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the kind and payload of each chunk; the chunks must fill the data."""
    at = 0
    for kind, start, end in webp_chunks(data, 0):
        if end > len(data):
            break
        yield kind, data[start:end]
        at = end + (end & 1)
    if at < len(data):
        raise CannotStripError("a chunk of the WebP is cut short")


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return kind + len(payload).to_bytes(4, "little") + payload + b"\0" * (len(payload) & 1)
