"""Compares every byte of a tar with the places of members in its table.

A parser that follows the headers cannot continue after a damaged one. Here the table gives the
place of each member, so a damaged header affects only one member, and a single pass over the tar
gives the digests of its members and of the tar itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from pipelines.format.tar import BLOCK, END, FILLER, PADDINGS, header
from pipelines.format.tar_parser import ParsedMember, Piece, first_difference
from pipelines.format.tar_reader import HashingTarReader
from schemas.shard_table import ShardRow

EXTRA = "extra"  # kind of the members that only some profiles have
REMOVED = "removed"  # status of a removed sample's row, and kind of what is left of its members
_FILLER_BYTES = 1 << 20
_NOT_KEPT = ("media", REMOVED)


class MemberPlace(NamedTuple):
    """The expected position of a member.

    Attributes:
        key: Key of its sample.
        kind: `media`, `extra`, `txt`, `json` or `removed`.
        name: Its name in the tar.
        offset: Offset of its data in bytes.
        length: Length of its data in bytes.
        sha256: Digest of its data, hex; empty if not known.
    """

    key: str
    kind: str
    name: str
    offset: int
    length: int
    sha256: str

    @property
    def end(self) -> int:
        """Offset of the end of its padding."""
        return self.offset + self.length + -self.length % BLOCK


@dataclass(frozen=True)
class TarFault:
    """Bytes of a tar that differ from what is expected.

    Attributes:
        place: The member; None for the bytes after the last one.
        part: `header`, `data`, `padding` or `end`.
        at: Offset of the first wrong byte, as far as known, from the start of the tar.
        cut: Whether the tar ends before or within the part.
    """

    place: MemberPlace | None
    part: str
    at: int
    cut: bool = False


class PlacesError(Exception):
    """Raised when no tar can have these places; the message says why."""


def places_of(rows: Sequence[ShardRow]) -> list[MemberPlace]:
    """Returns the places given by a shard's table, in the tar's order.

    Raises:
        PlacesError: If members overlap or leave gaps, or a name is not valid for its member.
    """
    places, at = [], 0
    keys: set[str] = set()
    for row in rows:
        if row["key"] in keys:
            raise PlacesError(f"key {row['key']} appears twice")
        keys.add(row["key"])
        for place in places_of_row(row):
            if place.name.partition(".")[0] != place.key:
                raise PlacesError(f"member {place.name} is not named after its key {place.key}")
            if place.offset != at + BLOCK:
                raise PlacesError(
                    f"member {place.name} at byte {place.offset}, expected at {at + BLOCK}"
                )
            try:
                header(place.name, place.length)
            except ValueError as error:
                raise PlacesError(str(error)) from error
            places.append(place)
            at = place.end
    return places


def places_of_row(row: ShardRow) -> list[MemberPlace]:
    """Returns the places of one sample's members from its row, unchecked."""
    key = row["key"]
    if row["status"] == REMOVED:
        place = (row["media_member"], row["media_offset"], row["media_length"], row["media_sha256"])
        return [MemberPlace(key, REMOVED, *place)]
    media = (row["media_member"], row["media_offset"], row["media_length"], row["media_sha256"])
    text = (f"{key}.txt", row["txt_offset"], row["txt_length"], row["txt_sha256"])
    json = (f"{key}.json", row["json_offset"], row["json_length"], row["json_sha256"])
    extras = (
        (f"{key}.{one['ending']}", one["offset"], one["length"], one["sha256"])
        for one in row.get("extra_members", ())
    )
    return [
        MemberPlace(key, "media", *media),
        *(MemberPlace(key, EXTRA, *extra) for extra in extras),
        MemberPlace(key, "txt", *text),
        MemberPlace(key, "json", *json),
    ]


