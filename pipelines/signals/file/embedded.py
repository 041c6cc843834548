"""Reads everything a file itself states about rights: XMP, EXIF, IIM and C2PA."""

from __future__ import annotations

import re
from itertools import islice

from pipelines.media.formats import Format
from pipelines.media.headers import GIF_TRAILER, gif_blocks
from pipelines.media.sniff import sniff_format
from pipelines.signals.file.c2pa import blank_prohibitions, may_hold_c2pa, read_c2pa
from pipelines.signals.file.container_gif import (
    PICTURE_APPLICATIONS,
    PICTURE_BLOCKS,
    application_of,
)
from pipelines.signals.file.container_png import png_chunks
from pipelines.signals.file.container_webp import webp_chunks
from pipelines.signals.file.trust import TrustLists
from pipelines.signals.file.unjudged import unjudged_content
from schemas.signal import Reading, merge_readings

# Part of the key of what is kept of a reading: whoever changes a reader changes this.
READER_VERSION = "signals-v10"

# The same for what is left of a file whose metadata are removed (pipelines.signals.strip).
STRIPPER_VERSION = "strip-v3"

# The readers search the whole file for prohibitions, so that one outside the known metadata blocks
# is found too.
_PROHIBITION_ENCODINGS = tuple(
    "DMI-PROHIBITED".encode(name) for name in ("ascii", "utf-16-le", "utf-16-be")
)
# They also look for XMP packets inside other segments of a JPEG.
_XMP_HEADERS = b"http://ns.adobe.com/x"
# A file with more chunks or boxes than this is read in full, in the child process.
_MAX_PIECES = 20_000
_PLAIN_PNG_CHUNKS = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB sBIT bKGD hIST pHYs iCCP cICP".split()
)
_PLAIN_WEBP_CHUNKS = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP"))
_VP8X_BYTES = 10
_PLAIN_MP4_BOXES = frozenset((b"ftyp", b"mdat", b"moov"))
# MP4 boxes that can hold text of any kind, and the samples of telemetry tracks.
_MP4_TEXT_BOXES = tuple(b"cmov udta meta uuid XMP_ free skip wide gpmd camm rtmd djmd dbgi".split())
# JPEG segments before the first scan that hold no metadata: APP0 (JFIF) without a thumbnail, APP2
# with a colour profile, APP14 (Adobe), the tables and the frame headers. By marker: the name, and
# the size with the two bytes of the size itself; 0 for any.
_JPEG_TABLES = frozenset((0xDB, 0xC4, 0xDD, *range(0xC0, 0xC4), *range(0xC5, 0xC8), 0xC9, 0xCA))
_APP2 = 0xE2
_JPEG_APPS = {0xE0: (b"JFIF\0", 16), 0xE2: (b"ICC_PROFILE\0", 0), 0xEE: (b"Adobe\0", 14)}
# 0xFF followed by anything but a stuffed zero, a restart marker, a table or another scan.
_AFTER_SCANS = re.compile(rb"\xff[^\x00\xc4\xd0-\xd7\xda\xdb\xdd]")


def read_embedded(data: bytes, fmt: Format, trust: TrustLists) -> Reading:
    """Reads everything a file states about rights.

    Args:
        data: The whole file.
        fmt: The file's format.
        trust: The trusted C2PA signers.

    Returns:
        Every statement found, and a fault for each that could not be read.
    """
    # Imported here because rdflib takes 100 ms to load, and most files state no rights.
    from pipelines.signals.file.metadata import read_metadata
    from pipelines.signals.file.personal import personal_data

    personal = Reading(claims=tuple(personal_data(data, fmt)))
    unjudged = Reading(claims=tuple(unjudged_content(data, fmt)))
    manifests = read_c2pa(data, fmt, trust)
    if manifests.signals and not manifests.faults:
        data = blank_prohibitions(data)
    metadata = read_metadata(data, denial_phrases(trust))
    return merge_readings((metadata, manifests, unjudged, personal))


def read_sidecar(data: bytes, name: str, trust: TrustLists) -> Reading:
    """Reads an `.xmp` file beside a medium: one packet, whose word counts as the medium's own.

    Args:
        data: The whole file.
        name: Its name.
        trust: What the deal brings for reading; of it, the denial phrases.
    """
    from pipelines.signals.file.metadata_blocks import BlockKind, MetadataBlock, printable
    from pipelines.signals.file.xmp_rights import read_packet

    block = MetadataBlock(BlockKind.XMP, f"sidecar {printable(name)}", data)
    return read_packet(block, denial_phrases(trust)).reading


