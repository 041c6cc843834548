"""The strict grammar of our tars: a header, and what a reader knows of the member it begins."""

from __future__ import annotations

from typing import NamedTuple

from pipelines.format.tar import header
from pipelines.format.tar_write_digests import Hash

_SIZE_FIELD = slice(124, 135)
# Where the fields of a header begin, last first.
_FIELDS = (
    *((500, "end"), (345, "prefix"), (329, "device"), (265, "owner's name"), (257, "magic")),
    *((157, "link"), (156, "type"), (148, "checksum"), (136, "time"), (124, "size")),
    *((108, "owner"), (100, "mode"), (0, "name")),
)


class TarError(Exception):
    """The bytes are not a tar of the one form that we write.

    Attributes:
        offset: The byte at fault, from the start of the tar.
    """

    def __init__(self, detail: str, offset: int) -> None:
        super().__init__(detail)
        self.offset = offset


class ParsedMember:
    """A member that is being read.

    Attributes:
        name: Its name.
        offset: Where its data begin.
        length: How many bytes they are.
        left: How many of them are yet to come.
        digest: The digest of those that came, for the reader's use.
        sha256: The digest of all, hex, once it is known; for the reader to fill in.
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
    """Bytes of a member.

    Attributes:
        member: The member.
        data: The bytes; none for a member without data.
        last: Whether the member ends with them, and its padding is sound.
    """

    member: ParsedMember
    data: memoryview
    last: bool


def parse_header(block: bytes, at: int) -> tuple[str, int]:
    """Name and length of the member whose header this is.

    Args:
        block: 512 bytes.
        at: Where they lie, for the error.

    Raises:
        TarError: If `TarWriter` would not have written this header, to the byte.
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
    detail = f"no header of ours at byte {at}: its {field_at(fault)}, at byte {at + fault}"
    raise TarError(detail, at + fault)


def field_at(position: int) -> str:
    """The field of a header that has the byte of this position."""
    return next(label for start, label in _FIELDS if position >= start)


def first_difference(found: bytes, expected: bytes) -> int:
    """Where two strings of bytes begin to differ; the shorter length if one begins the other."""
    for position, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return position
    return min(len(found), len(expected))
