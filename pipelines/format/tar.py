"""Writes deterministic USTAR archives, the only form that every WebDataset reader opens.

Names are ASCII and at most 100 bytes in the name field, without prefix. The mtime, uid and gid are
0 and the mode is fixed. Two zero blocks end the archive. With anything else, some reader loses
samples without an error (PAX names in wids, a prefix in wids, float mtimes in comparisons).
"""

from __future__ import annotations

import enum
import hashlib
import re
import zlib
from collections.abc import Iterable
from types import TracebackType
from typing import NamedTuple

from pipelines.format.tar_batches import Batches, Buffers, Chunk, Pieces, ReadInto, Writable
from pipelines.format.tar_write_digests import Hash, MemberDigests

BLOCK = 512
END = bytes(2 * BLOCK)
PADDINGS = tuple(map(bytes, range(BLOCK)))
# Possessive: a match contains no dot, so backtracking is never needed.
_MEMBER = re.compile(r"[a-z0-9_-]++(?:\.[a-z0-9]++)++")
# What is left of a removed sample. No reader takes a name without an ending for a sample's.
_TOMBSTONE = re.compile(r"__removed-\d{5,}-\d{5,}__")
FILLER = b"\xff"  # no text in UTF-8, no JSON, no picture
_MAX_LENGTH = 8**11 - 1  # eleven octal digits
# A header is name, _OWNER, size, _TIME, checksum, _REST; its sum counts the checksum as spaces.
# Octal digits are looked up four at a time, since formatting them takes far longer.
_OWNER = b"0000644\0" + b"0000000\0" * 2
_TIME = b"\0" + b"00000000000\0"
_REST = b"\0 0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2 + bytes(167)
_FIXED_SUM = sum(_OWNER + _TIME + b" " * 6 + _REST.replace(b"\0 0", b"  0", 1))
_AFTER_NAME = tuple(bytes(100 - size) + _OWNER for size in range(101))
_DIGITS = tuple(b"%04o" % value for value in range(8**4))
_FIRST_DIGITS = tuple(b"%03o" % value for value in range(8**3))  # the size has eleven digits
_SUMS = tuple(map(sum, _DIGITS))
_BASE_SUM = _FIXED_SUM - ord("0") - 1  # minus one of the digits, and Adler-32's initial 1
_CHECKSUMS = tuple(b"%02o" % value for value in range(8))  # it never reaches 8**5


class Digests(enum.Flag):
    """The digests that a writer computes, each in its own thread."""

    NONE = 0
    MEMBERS = enum.auto()
    TAR = enum.auto()
    MD5 = enum.auto()
    ALL = MEMBERS | TAR | MD5


class Member(NamedTuple):
    """The position of a member in its tar. It is a tuple because a tar has many members.

    Attributes:
        name: Its name.
        offset: Offset of its data, in bytes from the start of the tar.
        length: Length of its data in bytes.
        sha256: Digest of its data, hex; empty if it was not requested.
    """

    name: str
    offset: int
    length: int
    sha256: str


def tombstone_name(shard: int, row: int) -> str:
    """Returns the name of what is left of a removed sample: by its shard's number and its row."""
    return f"__removed-{shard:05d}-{row:05d}__"


def is_tombstone(name: str) -> bool:
    """Returns whether a name is that of what is left of a removed sample."""
    return _TOMBSTONE.fullmatch(name) is not None


def header(name: str, length: int) -> bytes:
    """Returns the 512-byte header of a regular file.

    Raises:
        ValueError: If the name or length does not fit a USTAR header.
    """
    return b"".join(_header(name, length))


def _header(name: str, length: int) -> tuple[bytes, ...]:
    """Returns the header in pieces, for callers that join pieces anyway."""
    if len(name) > 100 or not (_MEMBER.fullmatch(name) or _TOMBSTONE.fullmatch(name)):
        raise ValueError(f"not a valid member name: {name!r}")
    if not 0 <= length <= _MAX_LENGTH:
        raise ValueError(f"{name}: {length} bytes do not fit a USTAR member")
    encoded = name.encode()
    high, middle, low = length >> 24, length >> 12 & 4095, length & 4095
    # The low half of Adler-32 is one more than the sum of the bytes, modulo a prime that the sum of
    # 100 ASCII characters does not reach. It is five times as fast as a sum in Python.
    digits = _SUMS[high] + _SUMS[middle] + _SUMS[low]
    checksum = _BASE_SUM + (zlib.adler32(encoded) & 0xFFFF) + digits
    return (
        encoded,
        _AFTER_NAME[len(encoded)],
        _FIRST_DIGITS[high],
        _DIGITS[middle],
        _DIGITS[low],
        _TIME,
        _CHECKSUMS[checksum >> 12],
        _DIGITS[checksum & 4095],
        _REST,
    )


