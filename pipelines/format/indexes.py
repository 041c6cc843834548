"""Builds what is about a delivery as a whole from its shards' tables: Energon's index, all samples.

The table of samples says where each sample is, and what its shard's table has of it. With it,
samples are found and filtered by reading columns of one file instead of opening every shard's
table, embeddings and shots.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.format.energon import EXTENT_COLUMNS, SampleDatabase, metadata_files, tar_index
from pipelines.format.tar_comparison import REMOVED
from pipelines.storage.store import Store
from pipelines.storage.tables import open_parquet, read_parquet
from schemas import layout
from schemas.layout import ENERGON
from schemas.manifest import ShardRecord
from schemas.shard_table import SAMPLES_SCHEMA, SHARD_TABLE_SCHEMA

INDEX_DATABASE = f"{ENERGON}/index.sqlite"
# Shards are joined to row groups of at least this many rows: one for each shard would make a footer
# that takes longer to read than the rows that are looked for.
_GROUP_ROWS = 16_384


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


def samples_of_shard(
    store: Store, prefix: str, index: int, shard: ShardRecord, paths: Collection[str]
) -> pa.Table:
    """Returns a shard's rows of the table of all samples (SAMPLES_SCHEMA).

    Args:
        store: The store with the shard's tables.
        prefix: Key prefix of the delivery in the store.
        index: The shard's number, by which its embeddings are named.
        shard: The shard.
        paths: Files of the delivery; not every shard has embeddings and shots.
    """
    table = _read(store, prefix, layout.shard_table_path(shard.name), SHARD_TABLE_SCHEMA.names)
    keys = table["key"].combine_chunks()
    embedded, shots = (
        _read(store, prefix, path, ["key"])["key"].combine_chunks()
        if path in paths
        else pa.array([], pa.string())
        for path in (layout.metadata_path(index), layout.shots_path(index))
    )
    counted = pc.value_counts(shots)
    counts = counted.field("counts").take(pc.index_in(keys, counted.field("values")))
    columns = {
        **{name: table[name] for name in SHARD_TABLE_SCHEMA.names},
        "shard_index": pa.repeat(pa.scalar(index, pa.int32()), len(table)),
        "embedding_row": pc.index_in(keys, embedded),
        "first_shot_row": pc.index_in(keys, shots),
        "shots": pc.fill_null(counts, pa.scalar(0, pa.int64())).cast(pa.int32()),
    }
    return pa.table(columns, schema=SAMPLES_SCHEMA)


def sample_groups(
    store: Store, prefix: str, shards: Iterable[tuple[int, ShardRecord]], paths: Collection[str]
) -> Iterator[pa.Table]:
    """Yields the row groups of the table of all samples.

    Args:
        store: The store with the shards' tables.
        prefix: Key prefix of the delivery in the store.
        shards: The shards in the delivery's order, with their numbers.
        paths: Files of the delivery.
    """
    waiting: list[pa.Table] = []
    for index, shard in shards:
        waiting.append(samples_of_shard(store, prefix, index, shard, paths))
        if sum(map(len, waiting)) >= _GROUP_ROWS:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def write_samples(
    store: Store, prefix: str, shards: Iterable[tuple[int, ShardRecord]], paths: Collection[str]
) -> None:
    """Writes the table of all samples of a delivery; see `sample_groups`."""
    with open_parquet(store, f"{prefix}/{layout.SAMPLES_TABLE}", SAMPLES_SCHEMA) as write:
        for group in sample_groups(store, prefix, shards, paths):
            write(group)


def _read(store: Store, prefix: str, path: str, columns: list[str]) -> pa.Table:
    return read_parquet(store, f"{prefix}/{path}" if prefix else path, columns)
