"""Texts in parts of a picture that no reader knows, and in its colour profile."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from pipelines.signals.file.container_jpeg import EXIF_HEADER, EXTENSION_HEADER, XMP_HEADER
from pipelines.signals.file.container_png import KNOWN_CHUNKS, png_chunks
from pipelines.signals.file.container_webp import KNOWN_WEBP_CHUNKS, webp_chunks
from pipelines.signals.file.denials import find_denial
from pipelines.signals.file.jpeg_structure import START, JpegPicture, JpegSegment
from pipelines.signals.file.metadata_blocks import MAX_PACKET_BYTES, file_fault, inflate
from pipelines.signals.file.text_fields import TextField, unknown_part
from schemas.signal import ReadingFault

Found = TextField | ReadingFault

COLOUR_PROFILE = "colour profile"  # where its texts stand, after the format
_PIECE_BYTES = 1 << 20
_OVERLAP_BYTES = 1 << 12  # a sentence on the edge of a piece is whole in one of them
_MAX_PIECES = 16
_APP2, _ICC = 0xE2, b"ICC_PROFILE\0"
_ICC_HEAD_BYTES = 14  # the name, and the number and count of the segment
# Segments that are read elsewhere, or whose fixed fields hold no text: marker, beginning, length.
_READ_SEGMENTS = (
    *((0xE1, header, 0) for header in (EXIF_HEADER, XMP_HEADER, EXTENSION_HEADER)),
    *((0xED, b"Photoshop 3.0\0", 0), (0xEB, b"JP", 0), (_APP2, _ICC, 0)),
    *((0xE0, b"JFIF\0", 14), (0xEE, b"Adobe", 12)),
)
# The most bytes in chunks of fixed fields; those of a longer one may be language.
_LONGEST = {
    **{b"IHDR": 13, b"tIME": 7, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"sBIT": 4, b"bKGD": 6},
    **{b"pHYs": 9, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"acTL": 8, b"fcTL": 26, b"hIST": 0},
}
_DEFLATED = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_DEFLATED_WITHIN = 200  # bytes of a chunk, as after a keyword


def is_unknown_segment(segment: JpegSegment, payload: bytes) -> bool:
    """Whether a segment of a JPEG is an application's or of no known kind, and no reader's."""
    marker = segment.marker
    may_hold_text = marker < 0xC0 or marker == 0xC8 or 0xE0 <= marker <= 0xFD
    return may_hold_text and not any(
        marker == own and payload.startswith(name) and length in (0, len(payload))
        for own, name, length in _READ_SEGMENTS
    )


def jpeg_profile_and_rest(data: bytes, picture: JpegPicture) -> Iterator[Found]:
    """Texts of the colour profile of a file's picture, and of what stands behind its end."""
    profile = b"".join(
        data[segment.start + _ICC_HEAD_BYTES : segment.end]
        for segment in picture.segments
        if segment.marker == _APP2 and data.startswith(_ICC, segment.start)
    )
    if profile:
        yield _profile_texts("JPEG", profile)
    # A further picture there is read as the first is.
    if picture.end is not None and data.find(START, picture.end) < 0:
        yield from _pieces("behind the JPEG", data[picture.end :])


def png_unknown(data: bytes) -> Iterator[Found]:
    """Texts in chunks that no reader knows, as they are and inflated, and in the colour profile."""
    for kind, start, end in png_chunks(data):
        if kind == b"iCCP":
            yield _png_profile(data[start:end])
        elif is_unknown_chunk(kind, end - start) and start + 4 <= len(data):
            where, raw = f"PNG {kind.decode('latin-1')!r}", data[start:end]
            yield from _pieces(where, raw)
            for found in _DEFLATED.finditer(raw, 0, _DEFLATED_WITHIN):
                text = inflate(raw[found.start() :], MAX_PACKET_BYTES)
                if text is not None:
                    yield from _pieces(where, text)
                    break


def is_unknown_chunk(kind: bytes, size_bytes: int) -> bool:
    """Whether a chunk of a PNG may hold language and no reader knows it."""
    return kind not in KNOWN_CHUNKS or size_bytes > _LONGEST.get(kind, size_bytes)


def webp_unknown(data: bytes) -> Iterator[Found]:
    """Texts in chunks that no reader knows, and in the colour profile."""
    for kind, start, end in webp_chunks(data):
        if kind == b"ICCP":
            yield _profile_texts("WebP", data[start:end])
        elif kind not in KNOWN_WEBP_CHUNKS and kind != b"C2PA":
            yield from _pieces(f"WebP {kind.decode('latin-1')!r}", data[start:end])


def profiles_are_plain(profiles: Iterable[bytes], is_png: bool = False) -> bool:
    """Whether no colour profile refuses anything; a few of them are in most files of a library.

    A phrase of the deal's own in a profile is found only in a file that is read in full.

    Args:
        profiles: What holds them in the file.
        is_png: Whether they have a name and are compressed.
    """
    return all(_is_plain_profile(profile, is_png) for profile in profiles)


@lru_cache(maxsize=16)
def _is_plain_profile(profile: bytes, is_png: bool) -> bool:
    found = _png_profile(profile) if is_png else _profile_texts("", profile)
    return all(find_denial(text, is_rights_field=False) is None for text in found.other_readings)


def _png_profile(chunk: bytes) -> TextField:
    """The texts of a profile and its name: name, NUL, method, profile; none if it is damaged."""
    name, _, rest = chunk.partition(b"\0")
    profile = inflate(rest[1:], MAX_PACKET_BYTES) or b""
    return _profile_texts("PNG", name + b"\0\0" + profile)


def _profile_texts(form: str, profile: bytes) -> TextField:
    """The texts of a profile, which are about the profile: none but a refusal counts."""
    found = unknown_part(f"{form} {COLOUR_PROFILE}", profile)
    return replace(found, text="", other_readings=(found.text, *found.other_readings))


def _pieces(where: str, raw: bytes) -> Iterator[Found]:
    """What may be language in a part, piece by piece; a fault if there are too many."""
    if not raw.strip(b"\0"):
        return
    for count, start in enumerate(range(0, len(raw), _PIECE_BYTES)):
        if count >= _MAX_PIECES:
            yield file_fault(where, f"a part of {len(raw)} bytes is not searched", raw[:80])
            return
        yield unknown_part(where, raw[start : start + _PIECE_BYTES + _OVERLAP_BYTES])
