"""RecordAttribution: from what the shards hold to entries, the published log and statements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipelines import layout
from pipelines.config import Job
from pipelines.delivery.stores import Store
from pipelines.ledger.entries import DeliveredAsset, Terms, leaf_bytes, make_entries
from pipelines.ledger.merkle import root
from pipelines.ledger.note import Signer, sign_checkpoint
from pipelines.ledger.statement import (
    statement_csv,
    statement_filenames,
    statement_json,
    statements,
)
from pipelines.ledger.tiles import entry_bundles, tiles
from pipelines.work import read_parquet, write_table
from schemas.errors import RunError
from schemas.ledger import Allocation, Entry, entries_to_table


@dataclass(frozen=True)
class Attribution:
    """What the ledger of a delivery comes to.

    Attributes:
        entries: How many entries it has.
        contributors: How many contributors have a statement.
        agency_minor: The agency's share; `contributors_minor`: theirs, in minor units.
        root: Root of the tree, 32 bytes.
        origin: The log's identity.
    """

    entries: int
    contributors: int
    agency_minor: int
    contributors_minor: int
    root: bytes
    origin: str


def record_attribution(
    store: Store, job: Job, signer: Signer, shards: Iterable[str]
) -> Attribution:
    """Works out who earns what, and leaves ledger, statements, tiles and checkpoint.

    Args:
        store: The output store.
        job: The run.
        signer: Signs the checkpoint.
        shards: Base names of all shards.

    Raises:
        RunError: If the sums do not come to the pool; nothing is published then.
    """
    assets = [asset for name in shards for asset in _delivered(store, job, name)]
    price = job.deal.price
    delivery = layout.delivery_id(job.deal.deal_id, job.version)
    terms = Terms(
        delivery,
        price.pool_minor,
        price.currency,
        Allocation(price.allocation),
        price.agency_share,
        job.terms_sha256,
    )
    entries, agency_minor = make_entries(assets, terms, job.salt)
    write_table(store, f"{job.agency}/ledger/ledger-00000.parquet", entries_to_table(entries))
    paid, contributors = _write_statements(store, job, entries)
    if agency_minor + paid != price.pool_minor:
        raise RunError(
            "The statements do not sum to the pool",
            f"agency {agency_minor} + contributors {paid}, pool {price.pool_minor}",
            "This is a fault of the program; nothing was published.",
        )
    hashes = [bytes.fromhex(entry.leaf_hash) for entry in entries]
    origin = f"{signer.name}/{delivery}"
    _write_log(store, job, signer, entries, hashes, origin)
    return Attribution(len(entries), contributors, agency_minor, paid, root(hashes), origin)


def _delivered(store: Store, job: Job, shard: str) -> Iterable[DeliveredAsset]:
    for row in read_parquet(store, f"{job.work}/delivered/{shard}.parquet").to_pylist():
        # Who is named twice holds both shares.
        shares: dict[str, int] = {}
        for who, share in zip(row.pop("contributor_ids"), row.pop("shares_bp"), strict=True):
            shares[who] = shares.get(who, 0) + share
        yield DeliveredAsset(contributors=tuple(shares.items()), **row)


def _write_statements(store: Store, job: Job, entries: list[Entry]) -> tuple[int, int]:
    """Writes every statement; returns what they sum to, in minor units, and how many they are."""
    ordered = sorted(entries, key=lambda entry: (entry.contributor_id, entry.entry_index))
    names = statement_filenames({entry.contributor_id for entry in entries})
    paid = count = 0
    for statement in statements(ordered, job.deal.deal_id, job.salt):
        base = f"{job.agency}/{layout.STATEMENTS}/{names[statement['contributor_id']]}"
        store.write_bytes(f"{base}.json", statement_json(statement).encode())
        store.write_bytes(f"{base}.csv", statement_csv(statement).encode())
        paid += statement["total_minor"]
        count += 1
    return paid, count


def _write_log(
    store: Store,
    job: Job,
    signer: Signer,
    entries: list[Entry],
    hashes: list[bytes],
    origin: str,
) -> None:
    for path, data in tiles(hashes):
        store.write_bytes(f"{job.delivery}/{path}", data)
    for path, data in entry_bundles(leaf_bytes(entry) for entry in entries):
        store.write_bytes(f"{job.delivery}/{path}", data)
    checkpoint = sign_checkpoint(signer, origin, len(hashes), root(hashes))
    store.write_bytes(f"{job.delivery}/{layout.CHECKPOINT}", checkpoint.encode())
    store.write_bytes(f"{job.delivery}/{layout.LOG_VKEY}", f"{signer.vkey}\n".encode())
