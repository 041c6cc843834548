"""Builds Energon's index of a delivery from the shards' tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from pipelines.format.energon import (
    EnergonShard,
    SampleExtent,
    metadata_files,
    sample_database,
    tar_index,
)
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from schemas.layout import ENERGON

INDEX_DATABASE = f"{ENERGON}/index.sqlite"


_KINDS = ("media", "txt", "json")


_EXTENT_COLUMNS = [
    "key",
    "media_member",
    *(f"{kind}_{what}" for kind in _KINDS for what in ("offset", "length")),
]


def energon_files(
    store: Store, prefix: str, shards: Sequence[EnergonShard]
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yields every file of Energon's index: path relative to the delivery, and bytes in chunks.

    Args:
        store: The store with the shards' tables.
        prefix: Key prefix of the delivery in the store.
        shards: The shards, in any order.
    """
    ordered = sorted(shards, key=lambda shard: shard.path)
    for shard in ordered:
        yield f"{shard.path}.idx", iter([tar_index(_sample_extents(store, prefix, shard))])
    yield (
        INDEX_DATABASE,
        sample_database(_sample_extents(store, prefix, shard) for shard in ordered),
    )
    for path, data in metadata_files(ordered):
        yield path, iter([data])


def _sample_extents(store: Store, prefix: str, shard: EnergonShard) -> list[SampleExtent]:
    """Returns the positions of a shard's samples, from its table."""
    path = f"{shard.path.removesuffix('.tar')}.parquet"
    table: pa.Table = read_parquet(store, f"{prefix}/{path}" if prefix else path, _EXTENT_COLUMNS)
    found = []
    for row in table.to_pylist():
        ending = row["media_member"].partition(".")[2]
        parts = (
            (ending if kind == "media" else kind, row[f"{kind}_offset"], row[f"{kind}_length"])
            for kind in _KINDS
        )
        found.append(SampleExtent(row["key"], tuple(parts)))
    return found