def denial_phrases(trust: TrustLists) -> list[str]:
    """The deal's own denial phrases."""
    return trust.denial_phrases.split("\n") if trust.denial_phrases else []


def may_state_rights(data: bytes, fmt: Format) -> bool:
    """Whether a file may state anything about rights.

    False only if no reader would find anything; a picture then has no metadata to remove either.
    Checks only the file's structure, so that plain files need no child process. Any file not known
    to be plain is read in full.
    """
    is_plain = {
        "jpg": _is_plain_jpeg,
        "png": _is_plain_png,
        "webp": _is_plain_webp,
        "gif": _is_plain_gif,
        "mp4": _is_plain_mp4,
        "mov": _is_plain_mp4,
    }
    return (
        sniff_format(data) != fmt
        or not is_plain.get(fmt, _is_never_plain)(data)
        or may_hold_c2pa(data)
        or any(token in data for token in _PROHIBITION_ENCODINGS)
        or bool(unjudged_content(data, fmt))
    )


def _is_plain_jpeg(data: bytes) -> bool:
    from pipelines.signals.file.unknown_parts import profiles_are_plain

    at, profiles = 2, list[bytes]()
    while True:
        if data[at : at + 1] != b"\xff" or at + 4 > len(data):
            return False
        marker = data[at + 1]
        if marker == 0xDA:
            # A plain file has no metadata between scans or after the image.
            end = _AFTER_SCANS.search(data, at)
            return (
                profiles_are_plain(profiles)
                and end is not None
                and (end.start(), end[0]) == (len(data) - 2, b"\xff\xd9")
                and data.find(_XMP_HEADERS, 0, at) < 0
            )
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        name, plain_size = _JPEG_APPS.get(marker, (b"", 0))
        if not name and marker not in _JPEG_TABLES:
            return False
        if not data.startswith(name, at + 4) or plain_size not in (0, size):
            return False
        if marker == _APP2:
            profiles.append(data[at + 4 : at + 2 + size])
        at += 2 + size


def _is_plain_png(data: bytes) -> bool:
    from pipelines.signals.file.unknown_parts import is_unknown_chunk, profiles_are_plain

    profiles: list[bytes] = []
    for kind, start, end in islice(png_chunks(data), _MAX_PIECES):
        if kind not in _PLAIN_PNG_CHUNKS or kind == b"IEND":
            is_end = kind == b"IEND" and end + 4 == len(data)
            return is_end and profiles_are_plain(profiles, is_png=True)
        if is_unknown_chunk(kind, end - start):
            return False
        if kind == b"iCCP":
            profiles.append(data[start:end])
    return False


def _is_plain_webp(data: bytes) -> bool:
    from pipelines.signals.file.unknown_parts import profiles_are_plain

    profiles: list[bytes] = []
    for kind, start, end in islice(webp_chunks(data), _MAX_PIECES):
        if kind not in _PLAIN_WEBP_CHUNKS or (kind == b"VP8X" and end - start != _VP8X_BYTES):
            return False
        if kind == b"ICCP":
            profiles.append(data[start:end])
        if end + (end & 1) == len(data):
            return profiles_are_plain(profiles)
    return False


def _is_plain_gif(data: bytes) -> bool:
    for block in islice(gif_blocks(data), _MAX_PIECES):
        is_picture = block.kind in PICTURE_BLOCKS
        if not is_picture and application_of(data, block) not in PICTURE_APPLICATIONS:
            return False
        if block.kind == GIF_TRAILER:
            return block.end == len(data)
    return False


def _is_never_plain(data: bytes) -> bool:
    """Of a format with metadata at any place; reading all of it is what finds out."""
    return False


def _is_plain_mp4(data: bytes) -> bool:
    at = 0
    for _ in range(_MAX_PIECES):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        # Sizes 0 and 1 mean "to the end" and "in 64 bits"; such rare files are read in full.
        if kind not in _PLAIN_MP4_BOXES or size < 8 or at + size > len(data):
            return False
        if kind == b"moov" and any(data.find(text, at, at + size) >= 0 for text in _MP4_TEXT_BOXES):
            return False
        at += size
        if at == len(data):
            return True
    return False
