"""Parts of a media file that may speak of rights, as the readers of containers hand them on."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from schemas.signal import Origin, ReadingFault, raw_sha256

MAX_PACKET_BYTES = 16 << 20  # one XMP packet, extended and inflated parts included
MAX_TOTAL_BYTES = 64 << 20  # all that one file's parts come to: entries may share their bytes
MAX_BLOCKS = 1024  # of one file
MAX_STATEMENT_CHARS = 200  # characters of `said` and `detail`


class BlockKind(StrEnum):
    """What a part is written in."""

    XMP = "XMP"
    EXIF = "EXIF"  # a TIFF structure
    IIM = "IIM"
    PHOTOSHOP = "Photoshop"  # image resources, 8BIM


@dataclass(frozen=True)
class MetadataBlock:
    """One part of a file.

    Attributes:
        kind: What it is written in.
        where: Where it stood, for people.
        data: Its bytes, unpacked.
        spans: Where those bytes stand in the file, as (start, end); empty where they are not in
            the file as they are.
    """

    kind: BlockKind
    where: str
    data: bytes
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class MetadataBlocks:
    """All parts of a file, and what is broken where a part should be."""

    blocks: tuple[MetadataBlock, ...] = ()
    faults: tuple[ReadingFault, ...] = ()


def merge_blocks(found: Iterable[MetadataBlocks]) -> MetadataBlocks:
    """Several findings as one, in their order."""
    findings = list(found)
    return MetadataBlocks(
        tuple(block for one in findings for block in one.blocks),
        tuple(fault for one in findings for fault in one.faults),
    )


def printable(text: str, limit: int = MAX_STATEMENT_CHARS) -> str:
    """A text as one printable line of bounded length.

    White space is folded, what cannot be printed is escaped, and what is too long is cut.
    """
    folded = " ".join(text[: 4 * limit].split())
    line = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in folded
    )
    return line if len(line) <= limit else line[: limit - 1] + "…"


def file_fault(where: str, detail: str, raw: bytes) -> ReadingFault:
    """A fault of a file's metadata."""
    return ReadingFault(Origin.FILE, where, printable(detail), raw_sha256(raw))


def inflate(data: bytes, max_bytes: int = MAX_PACKET_BYTES) -> bytes | None:
    """Bytes of a zlib stream; None where it is broken, cut short or longer than `max_bytes`."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(data, max_bytes + 1)
    except zlib.error:
        return None
    return inflated if stream.eof and len(inflated) <= max_bytes else None