class TarWriter:
    """Streams members to a sink; writing and each digest have their own thread.

    Close it, or use it in a `with` block, so that the threads end. An error in the block or in a
    method is raised once and abandons the tar: nothing more is written after that.

    Args:
        sink: Receives the bytes, through `writev` if it has that; only one thread writes to it.
        digests: The digests to compute.
    """

    def __init__(self, sink: Writable, digests: Digests = Digests.ALL) -> None:
        self._open = True
        self._complete = False
        self._extents: list[tuple[str, int, int]] = []
        self._members = MemberDigests() if Digests.MEMBERS in digests else None
        self._sha256 = hashlib.sha256() if Digests.TAR in digests else None
        self._md5 = hashlib.md5(usedforsecurity=False) if Digests.MD5 in digests else None
        of_tar = [one for one in (self._sha256, self._md5) if one is not None]
        self._batches: Batches = (
            Buffers(sink, self._members, of_tar) if of_tar else Pieces(sink, self._members)
        )
        self.size = 0

    def __enter__(self) -> TarWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._abort()
        elif self._open:
            self.close()

    def add(self, name: str, length: int, chunks: Iterable[Chunk]) -> None:
        """Writes one member.

        Args:
            name: Its name.
            length: Total number of bytes in `chunks`.
            chunks: Its data.

        Raises:
            ValueError: If the name is not valid or `chunks` has another length.
        """
        self._add(name, length, chunks, None)

    def add_from(self, name: str, length: int, read_into: ReadInto) -> None:
        """Writes one member whose data is read into memory of the writer, which saves a copy.

        Args:
            name: Its name.
            length: Total number of bytes that are read.
            read_into: Reads the next bytes into memory and returns how many; 0 at the end.

        Raises:
            ValueError: If the name is not valid or another number of bytes is read.
        """
        self._add(name, length, (), read_into)

    def _add(
        self, name: str, length: int, chunks: Iterable[Chunk], read_into: ReadInto | None
    ) -> None:
        if not self._open:
            raise ValueError("the tar is closed")
        try:
            batches = self._batches
            batches.frame(_header(name, length), BLOCK)
            received = batches.take(chunks) if read_into is None else batches.read(read_into)
            if received != length:
                raise ValueError(f"{name}: {received} bytes received, expected {length}")
            batches.end_member()
            offset = self.size + BLOCK
            self._extents.append((name, offset, length))
            if padding := -length % BLOCK:
                batches.frame((PADDINGS[padding],), padding)
            self.size = offset + length + padding
        except BaseException:
            self._abort()
            raise

    def close(self) -> list[Member]:
        """Ends the archive and waits for the digests; the sink stays open.

        Returns:
            The members, in the order in which they were added.
        """
        if not self._open:
            raise ValueError("the tar is closed")
        try:
            self._batches.frame((END,), len(END))
            self.size += len(END)
            self._batches.finish()
        except BaseException:
            self._abort()
            raise
        self._open, self._complete = False, True
        found = self._members.hex_digests if self._members else [""] * len(self._extents)
        places = zip(self._extents, found, strict=True)
        return [Member(name, at, size, sha256) for (name, at, size), sha256 in places]

    @property
    def sha256(self) -> str:
        """The sha256 of the whole tar once it is closed, hex."""
        return self._digest(self._sha256)

    @property
    def md5(self) -> str:
        """The MD5 of the whole tar once it is closed, hex; the wids index uses it."""
        return self._digest(self._md5)

    def _abort(self) -> None:
        self._open = False
        self._batches.stop()

    def _digest(self, digest: Hash | None) -> str:
        if digest is None or not self._complete:
            raise ValueError("the digest was not requested, or the tar is not closed")
        return digest.hexdigest()
