"""Finds the metadata blocks of a PNG file.

XMP is in iTXt, ImageMagick's raw profiles are in text chunks, and EXIF is in eXIf. The layouts are
in XMP Specification Part 3, 1.1.5, and the PNG specification, 11.3.3: `iTXt` is keyword, NUL,
compression flag and method, language, NUL, translated keyword, NUL, text; `zTXt` is keyword, NUL,
method, text; `tEXt` is keyword, NUL, text.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.signals.file.container_jpeg import EXIF_HEADER, PHOTOSHOP_HEADER, XMP_HEADER
from pipelines.signals.file.metadata_blocks import (
    MAX_BLOCKS,
    MAX_PACKET_BYTES,
    MAX_TOTAL_BYTES,
    BlockKind,
    MetadataBlock,
    MetadataBlocks,
    file_fault,
    inflate,
)
from schemas.signal import ReadingFault

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"
PROFILE_PREFIX = b"Raw profile type "
# What the picture is decoded from, its colours, and the frames of an animation.
PICTURE_CHUNKS = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB sBIT bKGD hIST pHYs iCCP cICP mDCV cLLI acTL fcTL "
    b"fdAT".split()
)
TEXT_CHUNKS = frozenset((b"iTXt", b"zTXt", b"tEXt"))
# With the chunks that have a reader.
KNOWN_CHUNKS = PICTURE_CHUNKS | TEXT_CHUNKS | {b"tIME", b"eXIf", b"caBX"}
_PROFILE_NAMES = (b"xmp", b"app1", b"exif", b"iptc", b"8bim", b"app13")


def png_blocks(data: bytes) -> MetadataBlocks:
    """Returns every block in a PNG file that may concern rights."""
    blocks: list[MetadataBlock] = []
    faults: list[ReadingFault] = []
    remaining_bytes = MAX_TOTAL_BYTES
    for kind, start, announced_end in png_chunks(data):
        end = min(announced_end, len(data))
        if kind == b"eXIf":
            blocks.append(
                MetadataBlock(BlockKind.EXIF, "PNG eXIf", data[start:end], ((start, end),))
            )
            continue
        if kind not in TEXT_CHUNKS:
            continue
        where = f"PNG {kind.decode()}"
        found = _text_block(data, kind, (start, end), remaining_bytes)
        if isinstance(found, MetadataBlock):
            blocks.append(found)
            remaining_bytes -= len(found.data)
        if isinstance(found, ReadingFault) or (found and end < announced_end):
            cut = file_fault(where, "the chunk is truncated", data[start:end])
            faults.append(found if isinstance(found, ReadingFault) else cut)
        if len(blocks) + len(faults) >= MAX_BLOCKS:
            faults.append(file_fault("PNG", f"over {MAX_BLOCKS} metadata chunks", data))
            break
    return MetadataBlocks(tuple(blocks), tuple(faults))


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields the kind of each chunk, and the start and end of its payload, before its checksum.

    In a truncated file, the last end lies behind that of the file.
    """
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        start = at + 8
        end = start + int.from_bytes(data[at : at + 4])
        yield data[at + 4 : start], start, end
        at = end + 4


def text_start(data: bytes, kind: bytes, start: int, end: int) -> tuple[int, bool] | None:
    """Returns where a chunk's text begins and whether it is compressed; None if there is no text.

    Args:
        data: The file.
        kind: The chunk's kind, one of `TEXT_CHUNKS`.
        start: Where the bytes after the keyword and its NUL begin.
        end: Where the chunk's payload ends.
    """
    if kind != b"iTXt":
        return (start + 1, True) if kind == b"zTXt" else (start, False)
    language = data.find(b"\0", start + 2, end)
    translated = data.find(b"\0", language + 1, end)
    if min(language, translated) < 0:
        return None
    return translated + 1, data[start] != 0


def _text_block(
    data: bytes, kind: bytes, span: tuple[int, int], max_bytes: int
) -> MetadataBlock | ReadingFault | None:
    """Returns the block in a text chunk; None if its keyword is not one that is read.

    Compressed text is inflated to at most `max_bytes`.
    """
    (start, end), where = span, f"PNG {kind.decode()}"
    # A keyword has at most 79 bytes, so a longer one is none that is read.
    head = data[start : min(start + 80, end)]
    keyword, found, _ = head.partition(b"\0")
    profile = (
        keyword.removeprefix(PROFILE_PREFIX).lower() if keyword.startswith(PROFILE_PREFIX) else b""
    )
    if not found or (keyword != XMP_KEYWORD and profile not in _PROFILE_NAMES):
        return None
    begin = text_start(data, kind, start + len(keyword) + 1, end)
    if begin is None:
        return file_fault(where, "the chunk has no text", data[start:end])
    body, is_compressed = begin
    text: bytes | None = data[body:end]
    if is_compressed:
        text = inflate(data[body:end], min(max_bytes, MAX_PACKET_BYTES))
    if text is None:
        return file_fault(where, "the text cannot be inflated", data[start:end])
    spans = () if is_compressed else ((body, end),)
    if keyword == XMP_KEYWORD:
        return MetadataBlock(BlockKind.XMP, where, text, spans)
    return _profile_block(profile, text, where)


def _profile_block(name: bytes, text: bytes, where: str) -> MetadataBlock | ReadingFault | None:
    """Returns the block in a raw profile: its name, decimal length and bytes in hexadecimal."""
    fields = text.split(maxsplit=2)
    try:
        raw = bytes.fromhex(fields[2].decode("ascii"))
        if len(raw) != int(fields[1]):
            raise ValueError("length")
    except (ValueError, IndexError):
        # EXIF and IIM cannot state a permission or denial, so damage to them hides none.
        if name in (b"xmp", b"app1"):
            return file_fault(where, f"the raw profile {name.decode()} is damaged", text)
        return None
    where = f"{where}, raw profile"
    if raw.startswith(XMP_HEADER):
        return MetadataBlock(BlockKind.XMP, where, raw.removeprefix(XMP_HEADER))
    if name == b"xmp":
        return MetadataBlock(BlockKind.XMP, where, raw)
    if name in (b"app1", b"exif"):
        exif = raw[len(EXIF_HEADER) + 1 :] if raw.startswith(EXIF_HEADER) else raw
        return MetadataBlock(BlockKind.EXIF, where, exif)
    raw = raw.removeprefix(PHOTOSHOP_HEADER)
    kind = BlockKind.PHOTOSHOP if raw.startswith(b"8BIM") else BlockKind.IIM
    return MetadataBlock(kind, where, raw)
