"""Describes what is wrong with a damaged tar, member by member, by rereading the faulty places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import BinaryIO

from pipelines.format.tar import BLOCK, END
from pipelines.format.tar_comparison import MemberPlace, TarFault
from pipelines.format.tar_parser import TarError, field_at, parse_header

MAX_MEMBER_PROBLEMS = 20  # per tar; further problems are only counted
_READ_BYTES = 1 << 20
_MAGIC = b"ustar\x0000"
_MAGIC_AT = 257
_MISSING = "missing: "
_ZEROS = bytes(BLOCK)


@dataclass(frozen=True)
class MemberProblem:
    """What is wrong with one member.

    Attributes:
        key: Key of its sample; empty if the problem is not in a member.
        member: Its name; likewise.
        message: What is wrong, and at which byte of the tar.
    """

    key: str
    member: str
    message: str


def pinpoint(
    source: BinaryIO, places: Sequence[MemberPlace], faults: Sequence[TarFault], size: int
) -> list[MemberProblem]:
    """Describes each faulty member; beyond `MAX_MEMBER_PROBLEMS` they are only counted.

    Args:
        source: The tar, seekable. All of it is read again if a header is wrong, since the member
            may be elsewhere; otherwise only the faulty members are.
        places: Where its members must be.
        faults: The faults that `TarComparison` found.
        size: Length of the tar in bytes.
    """
    grouped = [
        (place, list(member_faults))
        for place, member_faults in groupby(faults, key=lambda fault: fault.place)
    ]
    found: dict[str, list[int]] = {}
    if any(fault.part in ("header", "end") for fault in faults):
        found = _find_members(source, {place.name for place in places})
    damaged_tar = _DamagedTar(source, {place.name for place in places}, found, size)
    problems = [
        damaged_tar.describe(place, member_faults)
        for place, member_faults in grouped[:MAX_MEMBER_PROBLEMS]
    ]
    more = [place for place, _ in grouped[MAX_MEMBER_PROBLEMS:] if place is not None]
    if more:
        keys = len({place.key for place in more})
        text = f"{len(more):,} more members of {keys:,} keys are wrong, first {more[0].name}"
        problems.append(MemberProblem("", "", text))
    return problems


@dataclass(frozen=True)
class _DamagedTar:
    """A damaged tar that is being examined.

    Attributes:
        source: The tar.
        names: Names of its members.
        found: By name, offsets of the data after each header that was found for it.
        size: Length of the tar in bytes.
    """

    source: BinaryIO
    names: set[str]
    found: dict[str, list[int]]
    size: int

    def describe(self, place: MemberPlace | None, faults: Sequence[TarFault]) -> MemberProblem:
        """Describes what is wrong with one member, or with what follows the last."""
        if place is None:
            [fault] = faults
            if fault.cut:
                text = f"truncated: it ends at byte {self.size}, without two zero blocks at its end"
            else:
                text = f"what follows the last member is not two zero blocks, at byte {fault.at}"
            return MemberProblem("", "", text)
        fault_by_part = {fault.part: fault for fault in faults}
        parts = []
        if "header" in fault_by_part:
            parts.append(self._header(place, fault_by_part["header"], "data" in fault_by_part))
            if parts[0].startswith(_MISSING) or self._other_offsets(place):
                return MemberProblem(place.key, place.name, parts[0])
        if "data" in fault_by_part:
            parts.append(self._data(place, fault_by_part["data"]))
        if "padding" in fault_by_part:
            fault = fault_by_part["padding"]
            fate = "is truncated" if fault.cut else "is not zero"
            parts.append(f"its padding {fate}, at byte {fault.at}")
        return MemberProblem(place.key, place.name, "; ".join(filter(None, parts)))

    def _header(self, place: MemberPlace, fault: TarFault, data_too: bool) -> str:
        at = place.offset - BLOCK
        other_offsets = self._other_offsets(place)
        lies = f"; it was found at byte {other_offsets[0]}" if other_offsets else ""
        if fault.cut:
            inside = "before" if self.size <= at else "within"
            where = f"the tar ends at byte {self.size}, {inside} its header at byte {at}"
            return (f"not in its place: {where}" if lies else f"{_MISSING}{where}") + lies
        block = self._read(at, BLOCK)
        if block == _ZEROS and self.size < place.end + len(END):
            where = f"zeros at byte {at}, where its header is expected"
            return f"{_MISSING}{where}, and the tar ends at byte {self.size}{lies}"
        if block == _ZEROS:
            return f"its header is all zeros, at byte {at}{lies}"
        try:
            name, length = parse_header(block, at)
        except TarError:
            field = field_at(fault.at - at)
            return f"its header is wrong in its {field}, at byte {fault.at}{lies}"
        if name == place.name:
            return f"its header at byte {at} says {length:,} bytes, expected {place.length:,}"
        known = "" if name in self.names else ", which is not in this shard's table"
        lost = "" if lies or not data_too else _MISSING
        return f"{lost}in its place at byte {at} is {name}{known}{lies}"

    def _data(self, place: MemberPlace, fault: TarFault) -> str:
        last = place.offset + place.length - 1
        where = f"its data, bytes {place.offset} to {last},"
        if fault.cut:
            return f"{where} are truncated: the tar ends at byte {self.size}"
        holes = list(self._holes(place))
        if not holes:
            return f"{where} do not match its sha256"
        first, end = max(holes, key=lambda hole: hole[1] - hole[0])
        total = sum(stop - start for start, stop in holes)
        more = f", {total:,} zeros in all" if len(holes) > 1 else ""
        return f"{where} contain a run of zeros, bytes {first} to {end - 1}{more}"

    def _other_offsets(self, place: MemberPlace) -> list[int]:
        return [at for at in self.found.get(place.name, ()) if at != place.offset]

    def _holes(self, place: MemberPlace) -> Iterator[tuple[int, int]]:
        """Yields runs of zero blocks in a member's data: first byte, and the one after the last."""
        start = at = place.offset
        end = place.offset + place.length
        self.source.seek(at)
        while at < end:
            data = self.source.read(min(_READ_BYTES, end - at))
            if not data:
                break
            for position in range(0, len(data), BLOCK):
                block = data[position : position + BLOCK]
                if block != _ZEROS[: len(block)]:
                    if start < at + position:
                        yield start, at + position
                    start = at + position + len(block)
            at += len(data)
        if start < at:
            yield start, at

    def _read(self, at: int, size: int) -> bytes:
        self.source.seek(at)
        return self.source.read(size)


def _find_members(source: BinaryIO, names: set[str]) -> dict[str, list[int]]:
    """Finds headers of these members, aligned or not: offsets of the data after them, by name."""
    found: dict[str, list[int]] = {}
    source.seek(0)
    kept, start = b"", 0  # the end of what was read, and its offset
    while data := source.read(_READ_BYTES):
        kept += data
        position = kept.find(_MAGIC)
        while position >= 0:
            at = position - _MAGIC_AT
            if at >= 0 and at + BLOCK <= len(kept):
                try:
                    name, _ = parse_header(kept[at : at + BLOCK], start + at)
                except TarError:
                    name = ""
                if name in names and start + at + BLOCK not in found.get(name, ()):
                    found.setdefault(name, []).append(start + at + BLOCK)
            position = kept.find(_MAGIC, position + 1)
        # An incomplete header is found again with the next read.
        drop = max(0, len(kept) - BLOCK)
        kept, start = kept[drop:], start + drop
    return found
