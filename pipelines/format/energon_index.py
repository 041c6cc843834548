"""Builds Energon's index of a delivery from the shards' tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.format.energon import EXTENT_COLUMNS, SampleDatabase, metadata_files, tar_index
from pipelines.format.tar_comparison import REMOVED
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from schemas import layout
from schemas.layout import ENERGON
from schemas.manifest import ShardRecord

INDEX_DATABASE = f"{ENERGON}/index.sqlite"


def energon_files(
    store: Store, prefix: str, shards: Sequence[ShardRecord]
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yields every file of Energon's index: path relative to the delivery, and bytes in chunks.

    The bytes must be read before the next file is requested. Each shard's table is read once.

    Args:
        store: The store with the shards' tables.
        prefix: Key prefix of the delivery in the store.
        shards: The shards, in any order.
    """
    ordered = sorted(shards, key=lambda shard: layout.tar_path(shard.name))
    with SampleDatabase() as database:
        for shard in ordered:
            path = layout.shard_table_path(shard.name)
            key = f"{prefix}/{path}" if prefix else path
            rows = read_parquet(store, key, [*EXTENT_COLUMNS, "status"])
            extents = rows.filter(pc.not_equal(rows["status"], pa.scalar(REMOVED)))
            database.add_shard(extents)
            yield layout.tar_index_path(shard.name), iter([tar_index(extents)])
        yield INDEX_DATABASE, database.content()
    for path, data in metadata_files(ordered):
        yield path, iter([data])
