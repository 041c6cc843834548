"""Finds everything that a delivery has of an asset: shards, keys, byte ranges and table rows.

The agency's ledger has the assets and contributors of a delivery with their shards; the shards'
tables have the places in the tars. Only the tables of the shards concerned are read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.accounts.ledgers import open_ledger
from pipelines.format.manifest import numbered_shards, open_manifest
from pipelines.format.tar_comparison import MemberPlace, places_of_row
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from schemas import layout
from schemas.manifest import Manifest, ShardRecord
from schemas.shard_table import ShardRow

_NAMES = ("asset_id", "contributor_id", "media_sha256")
_LEDGER_COLUMNS = ("asset_id", "contributor_id", "shard", "asset_commitment")
_ROW_COLUMNS = [
    "key",
    "asset",
    "status",
    *("media_member", "media_offset", "media_length", "media_sha256"),
    *("txt_offset", "txt_length", "txt_sha256", "json_offset", "json_length", "json_sha256"),
]


@dataclass(frozen=True)
class FoundSample:
    """One sample of an asset in a delivery.

    Attributes:
        asset_id: The agency's id of the asset; `contributors`: those of its contributors, sorted.
        asset_commitment: How the buyer knows the asset, hex.
        shard: Base name of its shard; `shard_sha256`: digest of the tar.
        key: Its key.
        row: Its row in the shard's table, from 0.
        members: Its members with their bytes' offsets and lengths in the tar.
        index: The shard's number, by which files of embeddings are named.
        embedding_row: Its row in the embeddings and their metadata, or None if it has none.
        shot_rows: Its rows in the table of shots.
        media_sha256: Digest of its file as delivered, hex.
    """

    asset_id: str
    contributors: tuple[str, ...]
    asset_commitment: str
    shard: str
    shard_sha256: str
    key: str
    row: int
    members: tuple[MemberPlace, ...]
    index: int
    embedding_row: int | None
    shot_rows: tuple[int, ...]
    media_sha256: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """The delivery's files that hold something of the sample, besides indexes of the whole."""
        tables = [layout.tar_path(self.shard), layout.shard_table_path(self.shard)]
        if self.embedding_row is not None:
            tables += [
                layout.image_embeddings_path(self.index),
                layout.text_embeddings_path(self.index),
                layout.metadata_path(self.index),
            ]
        if self.shot_rows:
            tables.append(layout.shots_path(self.index))
        return tuple(tables)


@dataclass(frozen=True)
class _Asset:
    asset_id: str
    contributors: tuple[str, ...]
    commitment: str


class LedgerIndex:
    """What of a version's ledger tells which assets to look for; the rest is read where it matters.

    It is not compared with the signed log, which takes far longer: whoever decides by what is found
    calls `check_ledgers` as well.

    Args:
        store: The output store.
        deal_id: The deal.
        version: Its version.

    Raises:
        RunError: If the ledger is missing or cannot be read.
    """

    def __init__(self, store: Store, deal_id: str, version: str) -> None:
        self._place = store, deal_id, version
        self._columns = self._read(_NAMES)

    def _read(self, names: Sequence[str], groups: list[int] | None = None) -> pa.Table:
        with open_ledger(*self._place) as file:
            if groups is None:
                return file.read(list(names))
            return file.read_row_groups(groups, list(names))

    def media_of(self, asset_ids: Collection[str], contributor_ids: Collection[str]) -> set[str]:
        """Returns the digests of the files of assets, and of contributors' assets."""
        chosen = _is_chosen(self._columns, asset_ids, contributor_ids)
        return set(values_of(self._columns["media_sha256"].filter(chosen), str))

    def assets(
        self,
        asset_ids: Collection[str],
        contributor_ids: Collection[str],
        media: Collection[str],
    ) -> dict[str, dict[str, _Asset]]:
        """Returns the chosen assets by shard and commitment."""
        chosen = _is_chosen(self._columns, asset_ids, contributor_ids)
        chosen = pc.or_(chosen, _is_in(self._columns["media_sha256"], media))
        rows = values_of(pc.indices_nonzero(chosen), int)
        contributors = defaultdict(set)
        entries = self._rows(rows)
        for row in entries:
            contributors[row["asset_id"]].add(row["contributor_id"])
        found: dict[str, dict[str, _Asset]] = defaultdict(dict)
        for row in entries:
            people = tuple(sorted(contributors[row["asset_id"]]))
            asset = _Asset(row["asset_id"], people, row["asset_commitment"])
            found[row["shard"]][asset.commitment] = asset
        return found

    def _rows(self, rows: Sequence[int]) -> list[dict[str, str]]:
        """Returns rows of the ledger; only the row groups that have them are read."""
        if not rows:
            return []
        with open_ledger(*self._place) as file:
            sizes = [
                file.metadata.row_group(group).num_rows
                for group in range(file.metadata.num_row_groups)
            ]
        starts = np.cumsum([0, *sizes])
        group_of = np.searchsorted(starts, np.asarray(rows), side="right") - 1
        groups = sorted({int(group) for group in group_of})
        offsets = dict(
            zip(groups, np.cumsum([0, *(sizes[group] for group in groups)]), strict=False)
        )
        inside = [
            int(offsets[int(group)] + row - starts[group])
            for row, group in zip(rows, group_of, strict=True)
        ]
        table = self._read(_LEDGER_COLUMNS, groups).take(pa.array(inside, pa.int64()))
        return cast(list[dict[str, str]], table.to_pylist())


