"""Texts in a file's container: comments of JPEG and GIF, PNG text chunks, user data of films."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines.signals.file.container_gif import GIF_MARKS, gif_texts
from pipelines.signals.file.container_heif import is_heif, text_items
from pipelines.signals.file.container_mp4 import XMP_UUID, mp4_boxes
from pipelines.signals.file.container_png import (
    PROFILE_PREFIX,
    SIGNATURE,
    TEXT_CHUNKS,
    XMP_KEYWORD,
    png_chunks,
    text_start,
)
from pipelines.signals.file.generators import TextRole
from pipelines.signals.file.jpeg_structure import START, picture_starts, read_picture
from pipelines.signals.file.metadata_blocks import (
    MAX_BLOCKS,
    MAX_PACKET_BYTES,
    MAX_TOTAL_BYTES,
    BlockKind,
    MetadataBlock,
    file_fault,
    inflate,
)
from pipelines.signals.file.text_fields import (
    TextField,
    decode_text,
    other_decodings,
    unknown_part,
)
from pipelines.signals.file.unknown_parts import (
    is_unknown_segment,
    jpeg_profile_and_rest,
    png_unknown,
    webp_unknown,
)
from schemas.signal import ReadingFault, raw_sha256

_COM = 0xFE
_MAX_UNKNOWN_BYTES = 1 << 20
_XMP_MARKS = ("<x:xmpmeta", "<rdf:RDF", "http://ns.adobe.com/xap/1.0/", "ns.useplus.org")
_RIGHTS_KEYS = frozenset(
    "copyright rights license licence usage usageterms disclaimer terms permission".split()
)
_TOOL_KEYS = frozenset("software creator_tool creatortool generator source model author".split())
_PROSE_KEYS = frozenset("title description keywords subject".split())
_MP4_RIGHTS = frozenset((b"cprt", b"\xa9cpy", b"\xa9lic", b"\xa9dis", b"rtng"))
_MP4_TOOLS = frozenset((b"\xa9too", b"\xa9swr", b"\xa9enc", b"\xa9mak", b"\xa9mod", b"\xa9ART"))
_MP4_NOTES = frozenset((b"\xa9cmt", b"\xa9inf", b"\xa9req", b"----"))
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_3GPP_TEXTS = frozenset(b"cprt titl dscp auth perf gnre albm kywd".split())
# Those of makers, unused space, and XML that is not XMP, such as cameras write.
_MP4_UNKNOWN = frozenset((b"uuid", b"free", b"skip", b"wide", b"xml ", b"bxml"))
_MAX_MP4_TEXT_BYTES = 4 << 20

Found = TextField | MetadataBlock | ReadingFault


def container_texts(data: bytes) -> Iterator[Found]:
    """Every text, every XMP packet that is one of them, and a fault for what cannot be read."""
    found = _texts(data)
    for count, item in enumerate(found):
        if count >= MAX_BLOCKS:
            yield file_fault("file", f"over {MAX_BLOCKS} texts", data)
            return
        yield item


def _texts(data: bytes) -> Iterator[Found]:
    if data.startswith(START):
        yield from _jpeg_comments(data)
    elif data.startswith(SIGNATURE):
        yield from _png_texts(data)
        yield from png_unknown(data)
    elif data.startswith(b"RIFF"):
        yield from webp_unknown(data)
    elif data.startswith(GIF_MARKS):
        yield from gif_texts(data)
    elif not data.startswith((b"II", b"MM")):
        yield from _mp4_texts(data)
        yield from _mp4_unknown(data)
        if is_heif(data):
            for where, raw in text_items(data):
                if raw is None:
                    yield file_fault(where, "the item cannot be read", data[:4096])
                else:
                    yield unknown_part(where, raw)


def _jpeg_comments(data: bytes) -> Iterator[Found]:
    read = set[int]()
    for start in picture_starts(data):
        picture = read_picture(data, start)
        if start == 0:
            yield from jpeg_profile_and_rest(data, picture)
        for segment in picture.segments:
            raw = data[segment.start : segment.end]
            if is_unknown_segment(segment, raw) and segment.start not in read:
                read.add(segment.start)
                yield unknown_part(f"JPEG segment {segment.marker:02X}", raw)
            if segment.marker == _COM and segment.start not in read:
                read.add(segment.start)
                text, others = decode_text(raw), other_decodings(raw)
                digest = raw_sha256(raw)
                yield TextField(
                    *("Comment", "JPEG COM", text, TextRole.NOTE, digest, True),
                    other_readings=others,
                )


def _png_texts(data: bytes) -> Iterator[Found]:
    remaining = MAX_TOTAL_BYTES
    for kind, start, end in png_chunks(data):
        if kind not in TEXT_CHUNKS:
            continue
        raw_key, found, _ = data[start : min(start + 80, end)].partition(b"\0")
        where = f"PNG {kind.decode()}"
        if not found:
            yield file_fault(where, "the chunk has no keyword", data[start:end])
            continue
        if raw_key == XMP_KEYWORD or raw_key.startswith(PROFILE_PREFIX):
            continue  # read as metadata
        key = raw_key.decode("latin-1")
        raw = _png_text(data, kind, start + len(raw_key) + 1, end, remaining)
        if raw is None:
            yield file_fault(f"{where} {key}", "the text cannot be read", data[start:end])
            continue
        remaining -= len(raw)
        text = decode_text(raw)
        if any(mark in text for mark in _XMP_MARKS) and "<" in text:
            yield MetadataBlock(BlockKind.XMP, f"{where} {key}", raw)
        role, digest = role_of_key(key), raw_sha256(raw)
        # The keyword may say it, and so may its translation.
        names = (key, *_translated(data[start:end])) if kind == b"iTXt" else (key,)
        others = (*other_decodings(raw), *names)
        yield TextField(key, f"{where} {key}", text, role, digest, True, other_readings=others)


def _translated(chunk: bytes) -> tuple[str, ...]:
    """The translated keyword of an iTXt chunk: keyword, NUL, two bytes, language, NUL, it, NUL."""
    parts = chunk[chunk.find(b"\0") + 3 :].split(b"\0", 2)
    return (parts[1].decode("utf-8", "replace"),) if len(parts) == 3 else ()


def _png_text(data: bytes, kind: bytes, start: int, end: int, max_bytes: int) -> bytes | None:
    """Returns the text after a keyword, inflated; None if the chunk is broken or too large."""
    begin = text_start(data, kind, start, end)
    if begin is None:
        return None
    body, is_compressed = begin
    raw = data[body:end]
    return inflate(raw, min(max_bytes, MAX_PACKET_BYTES)) if is_compressed else raw


def role_of_key(key: str) -> TextRole:
    """Returns what a text chunk is for, by its keyword."""
    name = key.rpartition(":")[2].strip().casefold().replace(" ", "")
    if name in _RIGHTS_KEYS:
        return TextRole.RIGHTS
    if name in _TOOL_KEYS:
        return TextRole.TOOL
    return TextRole.PROSE if name in _PROSE_KEYS else TextRole.NOTE


def _mp4_texts(data: bytes) -> Iterator[Found]:
    keys: list[str] = []
    for box in mp4_boxes(data):
        raw = data[box.start : box.end]
        if box.kind == b"keys":
            keys = metadata_keys(raw)
        if not box.is_text or box.kind in (b"covr", b"keys"):
            continue
        key = _mp4_key(box.kind, keys)
        where = f"MP4 {key}"
        if len(raw) > _MAX_MP4_TEXT_BYTES:
            yield file_fault(where, f"a text of {len(raw)} bytes is not read", raw)
            continue
        role = _mp4_role(box.kind, key)
        text, is_kept = _mp4_text(box.kind, raw), role is TextRole.RIGHTS
        # Makers put whole EXIF structures here.
        others = (unknown_part(where, raw).text,) if b"\0\0" in raw else ()
        yield TextField(key, where, text, role, raw_sha256(raw), is_kept, other_readings=others)


def _mp4_unknown(data: bytes) -> Iterator[Found]:
    """What may be language in boxes for which there is no reader; items of AVIF have one."""
    kinds = _MP4_UNKNOWN if is_heif(data) else _MP4_UNKNOWN | {b"idat"}
    for box in mp4_boxes(data):
        if box.kind not in kinds:
            continue
        raw = data[box.start : min(box.end, box.start + _MAX_UNKNOWN_BYTES)]
        is_read = raw.startswith(XMP_UUID) or b"c2pa" in raw[:200]
        if not is_read and raw.strip(b"\0"):
            yield unknown_part(f"MP4 {box.kind.decode().strip()}", raw)


def _mp4_key(kind: bytes, keys: list[str]) -> str:
    number = int.from_bytes(kind)
    return keys[number - 1] if 0 < number <= len(keys) else kind.decode("latin-1")


def is_mp4_rights_text(kind: bytes, keys: list[str]) -> bool:
    """Whether an entry of user data or of a list of metadata is about rights.

    Args:
        kind: The type of its box.
        keys: The names that numbers stand for, from `metadata_keys`.
    """
    return _mp4_role(kind, _mp4_key(kind, keys)) is TextRole.RIGHTS


def metadata_keys(raw: bytes) -> list[str]:
    """Names in a `keys` box: version, count, then size, name space and name of each."""
    keys: list[str] = []
    at = 8
    while at + 8 <= len(raw) and len(keys) < MAX_BLOCKS:
        size = int.from_bytes(raw[at : at + 4])
        if size < 8:
            break
        keys.append(raw[at + 8 : at + size].decode("utf-8", "replace"))
        at += size
    return keys


def _mp4_text(kind: bytes, raw: bytes) -> str:
    """The text in a box, without the numbers before it."""
    if raw[4:8] == b"data":  # iTunes': type, country, text
        body = raw[16:]
    elif kind == b"----":  # iTunes' own names: boxes of name space, name and text
        body = raw.replace(b"\0", b" ")
    elif kind[:1] == b"\xa9" and int.from_bytes(raw[:2]) <= len(raw) - 4:
        body = raw[4:]  # QuickTime's: length, language, text
    elif kind in _3GPP_TEXTS and raw[:4] == bytes(4):
        body = raw[6:]  # version, language, text
    else:
        body = raw
    text = decode_text(body)
    return _CONTROLS.sub(" ", text)


def _mp4_role(kind: bytes, key: str) -> TextRole:
    name = key.rpartition(".")[2]
    if kind in _MP4_RIGHTS or name.casefold() in _RIGHTS_KEYS:
        return TextRole.RIGHTS
    if kind in _MP4_TOOLS or name.casefold() in _TOOL_KEYS | {"encoder"}:
        return TextRole.TOOL
    is_note = kind in _MP4_NOTES or name.casefold() in ("comment", "prompt", "workflow")
    return TextRole.NOTE if is_note else TextRole.PROSE
