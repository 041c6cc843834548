"""Builds what is about a delivery as a whole from its shards' tables: loaders' indexes, samples.

The table of samples says where each sample is, and what its shard's table has of it. With it,
samples are found and filtered by reading columns of one file instead of opening every shard's
table, embeddings and shots.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.format.energon import SampleDatabase, extent_columns, metadata_files, tar_index
from pipelines.format.loader_files import dali_index, sizes_json
from pipelines.format.tar_comparison import REMOVED
from pipelines.storage.store import Store
from pipelines.storage.tables import open_parquet, read_parquet
from schemas import layout
from schemas.layout import ENERGON
from schemas.manifest import ShardRecord
from schemas.shard_table import SAMPLES_SCHEMA, samples_schema

INDEX_DATABASE = f"{ENERGON}/index.sqlite"
# Shards are joined to row groups of at least this many rows: one for each shard would make a footer
# that takes longer to read than the rows that are looked for.
_GROUP_ROWS = 16_384


class MixedTablesError(Exception):
    """Raised when the shards' tables do not have the same columns."""


class SampleIndex:
    """Makes the row groups of the table of all samples, shard by shard.

    Args:
        store: The store with the shards' tables of embeddings and shots.
        prefix: Key prefix of the delivery in the store.
        shards: The shards with their numbers, by which embeddings and shots are named.
        paths: Files of the delivery; not every shard has embeddings and shots.
        write: Called with each row group (SAMPLES_SCHEMA).
    """

    def __init__(
        self,
        store: Store,
        prefix: str,
        shards: Iterable[tuple[int, ShardRecord]],
        paths: Collection[str],
        write: Callable[[pa.Table], None],
    ) -> None:
        self._place = store, prefix
        self._numbers = {shard.name: index for index, shard in shards}
        self._paths = paths
        self._write = write
        self._waiting: list[pa.Table] = []

    def add(self, shard: ShardRecord, table: pa.Table) -> None:
        """Adds a shard's table (SHARD_TABLE_SCHEMA, or that of an earlier release).

        Raises:
            MixedTablesError: If it has other columns than those before.
        """
        index = self._numbers[shard.name]
        rows = sample_rows(*self._place, index, table, self._paths)
        if self._waiting and not rows.schema.equals(self._waiting[0].schema):
            raise MixedTablesError(shard.name)
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= _GROUP_ROWS:
            self._flush()

    def finish(self) -> None:
        """Writes what is left, when all shards were added."""
        if self._waiting:
            self._flush()

    def _flush(self) -> None:
        self._write(pa.concat_tables(self._waiting).combine_chunks())
        self._waiting = []


def index_files(
    store: Store,
    prefix: str,
    shards: Sequence[ShardRecord],
    samples: SampleIndex | None,
    loaders: bool = True,
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yields every index of loaders: path relative to the delivery, and bytes in chunks.

    The bytes must be read before the next file is requested. Each shard's table is read once, for
    all indexes, in the order of the tars' paths.

    Args:
        store: The store with the shards' tables.
        prefix: Key prefix of the delivery in the store.
        shards: The shards, in any order.
        samples: The table of samples, which is complete when the last file was yielded; None where
            there is no such table.
        loaders: Whether there are DALI's indexes, sizes and media metadata as well, which are not
            in deliveries of FORMAT_VERSION 10.
    """
    ordered = sorted(shards, key=lambda shard: layout.tar_path(shard.name))
    with SampleDatabase(media=loaders) as database:
        for shard in ordered:
            rows = _read(store, prefix, layout.shard_table_path(shard.name))
            if samples is not None:
                samples.add(shard, rows)
            left = rows.filter(pc.not_equal(rows["status"], pa.scalar(REMOVED)))
            extents = left.select(extent_columns(left.column_names))
            database.add_shard(extents)
            yield layout.tar_index_path(shard.name), iter([tar_index(extents)])
            if loaders:
                database.add_media(left)
                yield layout.dali_index_path(shard.name), iter([dali_index(extents)])
        yield INDEX_DATABASE, database.content()
    if loaders:
        yield layout.SIZES, iter([sizes_json(ordered)])
    for path, data in metadata_files(ordered):
        yield path, iter([data])
    if samples is not None:
        samples.finish()


def samples_of_shard(
    store: Store, prefix: str, index: int, shard: ShardRecord, paths: Collection[str]
) -> pa.Table:
    """Reads a shard's table and returns its rows as `sample_rows` does."""
    table = _read(store, prefix, layout.shard_table_path(shard.name))
    return sample_rows(store, prefix, index, table, paths)


def sample_rows(
    store: Store, prefix: str, index: int, table: pa.Table, paths: Collection[str]
) -> pa.Table:
    """Returns a shard's rows of the table of all samples (schemas.shard_table.samples_schema).

    Args:
        store: The store with the shard's tables of embeddings and shots.
        prefix: Key prefix of the delivery in the store.
        index: The shard's number, by which its embeddings are named.
        table: The shard's table (SHARD_TABLE_SCHEMA, or that of an earlier release).
        paths: Files of the delivery; not every shard has embeddings and shots.
    """
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
        **{name: table[name] for name in table.column_names},
        "shard_index": pa.repeat(pa.scalar(index, pa.int32()), len(table)),
        "embedding_row": pc.index_in(keys, embedded),
        "first_shot_row": pc.index_in(keys, shots),
        "shots": pc.fill_null(counts, pa.scalar(0, pa.int64())).cast(pa.int32()),
    }
    return pa.table(columns, schema=samples_schema(table.schema))


@contextmanager
def open_samples(
    store: Store,
    prefix: str,
    shards: Iterable[tuple[int, ShardRecord]],
    paths: Collection[str],
    schema: pa.Schema = SAMPLES_SCHEMA,
) -> Iterator[SampleIndex]:
    """Writes the table of all samples of a delivery, which has the columns `schema`.

    See `SampleIndex` for the other arguments.
    """
    with open_parquet(store, f"{prefix}/{layout.SAMPLES_TABLE}", schema) as write:
        yield SampleIndex(store, prefix, shards, paths, write)


def _read(store: Store, prefix: str, path: str, columns: list[str] | None = None) -> pa.Table:
    return read_parquet(store, f"{prefix}/{path}" if prefix else path, columns)
