"""Finds the metadata blocks and texts of a GIF: comments and application extensions.

GIF89a, 24 and 26; XMP Specification Part 3, 1.1.2: a packet stands as it is behind the name `XMP
Data`, not in sub-blocks, and a trailer of 258 bytes lets readers that do not know it find the end.
ImageMagick writes Photoshop's resources and IIM as extensions of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.media.headers import (
    GIF_IMAGE,
    GIF_TRAILER,
    GifBlock,
    gif_blocks,
    sub_block_bytes,
    sub_blocks,
)
from pipelines.signals.file.generators import TextRole
from pipelines.signals.file.metadata_blocks import (
    MAX_BLOCKS,
    BlockKind,
    MetadataBlock,
    MetadataBlocks,
    file_fault,
)
from pipelines.signals.file.text_fields import (
    TextField,
    decode_text,
    other_decodings,
    unknown_part,
)
from schemas.signal import ReadingFault, raw_sha256

GIF_MARKS = (b"GIF87a", b"GIF89a")
CONTROL, COMMENT, APPLICATION = 0xF9, 0xFE, 0xFF
# What the picture is decoded from, its colours and how often an animation is repeated.
PICTURE_APPLICATIONS = frozenset((b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"))
PICTURE_BLOCKS = frozenset((GIF_IMAGE, GIF_TRAILER, CONTROL))
_XMP = b"XMP DataXMP"
_C2PA = b"C2PA_GIF"
_KINDS = {b"MGK8BIM0000": BlockKind.PHOTOSHOP, b"MGKIPTC0000": BlockKind.IIM}
_NAME_BYTES = 11
_XMP_TRAILER = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
_MAX_TEXT_BYTES = 4 << 20


def application_of(data: bytes, block: GifBlock) -> bytes:
    """Returns the name and code of an application extension; b"" of any other block."""
    if block.kind != APPLICATION or data[block.start] != _NAME_BYTES:
        return b""
    return data[block.start + 1 : block.start + 1 + _NAME_BYTES]


def gif_metadata(data: bytes) -> MetadataBlocks:
    """Returns every block in a GIF that may concern rights."""
    blocks: list[MetadataBlock] = []
    faults: list[ReadingFault] = []
    for block in gif_blocks(data):
        name = application_of(data, block)
        if len(blocks) >= MAX_BLOCKS:
            faults.append(file_fault("GIF", f"over {MAX_BLOCKS} metadata blocks", data))
            break
        if name == _XMP:
            blocks.append(_packet(data, block))
        elif name in _KINDS:
            blocks.append(_in_sub_blocks(data, block, _KINDS[name], f"GIF {name.decode()}"))
    return MetadataBlocks(tuple(blocks), tuple(faults))


def _packet(data: bytes, block: GifBlock) -> MetadataBlock:
    start = block.start + 1 + _NAME_BYTES
    # Its end is looked for, since one that is not in UTF-8 has zeros, which end a block.
    end = data.find(_XMP_TRAILER, start)
    if end < 0:  # some programs write it in sub-blocks after all
        return _in_sub_blocks(data, block, BlockKind.XMP, "GIF XMP")
    return MetadataBlock(BlockKind.XMP, "GIF XMP", data[start:end], ((start, end),))


def _in_sub_blocks(data: bytes, block: GifBlock, kind: BlockKind, where: str) -> MetadataBlock:
    _, *spans = sub_blocks(data, block)  # the first is the name
    raw = b"".join(data[start:end] for start, end in spans)
    return MetadataBlock(kind, where, raw, tuple(spans))


def gif_texts(data: bytes) -> Iterator[TextField | ReadingFault]:
    """Yields the comments of a GIF, and what may be language in blocks that no reader knows."""
    for block in gif_blocks(data):
        name = application_of(data, block)
        is_known = block.kind in PICTURE_BLOCKS or name in (_XMP, *_KINDS, *PICTURE_APPLICATIONS)
        if is_known or name.startswith(_C2PA):
            continue
        raw = sub_block_bytes(data, block)
        if block.kind == APPLICATION:  # the first is its name, which is no part of a sentence
            first = data[block.start]
            raw = raw[:first] + b"\0" + raw[first:]
        where = "GIF comment" if block.kind == COMMENT else f"GIF block {block.kind:02X}"
        if len(raw) > _MAX_TEXT_BYTES:
            yield file_fault(where, f"a text of {len(raw)} bytes is not read", raw)
        elif block.kind == COMMENT:
            text, others = decode_text(raw), other_decodings(raw)
            digest = raw_sha256(raw)
            yield TextField(
                *("Comment", where, text, TextRole.NOTE, digest, True), other_readings=others
            )
        else:
            yield unknown_part(where, raw)
