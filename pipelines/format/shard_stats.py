"""A shard's stats, in img2dataset's format."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


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
