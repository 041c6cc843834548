"""What a deal holds of its contributors' credits; the delivery's record has the table's digest."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from pipelines.ledger.record import Record
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from schemas.errors import RunError
from schemas.ledger import HOLDS_SCHEMA

#: The private field of a delivery's record with the digest of its table of holds; "" without one.
HOLDS_SHA256 = "holds_sha256"


def holds_digest(store: Store, key: str) -> str:
    """Returns the digest of a version's table of holds, hex; "" if it holds nothing."""
    return hashlib.sha256(store.read_bytes(key)).hexdigest() if store.exists(key) else ""


def read_holds(store: Store, key: str, record: Record) -> pa.Table:
    """Returns what a version holds (HOLDS_SCHEMA).

    Args:
        store: The output.
        key: Key of the table, which a version that holds nothing does not have.
        record: The delivery's record. Those of earlier releases do not have the digest.

    Raises:
        RunError: If the table is missing, damaged, or not the recorded one.
    """
    stated, found = record.private.get(HOLDS_SHA256), holds_digest(store, key)
    if stated is not None and found != stated:
        said = f"sha256 {found}" if found else "the file is missing"
        recorded = f"sha256 {stated}" if stated else "no holds"
        raise _damaged(store, key, f"{said}; record {record.index} has {recorded}")
    if not found:
        return HOLDS_SCHEMA.empty_table()
    try:
        table = read_parquet(store, key)
    except pa.ArrowInvalid as error:
        raise _damaged(store, key, str(error)) from error
    if table.schema != HOLDS_SCHEMA:
        raise _damaged(store, key, "other columns")
    return table


def _damaged(store: Store, key: str, which: str) -> RunError:
    return RunError(
        "The holds of a delivery are damaged",
        f"{store.uri}/{key}: {which}",
        "Nothing was recorded. Restore the agency's folder from a copy, then run again.",
    )
