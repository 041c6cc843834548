"""The shard plan: which sample goes into which shard, settled before a byte is written.

A family (one kind of media file) is cut into ranges of the asset hash, as many as its bytes need;
a shard is a range, so that it touches few units. Ranges without a sample make no shard.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from pipelines.layout import HASH_BITS, shard_name
from pipelines.selection.dedupe import Candidate

# What a sample has besides its media: caption, JSON and three tar headers, generously.
_OVERHEAD_BYTES = 8_192


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
        target_bytes: Size that a shard should have; a larger single sample has a larger shard.
    """
    families: dict[str, list[Candidate]] = defaultdict(list)
    for item in chosen:
        families[item.family].append(item)
    planned: list[PlannedShard] = []
    for family in sorted(families):
        items = sorted(families[family], key=lambda item: item.hash)
        total = sum(item.bytes + _OVERHEAD_BYTES for item in items)
        ranges = -(-total // target_bytes)
        cuts = groupby(items, key=lambda item: item.hash * ranges >> HASH_BITS)
        for number, (_, samples) in enumerate(cuts):
            name = shard_name(deal_id, family, number)
            spec = ShardSpec(name, family, len(planned))
            planned.append(PlannedShard(spec, list(samples)))
    return planned
