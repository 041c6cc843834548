"""Strict parsing of tar headers: only headers that `TarWriter` writes are accepted."""

from __future__ import annotations

from typing import NamedTuple

from pipelines.format.tar import header
from pipelines.format.tar_write_digests import Hash

_SIZE_FIELD = slice(124, 135)
# Offsets of a header's fields, last one first.
_FIELDS = (
    *((500, "end"), (345, "prefix"), (329, "device"), (265, "owner's name"), (257, "magic")),
    *((157, "link"), (156, "type"), (148, "checksum"), (136, "time"), (124, "size")),
    *((108, "owner"), (100, "mode"), (0, "name")),
)


class TarError(Exception):
    """Raised when the bytes are not a tar in the form that `TarWriter` writes.

    Attributes:
        offset: Offset of the wrong byte, from the start of the tar.
    """

    def __init__(self, detail: str, offset: int) -> None:
        super().__init__(detail)
        self.offset = offset


class ParsedMember:
    """A member that is being read.

    Attributes:
        name: Its name.
        offset: Offset of its data.
        length: Length of its data in bytes.
        left: Number of bytes still to be read.
        digest: Running digest of the bytes read so far, maintained by the reader.
        sha256: Digest of all its data, hex; set by the reader when it is known.
    """

    __slots__ = ("digest", "left", "length", "name", "offset", "sha256")

    def __init__(self, name: str, offset: int, length: int) -> None:
        self.name = name
        self.offset = offset
        self.length = length
        self.left = length
        self.digest: Hash | None = None
        self.sha256 = ""


class Piece(NamedTuple):
    """A piece of a member's data.

    Attributes:
        member: The member.
        data: The bytes; empty for a member without data.
        last: Whether the member ends with them and its padding is correct.
    """

    member: ParsedMember
    data: memoryview
    last: bool


def parse_header(block: bytes, at: int) -> tuple[str, int]:
    """Returns the member name and length in a header.

    Args:
        block: The header, 512 bytes.
        at: Its offset, for the error.

    Raises:
        TarError: If the header is not exactly the one that `TarWriter` writes.
    """
    name = block[:100].rstrip(b"\0").decode("ascii", "replace")
    fault = 0
    try:
        fault = _SIZE_FIELD.start
        length = int(block[_SIZE_FIELD], 8)
        fault = 0
        expected = header(name, length)
    except ValueError:
        pass
    else:
        if expected == block:
            return name, length
        fault = first_difference(block, expected)
    detail = f"not a valid header at byte {at}: wrong {field_at(fault)}, at byte {at + fault}"
    raise TarError(detail, at + fault)


def field_at(position: int) -> str:
    """Returns the name of the header field that contains the byte at a position."""
    return next(label for start, label in _FIELDS if position >= start)


def first_difference(found: bytes, expected: bytes) -> int:
    """Returns where two byte strings start to differ; the shorter length if one is a prefix."""
    for position, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return position
    return min(len(found), len(expected))
