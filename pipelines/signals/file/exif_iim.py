"""Copyright and creator in EXIF and in IPTC's IIM.

EXIF 2.32, 4.6.5 (tags 0x8298 and 0x013B). IIM 4.2: data sets 2:116 (copyright notice), 2:80
(by-line) and 1:90 (coded character set), stored in Photoshop's image resource 0x0404. Neither can
state a permission or denial, so damaged parts hide none and are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.signals.file.container_tiff import TAG_COPYRIGHT, read_tiff
from pipelines.signals.file.metadata_blocks import (
    BlockKind,
    MetadataBlock,
    MetadataBlocks,
    printable,
)
from pipelines.signals.file.owners import NOT_UTF8
from schemas.signal import AssertionKind, FileAssertion, raw_sha256

_MAX_ASSERTION_CHARS = 1000
_MAX_DATA_SETS = 10_000  # in one IIM record
_MAX_RESOURCES = 10_000
_RESOURCE_KINDS = {0x0404: BlockKind.IIM, 0x0422: BlockKind.EXIF, 0x0424: BlockKind.XMP}
_IIM_KINDS = {(2, 116): AssertionKind.COPYRIGHT, (2, 80): AssertionKind.CREATOR}
_UTF8_MARK = b"\x1b%G"


def exif_assertions(block: MetadataBlock) -> tuple[list[FileAssertion], MetadataBlocks]:
    """Returns the claims of an EXIF or TIFF structure, and the blocks nested in it."""
    base = block.spans[0][0] if len(block.spans) == 1 else None
    found = read_tiff(block.data, block.where, base)
    assertions = []
    for tag, raw in found.texts:
        is_notice = tag == TAG_COPYRIGHT
        # A notice is photographer, NUL, editor; a single space means that no photographer is named.
        names = [text for piece in raw.split(b"\0") if (text := _decode_text(piece))]
        if names:
            kind = AssertionKind.COPYRIGHT if is_notice else AssertionKind.CREATOR
            field = f"EXIF {'Copyright' if is_notice else 'Artist'}"
            where = f"{field}{_encoding_note(raw)}, {block.where}"
            assertions.append(_assertion(kind, "; ".join(names), where, raw))
    return assertions, found.blocks


def photoshop_blocks(block: MetadataBlock) -> MetadataBlocks:
    """Returns the blocks nested in Photoshop image resources: 8BIM, number, name, length, bytes."""
    data, at = block.data, 0
    blocks = []
    for _ in range(_MAX_RESOURCES):
        if data[at : at + 4] not in (b"8BIM", b"PHUT", b"AgHg", b"DCSR", b"MeSa"):
            break
        number = int.from_bytes(data[at + 4 : at + 6])
        name_length = 1 + int.from_bytes(data[at + 6 : at + 7])
        head = at + 6 + name_length + (name_length & 1)
        start = head + 4
        end = start + int.from_bytes(data[head:start])
        kind = _RESOURCE_KINDS.get(number)
        if kind and start <= len(data):
            # A resource in several segments has no single span, so it gets the spans of all.
            spans = block.spans
            if len(spans) == 1:
                spans = ((spans[0][0] + start, spans[0][0] + end),)
            blocks.append(MetadataBlock(kind, block.where, data[start:end], spans))
        at = end + (end - start & 1)
    return MetadataBlocks(tuple(blocks))


def iim_assertions(block: MetadataBlock) -> list[FileAssertion]:
    """Claims of an IIM record."""
    data_sets = list(iim_data_sets(block.data))
    is_utf8 = any(key == (1, 90) and value.startswith(_UTF8_MARK) for key, value in data_sets)
    assertions = []
    for key, value in data_sets:
        kind = _IIM_KINDS.get(key)
        text = _decode_text(value, "utf-8" if is_utf8 else None) if kind else ""
        if kind and text:
            where = f"IIM {key[0]}:{key[1]}{_encoding_note(value)}, {block.where}"
            assertions.append(_assertion(kind, text, where, value))
    return assertions


def iim_data_sets(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Record and number of each data set, and its bytes; ends where the record is damaged."""
    at = 0
    for _ in range(_MAX_DATA_SETS):
        if data[at : at + 1] != b"\x1c" or at + 5 > len(data):
            return
        key = (data[at + 1], data[at + 2])
        length = int.from_bytes(data[at + 3 : at + 5])
        start = at + 5
        if length & 0x8000:  # extended: the other bits give the size of the length in bytes
            length_bytes = length & 0x7FFF
            if length_bytes > 4:
                return
            length = int.from_bytes(data[start : start + length_bytes])
            start += length_bytes
        if start + length > len(data):
            return
        yield key, data[start : start + length]
        at = start + length


def _decode_text(raw: bytes, encoding: str | None = None) -> str:
    """Decodes text in `encoding` (UTF-8 if None), or in Latin-1 if that fails."""
    raw = raw.strip(b"\0 \t\r\n")
    try:
        return raw.decode(encoding or "utf-8").strip()
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip()


def _encoding_note(raw: bytes) -> str:
    """Says of bytes in an unknown code page that they are; see `owners.NOT_UTF8`."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return f" ({NOT_UTF8})"
    return ""


def _assertion(kind: AssertionKind, text: str, where: str, raw: bytes) -> FileAssertion:
    return FileAssertion(kind, printable(text, _MAX_ASSERTION_CHARS), where, raw_sha256(raw))
