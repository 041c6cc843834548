"""Reads the assets that a delivery's pool considers, and writes the pool's record and lines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.delivery.tables import considered_table
from pipelines.ledger.entries import DeliveryTerms
from pipelines.ledger.pool import DividedPool, pool_lines, pool_points, price_pool
from pipelines.ledger.pool_note import sign_pool
from pipelines.ledger.rules import SHARE
from pipelines.ledger.signed_note import Signer
from pipelines.run.job import Job
from pipelines.storage.columns import Column
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, parquet_bytes, read_parquet, tables_under
from schemas import layout
from schemas.deal_terms import WithdrawalTerms

_COLUMNS = ["asset_id", "media_type", "contributors", "weight"]
_DUPLICATE = "duplicate."  # how the codes of all reasons for duplicates begin


def considered_assets(store: Store, job: Job) -> Iterator[pa.Table]:
    """Yields all assets that the rights cleared, delivered or not (CONSIDERED_ASSETS_SCHEMA).

    Duplicates are left out: they show what another asset shows, or nobody knows whose they are.
    """
    duplicates = _duplicates(store, f"{job.work}/agency/decisions/select.parquet")
    for found in tables_under(store, f"{job.work}/units"):
        rows = read_parquet(store, found.key, _COLUMNS)
        rows = rows.filter(pc.invert(pc.is_in(rows["asset_id"], duplicates)))
        if len(rows):
            yield considered_table(rows)


def _duplicates(store: Store, decisions: str) -> Column:
    """Returns the ids of the assets that selection refused as duplicates."""
    if not store.exists(decisions):
        return pa.array([], pa.string())
    table = read_parquet(store, decisions, ["asset_id", "reasons"])
    reasons = table["reasons"].combine_chunks()
    is_duplicate = pc.starts_with(pc.list_flatten(reasons), pattern=_DUPLICATE)
    rows = pc.list_parent_indices(reasons).filter(is_duplicate)
    return table["asset_id"].take(rows).combine_chunks()


def write_pool(
    store: Store, job: Job, signer: Signer, terms: DeliveryTerms, pool: DividedPool, replaces: str
) -> None:
    """Writes the tables of a delivery's pool, then its record, and signs that.

    Args:
        store: The output store.
        job: The run.
        signer: The agency's key.
        terms: The money terms of the delivery.
        pool: The divided pool.
        replaces: Id of the delivery whose credits it replaces, or "".
    """
    data = parquet_bytes(pool_lines(pool))
    store.write_bytes(f"{job.agency}/{layout.POOL_LINES}", data)
    digest = hashlib.sha256(data).hexdigest()
    record = price_pool(
        pool, terms.price, job.deal.deal_id, terms.delivery, digest, job.pool, replaces
    )
    if job.deal.withdrawal != WithdrawalTerms():  # for `fairshard revoke`, which has no deal
        record["withdrawal"] = job.deal.withdrawal.model_dump(mode="json")
    if terms.price.base == "considered" and {*pool.bounded.basis.values()} != {SHARE}:
        points = parquet_bytes(pool_points(pool))  # what removed assets count is not in the ledger
        store.write_bytes(f"{job.agency}/{layout.POOL_POINTS}", points)
        record["points_sha256"] = hashlib.sha256(points).hexdigest()
    written = json_bytes(record)
    store.write_bytes(f"{job.agency}/{layout.POOL}", written)
    note = sign_pool(signer, terms.delivery, written)
    store.write_bytes(f"{job.agency}/{layout.POOL_NOTE}", note.encode())
