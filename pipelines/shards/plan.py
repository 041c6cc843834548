"""The shard plan: which sample goes into which shard, settled before a byte is written.

A family (one kind of media file) is cut into ranges of the asset hash, as many as its bytes need;
a shard is a range, so that it touches few units. Ranges without a sample make no shard, and a range
that chance made too large is cut again. A sample that is larger than a shard should be is alone in
one: its neighbours need not be fetched with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pipelines.layout import HASH_BITS, shard_name
from pipelines.selection.dedupe import Candidate

# What a sample has besides its media: caption, JSON and three tar headers, generously.
_OVERHEAD_BYTES = 8_192
# By how much a shard may be larger than it should be, in halves of that.
_MOST_HALVES = 3


@dataclass(frozen=True)
class ShardSpec:
    """One shard to be written.

    Attributes:
        name: Base name, unique across deals.
        family: Extension of the media in it.
        index: Position among all shards of the delivery; numbers its embedding files.
    """

    name: str
    family: str
    index: int


@dataclass(frozen=True)
class PlannedShard:
    """A shard with its samples, in the order of the hash."""

    spec: ShardSpec
    samples: list[Candidate]


def plan_shards(deal_id: str, chosen: Sequence[Candidate], target_bytes: int) -> list[PlannedShard]:
    """Cuts the chosen assets into shards of about `target_bytes`.

    Args:
        deal_id: Names the shards.
        chosen: The assets.
        target_bytes: Size that a shard should have; a larger sample is alone in its shard.
    """
    families: dict[str, list[Candidate]] = defaultdict(list)
    for item in chosen:
        families[item.family].append(item)
    planned: list[PlannedShard] = []
    for family in sorted(families):
        for number, samples in enumerate(_cut(families[family], target_bytes)):
            name = shard_name(deal_id, family, number)
            spec = ShardSpec(name, family, len(planned))
            planned.append(PlannedShard(spec, samples))
    return planned


def _cut(items: Sequence[Candidate], target_bytes: int) -> list[list[Candidate]]:
    """A family's shards, in the order of their first sample's hash."""
    ordered = sorted(items, key=lambda item: item.hash)
    alone = [[item] for item in ordered if _size([item]) > target_bytes]
    others = [item for item in ordered if _size([item]) <= target_bytes]
    shards = [*alone, *_ranges(others, 0, 1 << HASH_BITS, target_bytes)]
    return sorted(shards, key=lambda samples: samples[0].hash)


def _ranges(
    items: list[Candidate], low: int, span: int, target_bytes: int
) -> Iterator[list[Candidate]]:
    """Cuts samples whose hashes lie in the `span` from `low` into equal ranges of hashes."""
    pieces = -(-_size(items) // target_bytes)
    for at, group in groupby(items, key=lambda item: (item.hash - low) * pieces // span):
        samples = list(group)
        start, end = -(-at * span // pieces), -(-(at + 1) * span // pieces)
        if 2 * _size(samples) > _MOST_HALVES * target_bytes and end - start > 1:
            yield from _ranges(samples, low + start, end - start, target_bytes)
        else:
            yield samples


def _size(samples: Sequence[Candidate]) -> int:
    return sum(item.bytes + _OVERHEAD_BYTES for item in samples)