def filler_sha256(length: int) -> str:
    """Returns the digest of what overwrites a removed sample, hex."""
    digest, block = hashlib.sha256(), FILLER * min(length, _FILLER_BYTES)
    for _ in range(length // _FILLER_BYTES):
        digest.update(block)
    digest.update(block[: length % _FILLER_BYTES])
    return digest.hexdigest()


class _PlacedMember(ParsedMember):
    """A member that is being read at its expected place.

    Attributes:
        place: Its place.
        kept: Its bytes; None for media and removed samples, whose bytes are not needed.
    """

    __slots__ = ("kept", "place")

    def __init__(self, place: MemberPlace) -> None:
        super().__init__(place.name, place.offset, place.length)
        self.place = place
        self.kept: bytearray | None = None if place.kind in _NOT_KEPT else bytearray()


class _PlaceComparer:
    """Compares a tar, passed in pieces of whole blocks, with the places."""

    def __init__(self, places: Sequence[MemberPlace]) -> None:
        self.faults: list[TarFault] = []
        self._places = iter(places)
        self._next = next(self._places, None)
        self._member: _PlacedMember | None = None
        self._end = places[-1].end if places else 0
        self.at = 0

    def feed(self, view: memoryview) -> Iterator[Piece]:
        """Compares the next data, and yields the pieces of members in it."""
        position, size = 0, len(view)
        while position < size:
            if self._member is None:
                if self._next is None:
                    self._check_end(view[position:], self.at + position)
                    break
                self._member = member = _PlacedMember(self._next)
                self._header(member.place, view[position : position + BLOCK], self.at + position)
                position += BLOCK
                if position > size or (position == size and member.length):
                    break
            member = self._member
            taken = min(member.left, size - position)
            found, position = view[position : position + taken], position + taken
            member.left -= taken
            if member.kept is not None:
                member.kept += found
            if member.left == 0:
                position = self._padding(member.place, view, position)
                self._member, self._next = None, next(self._places, None)
            yield Piece(member, found, member.left == 0)
        self.at += size

    def end(self) -> None:
        """Ends the comparison: everything that was not passed to `feed` is missing."""
        if self._member is not None:
            if not any(fault.place == self._member.place for fault in self.faults[-1:]):
                self.faults.append(TarFault(self._member.place, "data", self.at, cut=True))
            self._next = next(self._places, None)
        if self._next is not None:
            for place in (self._next, *self._places):
                self.faults.append(TarFault(place, "header", self.at, cut=True))
        if self.at < self._end + len(END):
            self.faults.append(TarFault(None, "end", self.at, cut=True))

    def _header(self, place: MemberPlace, found: memoryview, at: int) -> None:
        expected = header(place.name, place.length)
        if found != expected:
            cut = len(found) < BLOCK
            self.faults.append(
                TarFault(place, "header", at + first_difference(bytes(found), expected), cut)
            )

    def _padding(self, place: MemberPlace, view: memoryview, position: int) -> int:
        size = -place.length % BLOCK
        found = bytes(view[position : position + size])
        if found != PADDINGS[size]:
            at = self.at + position + first_difference(found, PADDINGS[size])
            self.faults.append(TarFault(place, "padding", at, len(found) < size))
        return position + size

    def _check_end(self, found: memoryview, at: int) -> None:
        """Compares the bytes after the last member: two zero blocks and nothing more."""
        expected = END[max(0, at - self._end) :]
        tail = bytes(found[: len(expected) + 1])
        if tail != expected[: len(tail)] and not any(fault.part == "end" for fault in self.faults):
            self.faults.append(TarFault(None, "end", at + first_difference(tail, expected)))


class TarComparison:
    """Compares a tar in one pass: iterate over it, then read the attributes.

    Args:
        source: The tar, from its start; it is read once, sequentially, to its end.
        places: The expected places of its members.

    Attributes:
        faults: The faults, in the tar's order; complete after the iteration.
        sha256: Digest of the whole tar, hex; set after the iteration.
        size: Length of the tar in bytes; set after the iteration.
    """

    def __init__(self, source: BinaryIO, places: Sequence[MemberPlace]) -> None:
        self.faults: list[TarFault] = []
        self.sha256 = ""
        self.size = 0
        self._source = source
        self._places = places

    def __iter__(self) -> Iterator[tuple[MemberPlace, bytes]]:
        """Yields every complete member but media, which come with empty bytes."""
        comparer = _PlaceComparer(self._places)
        with HashingTarReader(comparer, hash_tar=True) as reader:
            for member in reader.members(self._source):
                if not isinstance(member, _PlacedMember):
                    raise AssertionError("the comparer yields only placed members")
                if member.place.sha256 and member.sha256 != member.place.sha256:
                    comparer.faults.append(TarFault(member.place, "data", member.offset))
                yield member.place, bytes(member.kept or b"")
            comparer.end()
            self.sha256, self.size = reader.sha256, comparer.at
        order = {"header": 0, "data": 1, "padding": 2, "end": 3}
        last = self._places[-1].end if self._places else 0
        self.faults = sorted(
            comparer.faults,
            key=lambda fault: (fault.place.offset if fault.place else last, order[fault.part]),
        )
