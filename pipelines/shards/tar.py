"""USTAR bytes, deterministic: the one form that every WebDataset reader opens.

Names are ASCII and at most 100 bytes in the name field, without prefix; mtime, uid and gid are 0
and the mode is fixed; two zero blocks end the archive. Anything else loses samples in some reader
without an error (PAX names in wids, a prefix in wids, float mtimes in comparisons).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

BLOCK = 512
END = bytes(2 * BLOCK)
_MEMBER = re.compile(r"[a-z0-9_-]+(\.[a-z0-9]+)+")
_LARGEST = 8**11 - 1  # eleven octal digits


class Writable(Protocol):
    """Where tar bytes go."""

    def write(self, data: bytes, /) -> object:
        """Takes bytes."""


@dataclass(frozen=True)
class Member:
    """Where a member lies in its tar.

    Attributes:
        name: Its name.
        offset: Where its data begin, in bytes from the start of the tar.
        length: How many bytes they are.
        sha256: Their digest, hex.
    """

    name: str
    offset: int
    length: int
    sha256: str


def header(name: str, length: int) -> bytes:
    """The 512-byte header of a regular file.

    Raises:
        ValueError: If the name or length has no place in a USTAR header.
    """
    encoded = name.encode("ascii", "strict") if name.isascii() else b""
    if not 0 < len(encoded) <= 100 or not _MEMBER.fullmatch(name):
        raise ValueError(f"not the name of a member: {name!r}")
    if not 0 <= length <= _LARGEST:
        raise ValueError(f"{name}: {length} bytes do not fit a USTAR member")
    fields = (
        encoded.ljust(100, b"\0"),
        b"0000644\0",
        b"0000000\0",
        b"0000000\0",
        b"%011o\0" % length,
        b"00000000000\0",
        b" " * 8,
        b"0",
        bytes(100),
        b"ustar\x0000",
        bytes(32),
        bytes(32),
        b"0000000\0",
        b"0000000\0",
        bytes(155),
    )
    block = b"".join(fields).ljust(BLOCK, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


class TarWriter:
    """Streams members into a sink and keeps the digest of all it wrote.

    Args:
        sink: Where the bytes go.
    """

    def __init__(self, sink: Writable) -> None:
        self._sink = sink
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def add(self, name: str, length: int, chunks: Iterable[bytes]) -> Member:
        """Writes one member.

        Args:
            name: Its name.
            length: How many bytes `chunks` yields in all.
            chunks: Its data.

        Raises:
            ValueError: If the name is no member name or `chunks` has another length.
        """
        self._write(header(name, length))
        offset, digest, seen = self.size, hashlib.sha256(), 0
        for chunk in chunks:
            digest.update(chunk)
            self._write(chunk)
            seen += len(chunk)
        if seen != length:
            raise ValueError(f"{name}: {seen} bytes came where {length} were announced")
        self._write(bytes(-length % BLOCK))
        return Member(name, offset, length, digest.hexdigest())

    def close(self) -> None:
        """Ends the archive; the sink stays open."""
        self._write(END)

    @property
    def sha256(self) -> str:
        """Digest of everything written so far, hex."""
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        """MD5 of everything written so far, hex; the wids index carries it."""
        return self._md5.hexdigest()

    def _write(self, data: bytes) -> None:
        self._sink.write(data)
        self._sha256.update(data)
        self._md5.update(data)
        self.size += len(data)
