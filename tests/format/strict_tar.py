"""Reads a tar strictly: it accepts only what `TarWriter` writes.

Common readers take a tar that was truncated between members, or that has a hole of zeros, for a
shorter tar. Here that is an error, which names the wrong byte. The product itself only compares
tars with their expected contents (`pipelines.format.tar_comparison`).
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
    """Checks a tar and yields its members with their digests, in bounded memory.

    Reads ahead, and computes digests in a second thread, which ends with the iterator. Members
    before a fault are yielded before its error is raised.

    Args:
        source: The tar, from its current position; it is read once, sequentially.

    Raises:
        TarError: If it is truncated or continues after its end, or a header or padding is not one
            that `TarWriter` writes.
    """
    parser = TarParser()
    with HashingTarReader(parser) as reader:
        for member in reader.members(source):
            yield Member(member.name, member.offset, member.length, member.sha256)
        if reader.fault is not None:
            raise reader.fault
        parser.end()


class TarParser:
    """Parses a tar in pieces of whole blocks; only the last may have any length."""

    def __init__(self) -> None:
        self._at = 0  # of the piece that is being parsed
        self._member: ParsedMember | None = None
        self._end_blocks = 0

    def feed(self, view: memoryview) -> Iterator[Piece]:
        """Parses the next piece.

        Raises:
            TarError: At the first wrong byte.
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
                    # Copied, because a view is compared byte by byte.
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
        """Ends the input.

        Raises:
            TarError: If the tar is not complete.
        """
        if self._member is not None:
            raise TarError(f"cut within {self._member.name}, at byte {self._at}", self._at)
        if self._end_blocks != 2:
            raise TarError(f"it does not end in two zero blocks, at byte {self._at}", self._at)

    def _header(self, view: memoryview, position: int) -> ParsedMember | None:
        """Returns the member whose header is at a position; None for a block of the end."""
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
