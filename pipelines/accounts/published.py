"""Finds the published versions in an output and reads their manifests and ledgers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.accounts.kept_salts import Opener
from pipelines.accounts.ledgers import ledger_batches, unchecked_batches
from pipelines.format.manifest import open_manifest
from pipelines.format.tar_comparison import REMOVED
from pipelines.ledger.ed25519 import NoteError
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.pool_sums import SignedSum, open_sum, sum_tree
from pipelines.ledger.sum_tree import SumTree
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.manifest import Manifest

_VERSION = re.compile(r"v[0-9]{4,}")
_DEAL_ID = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True)
class Published:
    """One published version.

    Attributes:
        deal_id: The deal.
        version: `v0001` and so on.
        manifest: Its manifest, whose signature was checked.
        manifest_sha256: Digest of the manifest's bytes, hex.
    """

    deal_id: str
    version: str
    manifest: Manifest
    manifest_sha256: str

    @property
    def day(self) -> date:
        """The day of its run's `as_of`, in UTC."""
        return datetime.fromisoformat(self.manifest.as_of).astimezone(UTC).date()

    @property
    def agency(self) -> str:
        """Key prefix of what stays with the agency."""
        return layout.agency_prefix(self.deal_id, self.version)

    @property
    def delivery(self) -> str:
        """Key prefix of what the buyer gets."""
        return layout.delivery_prefix(self.deal_id, self.version)


@dataclass(frozen=True)
class PoolSums:
    """The leaves of a version's sum tree and its signed root.

    Attributes:
        table: The leaves (schemas.ledger.SUMS_SCHEMA), in the tree's order.
        tree: The tree, computed from them.
        signed: What the agency signed about it.
        note: The signed note.
    """

    table: pa.Table
    tree: SumTree
    signed: SignedSum
    note: str


def find_versions(store: Store, deal_id: str = "", version: str = "") -> list[Published]:
    """Returns the published versions in an output, by deal and number.

    Args:
        store: The output.
        deal_id: Only this deal; empty for all.
        version: Only this version of the deal; empty for all.

    Raises:
        InputError: If there is none.
        ManifestError: If a manifest was altered or its signature is not valid.
    """
    found = []
    for name in filter(_DEAL_ID.fullmatch, [deal_id] if deal_id else store.folders()):
        for text in [version] if version else store.folders(name):
            if _VERSION.fullmatch(text) and store.exists(layout.manifest_key(name, text)):
                found.append(read_version(store, name, text))
    if not found:
        wanted = "/".join(filter(None, (deal_id, version))) or "any deal"
        raise InputError(
            "The output contains no such published version",
            f"{wanted} in {store.uri}",
            "Give the --out of the run, and a deal and version that it has.",
        )
    return sorted(found, key=lambda item: (item.deal_id, int(item.version[1:])))


def read_version(store: Store, deal_id: str, version: str) -> Published:
    """Returns a published version.

    Args:
        store: The output.
        deal_id: The deal.
        version: Name of the version, which has its manifest.

    Raises:
        FileNotFoundError: If it has none.
        ManifestError: If the manifest was altered or its signature is not valid.
    """
    data = store.read_bytes(layout.manifest_key(deal_id, version))
    return Published(deal_id, version, open_manifest(data), hashlib.sha256(data).hexdigest())


def read_sums(store: Store, published: Published) -> PoolSums:
    """Reads a version's sum tree and checks it against its signed root.

    Raises:
        InputError: If it is missing, or the version was made before there were sum trees.
        RunError: If the tree is not the one that was signed.
    """
    table_key = f"{published.agency}/{layout.SUMS_TABLE}"
    note_key = f"{published.agency}/{layout.SUM_NOTE}"
    try:
        note = store.read_bytes(note_key).decode("utf-8", "replace")
        table = read_parquet(store, table_key)
    except FileNotFoundError as error:
        raise InputError(
            "The version has no signed sum of its pool",
            f"{store.uri}/{note_key} or {table_key}",
            "Restore agency/sums/ of this version from a copy or, if an earlier version of "
            "fairshard made it, package the deal again.",
        ) from error
    try:
        signed, tree = open_sum(note, published.manifest.vkey), sum_tree(table)
    except (NoteError, ProofError) as error:
        raise RunError(
            "The signed sum of a version's pool is damaged",
            f"{store.uri}/{note_key} or {table_key}: {error.what}: {error.which}",
            "Restore agency/sums/ of this version from a copy.",
        ) from error
    stated = (signed.delivery, signed.leaves, signed.root)
    if stated != (published.manifest.delivery, len(table), tree.root):
        raise RunError(
            "The contributors' totals are not those that were signed",
            f"{store.uri}/{table_key}: {tree.root.minor} in {len(table)} leaves, "
            f"signed {signed.root.minor} in {signed.leaves} for {signed.delivery}",
            "Restore agency/sums/ of this version from a copy.",
        )
    return PoolSums(table, tree, signed, note)


def read_ledger(
    store: Store, published: Published, columns: Sequence[str], secrets: Collection[Opener]
) -> Iterator[pa.Table]:
    """Yields columns of a version's ledger in parts.

    Args:
        store: The output.
        published: The version.
        columns: The columns, in this order.
        secrets: The agency's secrets, by which every row is checked. Without any, rows are yielded
            as they are, and it is for the caller to compare them with what was signed.

    Raises:
        RunError: If the ledger is missing or damaged, or is not the one that was signed.
    """
    if secrets:
        yield from ledger_batches(store, published.deal_id, published.version, secrets, columns)
    else:
        yield from unchecked_batches(store, published.deal_id, published.version, columns)


def read_shard_tables(store: Store, published: Published, columns: list[str]) -> Iterator[pa.Table]:
    """Yields columns of each shard's table, which must be the one in the signed manifest.

    Raises:
        RunError: If a table is missing or not the one that the manifest lists.
    """
    digests = {file.path: file.sha256 for file in published.manifest.files}
    for shard in published.manifest.shards:
        path = layout.shard_table_path(shard.name)
        key = f"{published.delivery}/{path}"
        try:
            data = store.read_bytes(key)
        except FileNotFoundError:
            data = b""
        if hashlib.sha256(data).hexdigest() != digests.get(path):
            raise RunError(
                "A shard's table is missing or not the one in the manifest",
                f"{store.uri}/{key}",
                "Run fairshard verify --repair on the delivery.",
            )
        with pq.ParquetFile(pa.BufferReader(data)) as file:
            table = file.read(columns=[*columns, "status"], use_threads=False)
        if "status" in table.column_names:  # a removed sample's row stays where it was
            table = table.filter(pc.not_equal(table["status"], pa.scalar(REMOVED)))
        table = table.select(columns)
        if len(table) != shard.samples:
            raise RunError(
                "A shard's table has another number of samples than the manifest",
                f"{store.uri}/{key}: {len(table)}, manifest {shard.samples}",
                "Run fairshard verify on the delivery.",
            )
        yield table
