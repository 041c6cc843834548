"""Makes small files that tell loaders of a delivery's samples without reading its tars.

`shards/sizes.json` has the samples of each tar, as open_clip's trainer and webdataset's tools read
it. `shards/<shard>.idx` is NVIDIA DALI's index of a tar, as its `wds2idx` writes it.
`shards/<shard>_stats.json` has a shard's numbers in img2dataset's format. Samples that were removed
are in none of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.format.energon import member_places
from pipelines.storage.tables import json_bytes
from schemas import layout
from schemas.manifest import ShardRecord

_DALI_VERSION = "v1.2"


def sizes_json(shards: Sequence[ShardRecord]) -> bytes:
    """Returns `sizes.json`: how many samples each tar has, by its base name."""
    counts = {layout.tar_path(shard.name).rpartition("/")[2]: shard.samples for shard in shards}
    return json_bytes(counts)


def dali_index(extents: pa.Table) -> bytes:
    """Returns DALI's index of a tar: one line a sample, with what follows for each member.

    It is the extension, the data's offset and length in bytes, and the name.

    Args:
        extents: The columns `extent_columns` of the shard's table, in the order of its tar.
    """
    lines = [[] for _ in range(len(extents))]  # type: list[list[str]]
    keys = extents["key"].to_pylist()
    for at, extension, offset, length in member_places(extents):
        lines[at].append(f"{extension} {offset} {length} {keys[at]}.{extension}")
    text = "".join(f"{' '.join(line)}\n" for line in lines)
    return f"{_DALI_VERSION} {len(lines)}\n{text}".encode("ascii")


def shard_stats(table: pa.Table, tar_bytes: int) -> dict[str, object]:
    """Returns a shard's stats in img2dataset's format, without durations, to be reproducible."""
    return stats_of(len(table), pc.sum(table["media_length"], min_count=0).as_py(), tar_bytes)


def stats_of(samples: int, media_bytes: int, tar_bytes: int) -> dict[str, object]:
    """Returns a shard's stats by its numbers; see `shard_stats`."""
    return {
        "count": samples,
        "successes": samples,
        "failed_to_download": 0,
        "failed_to_resize": 0,
        "status_dict": {"success": samples},
        "bytes": tar_bytes,
        "media_bytes": media_bytes,
    }
