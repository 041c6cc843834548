"""Finds everything that a delivery has of an asset: shards, keys, byte ranges and table rows.

The agency's ledger has the assets and contributors of a delivery with their shards; the table of
samples has the places in the tars. For versions of earlier releases, which have no such table, the
tables of the shards concerned are read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.accounts.ledgers import open_ledger
from pipelines.accounts.published import Published
from pipelines.delivery.sample import sample_key
from pipelines.format.indexes import samples_of_shard
from pipelines.format.manifest import numbered_shards
from pipelines.format.tar_comparison import MemberPlace, places_of_row
from pipelines.storage.columns import values_of
from pipelines.storage.digests import object_sha256
from pipelines.storage.store import Store
from pipelines.storage.tables import read_rows
from schemas import layout
from schemas.errors import RunError, counted
from schemas.manifest import FileRecord, ShardRecord
from schemas.shard_table import EXTRA_MEMBERS, SAMPLES_SCHEMA, ShardRow

_NAMES = ("asset_id", "contributor_id", "media_sha256")
_PLACE_COLUMNS = ("shard", "asset_commitment")
# Columns of the table of samples without texts: those take most of the time to read, and what they
# say follows from the commitment, the ledger and the manifest.
_SAMPLE_COLUMNS = [
    *("shard_index", "embedding_row", "first_shot_row", "shots"),
    *("media_offset", "media_length", "txt_offset", "txt_length", "json_offset", "json_length"),
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
        members: Its members with their bytes' offsets and lengths in the tar; the digest of its
            media alone is known.
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
    media_sha256: str


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
        with open_ledger(*self._place) as file:
            self._columns = file.read(list(_NAMES))

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
        rows = pc.indices_nonzero(chosen)
        if not len(rows):
            return {}
        with open_ledger(*self._place) as file:
            places = read_rows(file, values_of(rows, int), _PLACE_COLUMNS)
        own = (values_of(self._columns[name].take(rows), str) for name in _NAMES)
        ids, people, digests = own
        contributors = defaultdict(set)
        for asset_id, contributor_id in zip(ids, people, strict=True):
            contributors[asset_id].add(contributor_id)
        found: dict[str, dict[str, _Asset]] = defaultdict(dict)
        columns = (values_of(places[name], str) for name in _PLACE_COLUMNS)
        for asset_id, digest, shard, commitment in zip(ids, digests, *columns, strict=True):
            who = tuple(sorted(contributors[asset_id]))
            found[shard][commitment] = _Asset(asset_id, who, commitment, digest)
        return found


def locate(
    store: Store,
    published: Published,
    asset_ids: Collection[str] = (),
    contributor_ids: Collection[str] = (),
    media: Collection[str] = (),
    ledger: LedgerIndex | None = None,
) -> list[FoundSample]:
    """Finds the samples of assets, contributors' assets and files in a published delivery.

    Args:
        store: The output store.
        published: The version.
        asset_ids: Assets to find; those that the delivery does not have are left out.
        contributor_ids: Contributors, all of whose assets are found.
        media: Digests of files, hex: every asset with such a file is found.
        ledger: The version's ledger, if it was opened before.

    Returns:
        The samples in the order of the delivery's shards and of their rows.

    Raises:
        RunError: If the ledger or the table of samples is missing, cannot be read, or they do not
            agree.
    """
    ledger = ledger or LedgerIndex(store, published.deal_id, published.version)
    found = ledger.assets(asset_ids, contributor_ids, media)
    if not found:
        return []
    samples = _samples(store, published, found)
    wanted = {(shard, commitment) for shard, assets in found.items() for commitment in assets}
    missing = sorted(wanted - {(one.shard, one.asset_commitment) for one in samples})
    if missing:
        shard, commitment = missing[0]
        which = (
            f"{counted(len(missing), 'sample')}, one of them of {found[shard][commitment].asset_id}"
        )
        raise _damaged(store, published, f"it lacks {which} in {shard}")
    return samples


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
    store: Store, published: Published, found: Mapping[str, Mapping[str, _Asset]]
) -> list[FoundSample]:
    """Returns the samples of assets, which are given by shard and commitment."""
    shards = dict(numbered_shards(published.manifest))
    try:
        table, assets, rows = _rows_of(store, published, found)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _damaged(store, published, str(error)[:200]) from error
    samples = []
    for values, commitment, row in zip(table.to_pylist(), assets, rows, strict=True):
        shard = shards.get(values["shard_index"])  # None if the table was altered
        asset = found.get(shard.name, {}).get(commitment) if shard is not None else None
        if shard is not None and asset is not None:
            samples.append(_sample(shard, asset, values, row))
    return samples


def _sample(
    shard: ShardRecord, asset: _Asset, values: Mapping[str, object], row: int
) -> FoundSample:
    """Returns a sample by its row of the table of samples."""
    key = sample_key(asset.commitment)
    names = {"key": key, "media_member": f"{key}.{shard.family}", "status": "success"}
    digests = {"media_sha256": asset.media_sha256, "txt_sha256": "", "json_sha256": ""}
    first, shots = (cast("int | None", values[name]) for name in ("first_shot_row", "shots"))
    return FoundSample(
        asset_id=asset.asset_id,
        contributors=asset.contributors,
        asset_commitment=asset.commitment,
        shard=shard.name,
        shard_sha256=shard.sha256,
        key=key,
        row=row,
        members=tuple(places_of_row(cast(ShardRow, {**values, **names, **digests}))),
        index=cast(int, values["shard_index"]),
        embedding_row=cast("int | None", values["embedding_row"]),
        shot_rows=() if first is None or not shots else tuple(range(first, first + shots)),
        media_sha256=asset.media_sha256,
    )


def _rows_of(
    store: Store, published: Published, found: Mapping[str, Mapping[str, _Asset]]
) -> tuple[pa.Table, list[str], list[int]]:
    """Returns assets' rows of the table of samples, the assets, and the rows in their shards."""
    paths = {file.path for file in published.manifest.files}
    commitments = {commitment for assets in found.values() for commitment in assets}
    if layout.SAMPLES_TABLE in paths:
        key = f"{published.delivery}/{layout.SAMPLES_TABLE}"
        with store.open_read(key) as source, pq.ParquetFile(source) as file:
            names = file.read(["asset", "shard_index"])
            rows = pc.indices_nonzero(_is_in(names["asset"], commitments))
            indexes = names["shard_index"].to_numpy()
            numbers = rows.to_numpy()
            shards, firsts = np.unique(indexes, return_index=True)  # a shard's rows are together
            starts = firsts[np.searchsorted(shards, indexes[numbers])]
            extras = [name for name in (EXTRA_MEMBERS,) if name in file.schema_arrow.names]
            table = read_rows(file, values_of(rows, int), [*_SAMPLE_COLUMNS, *extras])
        assets = values_of(names["asset"].take(rows), str)
        return table, assets, [int(at) for at in numbers - starts]
    columns = ["asset", *_SAMPLE_COLUMNS]
    parts, places = [SAMPLES_SCHEMA.empty_table().select(columns)], []
    for index, shard in numbered_shards(published.manifest):
        if shard.name in found:
            part = samples_of_shard(store, published.delivery, index, shard, paths)
            here = pc.indices_nonzero(_is_in(part["asset"], commitments))
            parts.append(part.take(here).select(columns))
            places += values_of(here, int)
    joined = pa.concat_tables(parts)
    return joined.select(_SAMPLE_COLUMNS), values_of(joined["asset"], str), places


def check_table(store: Store, published: Published, record: FileRecord) -> None:
    """Raises RunError unless a version's table of samples is the one in its manifest."""
    try:
        digest = object_sha256(store, f"{published.delivery}/{record.path}")
    except FileNotFoundError as error:
        raise _damaged(store, published, "missing") from error
    if digest != record.sha256:
        raise _damaged(store, published, f"sha256 {digest}, the manifest says {record.sha256}")


def _damaged(store: Store, published: Published, what: str) -> RunError:
    return RunError(
        "The tables of a version's samples are not those that were published",
        f"{store.uri}/{published.delivery}/{layout.SAMPLES_TABLE}: {what}",
        "Nothing was recorded. Run fairshard verify --repair on the delivery, then repeat.",
    )