def locate(
    store: Store,
    deal_id: str,
    version: str,
    asset_ids: Collection[str] = (),
    contributor_ids: Collection[str] = (),
    media: Collection[str] = (),
    ledger: LedgerIndex | None = None,
) -> list[FoundSample]:
    """Finds the samples of assets, contributors' assets and files in a published delivery.

    Args:
        store: The output store.
        deal_id: The deal.
        version: Its version.
        asset_ids: Assets to find; those that the delivery does not have are left out.
        contributor_ids: Contributors, all of whose assets are found.
        media: Digests of files, hex: every asset with such a file is found.
        ledger: The version's ledger, if it was opened before.

    Returns:
        The samples in the order of the delivery's shards and of their rows.

    Raises:
        FileNotFoundError: If the version has no manifest or table of a shard.
        ManifestError: If the manifest cannot be read.
        RunError: If the ledger is missing or cannot be read.
    """
    delivery = layout.delivery_prefix(deal_id, version)
    manifest = open_manifest(store.read_bytes(f"{delivery}/{layout.MANIFEST}"))
    ledger = ledger or LedgerIndex(store, deal_id, version)
    found = ledger.assets(asset_ids, contributor_ids, media)
    return [
        sample
        for index, shard in numbered_shards(manifest)
        if shard.name in found
        for sample in _samples(store, delivery, manifest, index, shard, found[shard.name])
    ]


def _is_chosen(
    entries: pa.Table, asset_ids: Collection[str], contributor_ids: Collection[str]
) -> pa.BooleanArray:
    """Returns which entries are of the assets, or of assets that have one of the contributors."""
    chosen = _is_in(entries["asset_id"], asset_ids)
    if not contributor_ids:
        return chosen
    theirs = entries["asset_id"].filter(_is_in(entries["contributor_id"], contributor_ids))
    return pc.or_(chosen, pc.is_in(entries["asset_id"], theirs.combine_chunks()))


def _is_in(column: pa.ChunkedArray[pa.StringScalar], values: Collection[str]) -> pa.BooleanArray:
    return pc.is_in(column, pa.array(sorted(values), pa.string()))


def _samples(
    store: Store,
    delivery: str,
    manifest: Manifest,
    index: int,
    shard: ShardRecord,
    assets: dict[str, _Asset],
) -> Iterator[FoundSample]:
    """Yields the samples of assets in one shard."""
    table = read_parquet(store, f"{delivery}/{layout.shard_table_path(shard.name)}", _ROW_COLUMNS)
    wanted = pc.is_in(table["asset"], pa.array(list(assets), pa.string()))
    rows = pc.indices_nonzero(wanted)
    keys = table["key"].take(rows)
    embedded = _rows_by_key(store, delivery, layout.metadata_path(index), manifest, keys)
    shots = _rows_by_key(store, delivery, layout.shots_path(index), manifest, keys)
    for row, values in zip(values_of(rows, int), table.take(rows).to_pylist(), strict=True):
        asset = assets[values["asset"]]
        embedding_rows = embedded.get(values["key"], [])
        yield FoundSample(
            asset_id=asset.asset_id,
            contributors=asset.contributors,
            asset_commitment=asset.commitment,
            shard=shard.name,
            shard_sha256=shard.sha256,
            key=values["key"],
            row=row,
            members=tuple(places_of_row(cast(ShardRow, values))),
            index=index,
            embedding_row=embedding_rows[0] if embedding_rows else None,
            shot_rows=tuple(shots.get(values["key"], [])),
            media_sha256=values["media_sha256"],
        )


def _rows_by_key(
    store: Store,
    delivery: str,
    path: str,
    manifest: Manifest,
    wanted: pa.ChunkedArray[pa.StringScalar],
) -> dict[str, list[int]]:
    """Returns the rows of keys in a table that not every shard has."""
    if not len(wanted) or all(file.path != path for file in manifest.files):
        return {}
    keys = read_parquet(store, f"{delivery}/{path}", ["key"])["key"]
    rows = pc.indices_nonzero(pc.is_in(keys, wanted.combine_chunks()))
    found: dict[str, list[int]] = defaultdict(list)
    for row, key in zip(values_of(rows, int), values_of(keys.take(rows), str), strict=True):
        found[key].append(row)
    return found
