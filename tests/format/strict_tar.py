"""Reading any tar strictly: only what `TarWriter` writes is a tar here.

The readers in use take a tar that was cut between members, or has a hole of zeros, for a shorter
one. Here that is an error, and it names the byte at fault. The product itself only compares tars
with what they ought to hold (`pipelines.format.tar_comparison`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from pipelines.format.tar import BLOCK, PADDINGS, Member
from pipelines.format.tar_parser import (
    ParsedMember,
    Piece,
    TarError,
    first_difference,
    parse_header,
)
from pipelines.format.tar_reader import HashingTarReader

_ZEROS = bytes(BLOCK)


def read_members(source: BinaryIO) -> Iterator[Member]:
    """Checks a tar and the digest of every member, in bounded memory.

    Reads ahead, and computes digests in a thread beside the caller's, which helps; the thread ends
    with the iterator. The members before a fault come out before its error.

    Args:
        source: The tar, from where it stands; it is read once, forwards.

    Raises:
        TarError: If it is cut, goes on after its end, or any header or padding is not ours.
    """
    parser = TarParser()
    with HashingTarReader(parser) as reader:
        for member in reader.members(source):
            yield Member(member.name, member.offset, member.length, member.sha256)
        if reader.fault is not None:
            raise reader.fault
        parser.end()


class TarParser:
    """Takes a tar in pieces of whole blocks; only the last may be of any length."""

    def __init__(self) -> None:
        self._at = 0  # of the piece that is being parsed
        self._member: ParsedMember | None = None
        self._end_blocks = 0

    def feed(self, view: memoryview) -> Iterator[Piece]:
        """Parses the next piece.

        Raises:
            TarError: At the first byte that is not as it must be.
        """
        position, size = 0, len(view)
        while position < size:
            member, self._member = self._member, None
            if member is None:
                member = self._header(view, position)
                position += BLOCK
                if member is None:
                    continue
            found = view[position : position + member.left]
            position += member.left
            if position <= size:
                member.left = 0
                padding = -member.length % BLOCK
                if padding:
                    # Copied: comparing a view goes byte by byte.
                    zeros = bytes(view[position : position + padding])
                    if zeros != PADDINGS[padding]:
                        raise self._padding_error(member, zeros, self._at + position)
                    position += padding
                yield Piece(member, found, True)
            else:
                member.left = position - size
                self._member = member
                if found:
                    yield Piece(member, found, False)
        self._at += size

    def end(self) -> None:
        """Says that there is no more.

        Raises:
            TarError: If the tar is not at its end.
        """
        if self._member is not None:
            raise TarError(f"cut within {self._member.name}, at byte {self._at}", self._at)
        if self._end_blocks != 2:
            raise TarError(f"it does not end in two zero blocks, at byte {self._at}", self._at)

    def _header(self, view: memoryview, position: int) -> ParsedMember | None:
        """The member whose header is there; None for a block of the end."""
        block, at = bytes(view[position : position + BLOCK]), self._at + position
        if self._end_blocks == 2:
            raise TarError(f"bytes after its end, at byte {at}", at)
        if len(block) < BLOCK:
            at += len(block)
            raise TarError(f"cut within a header, at byte {at}", at)
        if block == _ZEROS:
            self._end_blocks += 1
            return None
        if self._end_blocks:
            at += first_difference(block, _ZEROS)
            raise TarError(f"it does not end in two zero blocks, at byte {at}", at)
        name, length = parse_header(block, at)
        return ParsedMember(name, at + BLOCK, length)

    def _padding_error(self, member: ParsedMember, found: bytes, at: int) -> TarError:
        at += first_difference(found, _ZEROS)
        if any(found):
            return TarError(f"the padding of {member.name} is not zero, at byte {at}", at)
        return TarError(f"cut within the padding of {member.name}, at byte {at}", at)
