"""Finds ids that stand in several rows: their hashes are made, divided and sorted by processes.

Hashes are kept in memory that forked processes share, so that whoever screens the same rows need
not make them again.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa

from pipelines.catalogue.parts import Catalogue
from pipelines.catalogue.quick_read import read_quickly
from pipelines.rights.arrow import BoolArray
from pipelines.rights.text_hashes import WordArray, hash_column
from pipelines.storage.columns import Column

_Job = TypeVar("_Job")
_Done = TypeVar("_Done")

_BUCKET_BITS = 2  # as many top bits of a hash say which job compares it with others
_SKETCH_BITS = 20
_NONE = np.zeros(0, np.uint64)


class Run(Protocol):
    """Runs a function on many arguments, perhaps in other processes."""

    def __call__(self, work: Callable[[_Job], _Done], jobs: Iterable[_Job], /) -> Iterator[_Done]:
        """Yields the results, in any order."""
        ...


@dataclass(frozen=True)
class IdHashes:
    """Hashes of the ids of a catalogue's assets.

    Attributes:
        catalogue: The catalogue.
        secret: What ids are hashed by.
        shared: Memory that processes share, for one hash a row.
        starts: For each part, where its rows begin in it; None if its rows are not counted.
    """

    catalogue: Catalogue
    secret: bytes
    shared: WordArray
    starts: tuple[int | None, ...]

    def of_part(self, number: int) -> WordArray:
        """Returns the place of the hashes of a part."""
        start, rows = self.starts[number], self.catalogue.parts("assets")[number].rows
        return _NONE if start is None or rows is None else self.shared[start : start + rows]


@dataclass(frozen=True)
class Repeats:
    """Ids that stand in several rows, and what is known of the ids of all.

    Attributes:
        hashes: The hashes of such ids, sorted.
        known: Numbers of the parts whose ids are not odd, and whose hashes are all shared.
        sketch: For the top bits of a hash, whether one of `hashes` has them.
    """

    hashes: WordArray
    known: frozenset[int]
    sketch: BoolArray

    def where(self, hashes: WordArray) -> BoolArray:
        """Where a hash is one of them."""
        found = np.zeros(len(hashes), np.bool_)
        if len(self.hashes):
            rows = np.flatnonzero(self.sketch[hashes >> np.uint64(64 - _SKETCH_BITS)])
            at = np.searchsorted(self.hashes, hashes[rows])
            found[rows] = self.hashes[np.minimum(at, len(self.hashes) - 1)] == hashes[rows]
        return found


_shared: list[IdHashes] = []


def share_hashes(catalogue: Catalogue, secret: bytes) -> IdHashes:
    """Makes room for hashes. Processes that are forked from now on see it until `forget_hashes`."""
    starts: list[int | None] = []
    rows = 0
    for part in catalogue.parts("assets"):
        starts.append(None if part.rows is None else rows)
        rows += part.rows or 0
    words = np.frombuffer(mmap.mmap(-1, max(rows, 1) * 8), np.uint64)
    _shared[:] = [IdHashes(catalogue, secret, words, tuple(starts))]
    return _shared[0]


def forget_hashes() -> None:
    """Forgets the memory."""
    _shared.clear()


def find_repeats(run: Run, parts: int) -> Repeats:
    """Hashes all ids and finds those that stand in several rows.

    Args:
        run: What runs functions; its processes were forked after `share_hashes`.
        parts: How many parts there are.
    """
    others: list[WordArray] = []
    known = []
    for number, hashes in run(_hash_part, range(parts)):
        if hashes is None:
            known.append(number)
        else:
            others.append(hashes)
    other = np.concatenate([_NONE, *others])
    top = other >> np.uint64(64 - _BUCKET_BITS)
    buckets = range(1 << _BUCKET_BITS)
    jobs = [(bucket, sorted(known), other[top == bucket]) for bucket in buckets]
    found = np.sort(np.concatenate([_NONE, *run(_repeated_in, jobs)]))
    sketch = np.zeros(1 << _SKETCH_BITS, np.bool_)
    sketch[found >> np.uint64(64 - _SKETCH_BITS)] = True
    return Repeats(found, frozenset(known), sketch)


def _hash_part(number: int) -> tuple[int, WordArray | None]:
    """Hashes the ids of a part, those of failed assets included.

    Returns:
        The part's number, and the hashes; None if they are where the part has its place.
    """
    hashed = _shared[0]
    place = hashed.of_part(number)
    found = [_NONE]
    part = hashed.catalogue.parts("assets")[number]
    is_known, rows = True, 0
    for read in read_quickly(part, hashed.catalogue.mapping, ("asset_id",)):
        table = read if isinstance(read, pa.Table) else read.table
        hashes = hash_column(table.column("asset_id").combine_chunks(), hashed.secret)
        if not isinstance(read, pa.Table):
            is_known = False
            lost: Column = pa.array([row.asset_id for row in read.failed_rows], pa.string())
            found.append(hash_column(lost, hashed.secret))
        is_known = is_known and rows + len(hashes) <= len(place)
        if is_known:
            place[rows : rows + len(hashes)] = hashes
        found.append(hashes)
        rows += len(hashes)
    return number, None if is_known and rows == len(place) else np.concatenate(found)


def _repeated_in(job: tuple[int, Sequence[int], WordArray]) -> WordArray:
    """Returns the hashes with some top bits that are there more than once."""
    bucket, known, other = job
    hashed = _shared[0]
    chosen = [other]
    for number in known:
        hashes = hashed.of_part(number)
        chosen.append(hashes[hashes >> np.uint64(64 - _BUCKET_BITS) == bucket])
    ordered = np.concatenate(chosen)
    ordered.sort()
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
