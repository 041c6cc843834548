"""Finds what is in a delivered file and nothing looks at: further pictures, films, other bytes.

What a decoder shows is one picture, or one film; that is what is hashed, compared, captioned and
judged. Anything else that a file carries goes to the buyer unseen. What counts, and what does not
(padding, thumbnails in EXIF, cover art, sound), is in docs/signals.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pipelines.media.formats import Format
from pipelines.media.headers import (
    GIF_IMAGE,
    GIF_TRAILER,
    DamagedFileError,
    gif_blocks,
    sub_block_bytes,
)
from pipelines.media.tiff import read_tiff_picture, tiff_spans
from pipelines.signals.file.container_gif import PICTURE_BLOCKS
from pipelines.signals.file.container_heif import heif_items, other_items
from pipelines.signals.file.container_mp4 import mp4_boxes
from pipelines.signals.file.container_png import KNOWN_CHUNKS, png_chunks
from pipelines.signals.file.container_webp import KNOWN_WEBP_CHUNKS, webp_chunks
from pipelines.signals.file.jpeg_structure import JpegSegment, read_picture
from pipelines.signals.file.metadata_blocks import printable
from schemas.errors import BadRecord
from schemas.signal import AssertionKind, FileAssertion, raw_sha256

# Starts of pictures, films, archives and documents.
_STARTS = re.compile(
    rb"\xff\xd8\xff[\xc0-\xfe]|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|....ftyp(?:isom|mp4|avif|heic"
    rb"|qt  |M4V)|PK\x03\x04|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|%PDF-|II\*\0|MM\0\*",
    re.DOTALL,
)
_PADDING = re.compile(rb"[\x00\xff \t\r\n]*")
_JPEG_APP_NAMES = (b"Exif\0", b"http://ns.adobe.com/", b"Photoshop 3.0\0", b"JFXX\0")
_MPF = b"MPF\0"
_PNG_CHUNKS = KNOWN_CHUNKS | frozenset(b"sPLT oFFs sTER pCAL sCAL gIFg gIFx".split())
_MP4_BOXES = frozenset(
    b"ftyp mdat moov free skip wide uuid meta moof mfra sidx styp ssix prft emsg pdin udta pnot "
    b"jumb udat PICT".split()
)
_PICTURE_HANDLERS = (b"vide", b"pict", b"auxv")
_C2PA, _C2PA_GIF = b"c2pa", b"C2PA_GIF"


def unjudged_content(data: bytes, fmt: Format) -> list[FileAssertion]:
    """What a file holds besides the one picture or film that is judged, each part once.

    Args:
        data: The whole file.
        fmt: Its format.
    """
    digest = ""
    found = []
    for what, where in dict.fromkeys(_FINDERS[fmt](data)):
        digest = digest or raw_sha256(data)
        found.append(FileAssertion(AssertionKind.UNJUDGED, printable(what), where, digest))
    return found


def _behind(data: bytes, end: int, where: str) -> Iterator[tuple[str, str]]:
    """What stands behind the end of the picture, unless it is padding."""
    if end < len(data) and _PADDING.fullmatch(data, end) is None:
        found = _STARTS.search(data, end)
        what = f"a file that starts at byte {found.start()}" if found else "bytes"
        yield f"{len(data) - end} bytes behind the picture: {what}", where


def _in_jpeg(data: bytes) -> Iterator[tuple[str, str]]:
    picture = read_picture(data)
    for segment in picture.segments:
        payload = data[segment.start : segment.end]
        if payload.startswith(_MPF) and segment.marker == 0xE2:
            yield "an index of further pictures (MPO)", "JPEG APP2"
        elif _may_hide(segment, payload):
            found = _STARTS.search(payload)
            if found:
                at = segment.start + found.start()
                yield f"a file that starts at byte {at}", f"JPEG segment {segment.marker:02X}"
    if picture.end is not None:
        yield from _behind(data, picture.end, "JPEG")


def _may_hide(segment: JpegSegment, payload: bytes) -> bool:
    """Whether a segment is an application's or a comment, and not metadata with thumbnails."""
    is_extra = 0xE0 <= segment.marker <= 0xEF or segment.marker == 0xFE
    is_c2pa = segment.marker == 0xEB and _C2PA in payload
    return is_extra and not is_c2pa and not payload.startswith(_JPEG_APP_NAMES)


