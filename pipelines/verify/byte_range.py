"""Reads one sample of a tar by its byte range, without the rest of the tar."""

from __future__ import annotations

import hashlib

from pipelines.format.tar import BLOCK, PADDINGS, header
from pipelines.format.tar_comparison import MemberPlace, places_of_row
from pipelines.format.tar_parser import first_difference
from pipelines.storage.store import Store
from schemas.shard_table import ShardRow

_PIECE_BYTES = 8 << 20  # requested at a time; bounds the memory


def read_sample(
    store: Store, tar: str, row: ShardRow
) -> tuple[int, list[tuple[str, str]], dict[str, bytes]]:
    """Reads a sample's members and compares every byte with the shard's table.

    Args:
        store: Holds the tar.
        tar: Its key.
        row: The sample's row of the shard's table.

    Returns:
        The number of bytes read; each faulty member with a description of its fault; and the bytes
        of the other members than the medium by extension (for the medium, empty bytes).
    """
    places = places_of_row(row)
    reader = _RangeReader(store, tar, places[0].offset - BLOCK, places[-1].end)
    faults: list[tuple[str, str]] = []
    members: dict[str, bytes] = {}
    for place in places:
        message, data = _check_member(reader, place)
        members[place.name.partition(".")[2]] = data
        if message:
            faults.append((place.name, message))
    return reader.bytes_read, faults, members


class _RangeReader:
    """A range of an object, read in order and requested in pieces."""

    def __init__(self, store: Store, key: str, start: int, end: int) -> None:
        self._store = store
        self._key = key
        self._position = start
        self._end = end
        self._piece = b""
        self._piece_offset = 0
        self.bytes_read = 0

    def take(self, size: int) -> bytes:
        """Returns the next bytes; fewer only if the object ends."""
        parts = []
        while size > 0:
            if self._piece_offset == len(self._piece):
                self._piece = self._fetch()
                self._piece_offset = 0
                if not self._piece:
                    break
            part = self._piece[self._piece_offset : self._piece_offset + size]
            self._piece_offset += len(part)
            size -= len(part)
            parts.append(part)
        data = b"".join(parts)
        self.bytes_read += len(data)
        return data

    def _fetch(self) -> bytes:
        size = min(_PIECE_BYTES, self._end - self._position)
        data = self._store.read_range(self._key, self._position, size) if size > 0 else b""
        self._position += len(data)
        return data


def _check_member(reader: _RangeReader, place: MemberPlace) -> tuple[str, bytes]:
    """Returns what is wrong with the next member, in one line, and its data if they are kept."""
    faults = []
    at = place.offset - BLOCK
    found, expected = reader.take(BLOCK), header(place.name, place.length)
    if len(found) < BLOCK:
        return f"missing or truncated: the tar ends at byte {at + len(found)}", b""
    if found != expected:
        faults.append(f"its header is wrong, at byte {at + first_difference(found, expected)}")
    digest, kept, remaining = hashlib.sha256(), [], place.length
    while remaining and (data := reader.take(min(remaining, _PIECE_BYTES))):
        digest.update(data)
        remaining -= len(data)
        if place.kind != "media":
            kept.append(data)
    last = place.offset + place.length - 1
    if remaining:
        end = place.offset + place.length - remaining
        faults.append(f"its data are truncated: the tar ends at byte {end}")
    elif digest.hexdigest() != place.sha256:
        faults.append(f"its data, bytes {place.offset} to {last}, do not match its sha256")
    zeros = reader.take(-place.length % BLOCK)
    if not remaining and zeros != PADDINGS[-place.length % BLOCK]:
        where = last + 1 + first_difference(zeros, PADDINGS[-place.length % BLOCK])
        faults.append(f"its padding is truncated or not zero, at byte {where}")
    return "; ".join(faults), b"".join(kept)
