"""Defines metadata blocks: the parts of a media file that may concern rights."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from schemas.signal import Origin, ReadingFault, raw_sha256

MAX_PACKET_BYTES = 16 << 20  # one XMP packet, including extended and inflated parts
MAX_TOTAL_BYTES = 64 << 20  # sum over all blocks of one file; entries may share their bytes
MAX_BLOCKS = 1024  # in one file
MAX_STATEMENT_CHARS = 200  # characters of `said` and `detail`


class BlockKind(StrEnum):
    """The format of a metadata block."""

    XMP = "XMP"
    EXIF = "EXIF"  # a TIFF structure
    IIM = "IIM"
    PHOTOSHOP = "Photoshop"  # image resources, 8BIM


@dataclass(frozen=True)
class MetadataBlock:
    """One metadata block of a file.

    Attributes:
        kind: Its format.
        where: Where it was found, for messages.
        data: Its bytes, uncompressed.
        spans: Where those bytes are in the file, as (start, end); empty if the file does not
            contain them in this form.
    """

    kind: BlockKind
    where: str
    data: bytes
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class MetadataBlocks:
    """The metadata blocks of a file, and the faults for blocks that could not be read."""

    blocks: tuple[MetadataBlock, ...] = ()
    faults: tuple[ReadingFault, ...] = ()


def merge_blocks(found: Iterable[MetadataBlocks]) -> MetadataBlocks:
    """Merges several findings into one, in order."""
    findings = list(found)
    return MetadataBlocks(
        tuple(block for one in findings for block in one.blocks),
        tuple(fault for one in findings for fault in one.faults),
    )


def printable(text: str, limit: int = MAX_STATEMENT_CHARS) -> str:
    """Returns a text as one printable line of at most `limit` characters.

    Runs of white space become one space, unprintable characters are escaped, and a long text is
    truncated.
    """
    folded = " ".join(text[: 4 * limit].split())
    line = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in folded
    )
    return line if len(line) <= limit else line[: limit - 1] + "…"


def file_fault(where: str, detail: str, raw: bytes) -> ReadingFault:
    """Returns a fault for metadata of a file that could not be read."""
    return ReadingFault(Origin.FILE, where, printable(detail), raw_sha256(raw))


def inflate(data: bytes, max_bytes: int = MAX_PACKET_BYTES) -> bytes | None:
    """Inflates a zlib stream; None if it is damaged, truncated or longer than `max_bytes`."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(data, max_bytes + 1)
    except zlib.error:
        return None
    return inflated if stream.eof and len(inflated) <= max_bytes else None