def _in_png(data: bytes) -> Iterator[tuple[str, str]]:
    for kind, start, end in png_chunks(data):
        if kind == b"fdAT":
            yield "frames of an animation", "PNG fdAT"
        elif kind not in _PNG_CHUNKS:
            found = _STARTS.search(data, start, end + 4)
            if found:
                name = kind.decode("latin-1")
                yield f"a file that starts at byte {found.start()}", printable(f"PNG {name}")
        if kind == b"IEND":
            yield from _behind(data, end + 4, "PNG")
            return


def _in_webp(data: bytes) -> Iterator[tuple[str, str]]:
    frames = 0
    end_of_riff = 8 + int.from_bytes(data[4:8], "little")
    for kind, start, end in webp_chunks(data):
        if start > end_of_riff:
            break
        frames += kind == b"ANMF"
        if kind not in KNOWN_WEBP_CHUNKS:
            found = _STARTS.search(data, start, end)
            if found:
                name = kind.decode("latin-1")
                yield f"a file that starts at byte {found.start()}", printable(f"WebP {name}")
    if frames > 1:
        yield f"{frames} frames of an animation", "WebP ANMF"
    yield from _behind(data, end_of_riff + end_of_riff % 2, "WebP")


def _in_tiff(data: bytes) -> Iterator[tuple[str, str]]:
    try:
        picture = read_tiff_picture(data)
    except (BadRecord, DamagedFileError):
        return  # it is not delivered
    if picture.pages > 1:
        yield f"{picture.pages - 1} further pages; the first is the picture", "TIFF"
    if picture.has_layers:
        yield "layers of Photoshop", "TIFF tag 37724"
    reached = 0
    for start, end in sorted(tiff_spans(data)):
        if start > reached:
            found = _STARTS.search(data, reached, start)
            if found:
                yield f"a file that starts at byte {found.start()}", "TIFF"
        reached = max(reached, end)
    yield from _behind(data, reached, "TIFF")


def _in_gif(data: bytes) -> Iterator[tuple[str, str]]:
    frames = 0
    for block in gif_blocks(data):
        frames += block.kind == GIF_IMAGE
        if block.kind == GIF_TRAILER:
            yield from _behind(data, block.end, "GIF")
        elif block.kind not in PICTURE_BLOCKS:
            found = _STARTS.search(sub_block_bytes(data, block))
            if found and _C2PA_GIF not in data[block.start : block.start + 20]:
                yield f"a file in the block at byte {block.at}", f"GIF block {block.kind:02X}"
    if frames > 1:
        yield f"{frames} frames of an animation; the first is the picture", "GIF"


def _in_avif(data: bytes) -> Iterator[tuple[str, str]]:
    for item in other_items(heif_items(data)):
        kind = printable(item.kind.decode("latin-1"))
        yield f"a further picture ({kind})", f"AVIF item {item.number}"
    for what, where in _in_mp4(data):
        yield what, where.replace("MP4", "AVIF")
    if any(box.kind == b"trak" for box in mp4_boxes(data)):
        yield "frames of an animation; the first is the picture", "AVIF moov/trak"


def _in_mp4(data: bytes) -> Iterator[tuple[str, str]]:
    tracks = reached = 0
    for box in mp4_boxes(data):
        if box.kind == b"hdlr" and box.parents[-2:] == (b"trak", b"mdia"):
            tracks += data[box.start + 8 : box.start + 12] in _PICTURE_HANDLERS
        if box.parents:
            continue
        if box.kind not in _MP4_BOXES or not box.is_complete:
            if _PADDING.fullmatch(data, box.start - 8) is None:
                name = box.kind.decode("latin-1")
                yield f"bytes of no known kind at byte {box.start - 8}", printable(f"MP4 {name!r}")
            return
        reached = box.end
        if box.kind in (b"free", b"skip", b"wide", b"uuid"):
            found = _STARTS.search(data, box.start, box.end)
            if found and _C2PA not in data[box.start : box.start + 200]:
                where = f"MP4 {box.kind.decode()}"
                yield f"a file that starts at byte {found.start()}", where
    yield from _behind(data, reached, "MP4")
    if tracks > 1:
        yield f"{tracks} tracks of pictures", "MP4 moov/trak"


_FINDERS: dict[Format, Callable[[bytes], Iterator[tuple[str, str]]]] = {
    "jpg": _in_jpeg,
    "png": _in_png,
    "webp": _in_webp,
    "tif": _in_tiff,
    "gif": _in_gif,
    "avif": _in_avif,
    "mp4": _in_mp4,
    "mov": _in_mp4,
}
