"""Plans which sample goes into which shard, before anything is written.

A family (one kind of media file), or its part for validation, is cut into as many ranges of the
asset hash as its bytes need; a shard is one range, so that it reads few units. Ranges without a
sample make no shard, and a range that is too large by chance is cut again. A sample larger than the
target size gets a shard of its own, so that its neighbours need not be fetched with it. If a deal
asks for equal counts, the ranges have equally many samples instead, whatever their sizes are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.run.receipts import ShardSpec
from pipelines.selection.perceptual_index import Indices
from pipelines.storage.columns import values_of
from schemas.layout import HASH_BITS, shard_name
from schemas.shard_table import SPLITS

# Generous estimate of a sample's bytes other than its media: caption, JSON and three tar headers.
_OVERHEAD_BYTES = 8_192
# By how much a shard may exceed its target size, in halves of the target.
_MAX_HALVES = 3


@dataclass(frozen=True)
class PlannedShard:
    """A shard with its samples.

    Attributes:
        spec: The shard's name, family and index.
        rows: Indices of its samples among the chosen assets, in the order of the hash.
    """

    spec: ShardSpec
    rows: Indices


@dataclass(frozen=True)
class _Members:
    """The assets of a family and split, in the order of their hashes.

    Attributes:
        hashes: Their hashes.
        sizes: Their samples' sizes in bytes.
    """

    hashes: npt.NDArray[np.uint64]
    sizes: npt.NDArray[np.int64]


def plan_shards(
    deal_id: str,
    chosen: pa.Table,
    target_bytes: int,
    min_shards: int = 1,
    equal_counts: bool = False,
) -> list[PlannedShard]:
    """Cuts the chosen assets into shards of about `target_bytes`.

    Args:
        deal_id: The deal's id, part of the shards' names.
        chosen: The assets, in any order: the columns hash, family and bytes. With a column split,
            no shard has assets of two splits; without it, all are for training.
        target_bytes: Target size of a shard; a larger sample gets a shard of its own.
        min_shards: Least number of shards of each family and split that has so many assets.
        equal_counts: Whether the shards of a family and split have equally many assets, or one
            more, and their number is a multiple of `min_shards`.
    """
    cut = _cut_equally if equal_counts else _cut_at_least
    planned: list[PlannedShard] = []
    hashes = chosen["hash"].to_numpy()
    sizes = chosen["bytes"].to_numpy() + _OVERHEAD_BYTES
    for family in sorted(values_of(pc.unique(chosen["family"]), str)):
        for split in SPLITS:
            of_both = _is_in(chosen, family, split).to_numpy(zero_copy_only=False)
            rows = np.flatnonzero(of_both)
            rows = rows[np.argsort(hashes[rows], kind="stable")]
            members = _Members(hashes[rows], sizes[rows])
            for number, indices in enumerate(cut(members, target_bytes, min_shards)):
                name = shard_name(deal_id, family, number, split)
                planned.append(PlannedShard(ShardSpec(name, family, len(planned)), rows[indices]))
    return planned


def _is_in(chosen: pa.Table, family: str, split: str) -> pa.BooleanArray:
    of_family = pc.equal(chosen["family"], pa.scalar(family))
    if "split" in chosen.column_names:
        return pc.and_(of_family, pc.equal(chosen["split"], pa.scalar(split)))
    return of_family if split == "train" else pc.and_not(of_family, of_family)


def _cut_equally(members: _Members, target_bytes: int, min_shards: int) -> list[Indices]:
    """Returns the row indices of each shard, so that all have equally many, or one more."""
    cumulative, rows = np.concatenate([[0], np.cumsum(members.sizes)]), len(members.sizes)
    pieces = -(-max(1, -(-int(cumulative[-1]) // target_bytes)) // min_shards) * min_shards
    while True:
        borders = np.arange(min(pieces, rows) + 1) * rows // max(1, min(pieces, rows))
        several = np.diff(borders) > 1
        too_large = 2 * np.diff(cumulative[borders]) > _MAX_HALVES * target_bytes
        if pieces >= rows or not (several & too_large).any():
            break
        pieces += -(-max(1, pieces // 8) // min_shards) * min_shards
    everyone = np.arange(rows, dtype=np.intp)
    return [everyone[first:end] for first, end in pairwise(borders.tolist())]


def _cut_at_least(members: _Members, target_bytes: int, min_shards: int) -> list[Indices]:
    """Returns the row indices of each shard, of which there are at least `min_shards`."""
    wanted = min(min_shards, len(members.sizes))
    if wanted > 1:
        total = int(members.sizes.sum())
        target_bytes = max(1, min(target_bytes, total // wanted))
    while len(shards := _cut(members, target_bytes)) < wanted and target_bytes > 1:
        target_bytes = target_bytes * 3 // 4
    return shards


def _cut(members: _Members, target_bytes: int) -> list[Indices]:
    """Returns the row indices of each of a family's shards, ordered by first sample's hash."""
    sizes = members.sizes
    oversized, others = np.flatnonzero(sizes > target_bytes), np.flatnonzero(sizes <= target_bytes)
    ranges = _Ranges(members.hashes[others], sizes[others], target_bytes)
    shards = [oversized[at : at + 1] for at in range(len(oversized))]
    shards += [others[first:end] for first, end in ranges.cut(0, len(others), 0, 1 << HASH_BITS)]
    return sorted(shards, key=lambda indices: int(indices[0]))


class _Ranges:
    """Cuts samples in the order of their hashes into ranges of hashes.

    Args:
        hashes: The samples' hashes, ascending.
        sizes: The samples' sizes in bytes.
        target_bytes: Target size of a range's samples.
    """

    def __init__(
        self, hashes: npt.NDArray[np.uint64], sizes: npt.NDArray[np.int64], target_bytes: int
    ) -> None:
        self._hashes = hashes
        self._cumulative_bytes = np.concatenate([[0], np.cumsum(sizes)])
        self._target_bytes = target_bytes

    def cut(self, first: int, end: int, low: int, span: int) -> Iterator[tuple[int, int]]:
        """Cuts the samples `first` to `end`, whose hashes lie in the `span` from `low`."""
        pieces = -(-self._size(first, end) // self._target_bytes)
        while first < end:
            at = (int(self._hashes[first]) - low) * pieces // span
            start, stop = -(-at * span // pieces), -(-(at + 1) * span // pieces)
            # Search for the range's last hash, since the one after it may overflow the type.
            last = np.uint64(low + stop - 1)
            beyond = int(np.searchsorted(self._hashes[first:end], last, side="right")) + first
            size = self._size(first, beyond)
            if 2 * size > _MAX_HALVES * self._target_bytes and stop - start > 1:
                yield from self.cut(first, beyond, low + start, stop - start)
            else:
                yield first, beyond
            first = beyond

    def _size(self, first: int, end: int) -> int:
        return int(self._cumulative_bytes[end] - self._cumulative_bytes[first])
