"""A tar against the places that its table gives: every byte compared, whatever the bytes are.

A parser that follows the headers is lost at the first that is damaged. Here the table says where
each member must lie, so that one damaged header costs one member, and a tar is read once for the
digests of its members and its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from pipelines.format.tar import BLOCK, END, PADDINGS, header
from pipelines.format.tar_parser import ParsedMember, Piece, first_difference
from pipelines.format.tar_reader import HashingTarReader
from schemas.shard_table import ShardRow

KINDS = ("media", "txt", "json")


class MemberPlace(NamedTuple):
    """Where a member must lie.

    Attributes:
        key: Of its sample.
        kind: `media`, `txt` or `json`.
        name: Its name in the tar.
        offset: Where its data begin, in bytes.
        length: How many they are.
        sha256: Their digest, hex; empty where it is not known.
    """

    key: str
    kind: str
    name: str
    offset: int
    length: int
    sha256: str

    @property
    def end(self) -> int:
        """Where its padding ends."""
        return self.offset + self.length + -self.length % BLOCK


@dataclass(frozen=True)
class TarFault:
    """Bytes that are not as they must be.

    Attributes:
        place: The member; None for what follows the last.
        part: `header`, `data`, `padding` or `end`.
        at: The first byte at fault, as far as it is known, from the start of the tar.
        cut: Whether the tar ends before or within the part.
    """

    place: MemberPlace | None
    part: str
    at: int
    cut: bool = False


class PlacesError(Exception):
    """The places cannot be those of a tar. The text says why."""


def places_of(rows: Sequence[ShardRow]) -> list[MemberPlace]:
    """The places that a shard's table gives, in the tar's order.

    Raises:
        PlacesError: If members overlap or leave gaps, or a name is none of a member.
    """
    places, at = [], 0
    keys: set[str] = set()
    for row in rows:
        if row["key"] in keys:
            raise PlacesError(f"key {row['key']} is there twice")
        keys.add(row["key"])
        for place in places_of_row(row):
            if place.name.partition(".")[0] != place.key:
                raise PlacesError(f"member {place.name} is not named for its key {place.key}")
            if place.offset != at + BLOCK:
                raise PlacesError(
                    f"member {place.name} at byte {place.offset}, where {at + BLOCK} is due"
                )
            try:
                header(place.name, place.length)
            except ValueError as error:
                raise PlacesError(str(error)) from error
            places.append(place)
            at = place.end
    return places


def places_of_row(row: ShardRow) -> list[MemberPlace]:
    """The places of one sample's members, as its row gives them; nothing is checked."""
    key = row["key"]
    names = (row["media_member"], f"{key}.txt", f"{key}.json")
    offsets = (row["media_offset"], row["txt_offset"], row["json_offset"])
    lengths = (row["media_length"], row["txt_length"], row["json_length"])
    digests = (row["media_sha256"], row["txt_sha256"], row["json_sha256"])
    return [
        MemberPlace(key, *place)
        for place in zip(KINDS, names, offsets, lengths, digests, strict=True)
    ]


class _PlacedMember(ParsedMember):
    """A member that is being read where its place says.

    Attributes:
        place: Its place.
        kept: Its bytes, where they are wanted.
    """

    __slots__ = ("kept", "place")

    def __init__(self, place: MemberPlace) -> None:
        super().__init__(place.name, place.offset, place.length)
        self.place = place
        self.kept: bytearray | None = None if place.kind == "media" else bytearray()


class _PlaceComparer:
    """Takes a tar in pieces of whole blocks and compares each with what the places say."""

    def __init__(self, places: Sequence[MemberPlace]) -> None:
        self.faults: list[TarFault] = []
        self._places = iter(places)
        self._next = next(self._places, None)
        self._member: _PlacedMember | None = None
        self._end = places[-1].end if places else 0
        self.at = 0

    def feed(self, view: memoryview) -> Iterator[Piece]:
        """Compares the next piece."""
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
        """Says that there is no more: whatever has not come is cut."""
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
        """Compares what follows the last member: two blocks of zeros, and nothing."""
        expected = END[max(0, at - self._end) :]
        tail = bytes(found[: len(expected) + 1])
        if tail != expected[: len(tail)] and not any(fault.part == "end" for fault in self.faults):
            self.faults.append(TarFault(None, "end", at + first_difference(tail, expected)))


class TarComparison:
    """One pass over a tar: iterate over it, then look at what was found.

    Args:
        source: The tar, from its start; it is read once, forwards, to its end.
        places: Where its members must lie.

    Attributes:
        faults: What is not as it must be, in the tar's order; complete after the iteration.
        sha256: Digest of the whole tar, hex, after the iteration.
        size: Its length in bytes, likewise.
    """

    def __init__(self, source: BinaryIO, places: Sequence[MemberPlace]) -> None:
        self.faults: list[TarFault] = []
        self.sha256 = ""
        self.size = 0
        self._source = source
        self._places = places

    def __iter__(self) -> Iterator[tuple[MemberPlace, bytes]]:
        """Yields every text and JSON that came whole, and for every medium no bytes."""
        comparer = _PlaceComparer(self._places)
        with HashingTarReader(comparer, hash_tar=True) as reader:
            for member in reader.members(self._source):
                if not isinstance(member, _PlacedMember):
                    raise AssertionError("a walker makes placed parts alone")
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
