"""Reads which country each contributor of a version is from, as its record in the log has it."""

from __future__ import annotations

import hashlib

from pipelines.accounts.published import Published
from pipelines.accounts.reader import ReadableLog, read_log
from pipelines.format.manifest import original_delivery
from pipelines.ledger.record import Kind, Record
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from schemas import layout
from schemas.errors import RunError
from schemas.ledger import COUNTRIES_SCHEMA

#: The private field of a delivery's record with the digest of its table of countries; "" if none.
COUNTRIES_SHA256 = "countries_sha256"


def countries_digest(store: Store, agency: str) -> str:
    """Returns the digest of a version's table of countries, hex; "" if it has none."""
    key = f"{agency}/{layout.COUNTRIES}"
    return hashlib.sha256(store.read_bytes(key)).hexdigest() if store.exists(key) else ""


def read_countries(store: Store, published: Published) -> dict[str, str]:
    """Returns the country of each contributor as the catalogue had it; "" where it said nothing.

    A patched version has those of the version that was packaged.

    Raises:
        RunError: If the version is not in the agency's log, or its table is not the recorded one.
    """
    delivery = original_delivery(published.manifest)
    agency = layout.agency_prefix(*delivery.split("/"))
    key = f"{agency}/{layout.COUNTRIES}"
    log = read_log(store)
    record = None if log is None else _record_of(log, delivery)
    if record is None:
        raise _unchecked(
            store,
            key,
            f"the agency's log has no record of {delivery}",
            "fairshard prove records versions that are missing; it needs the agency's key.",
        )
    stated, found = record.private.get(COUNTRIES_SHA256), countries_digest(store, agency)
    if not stated:
        raise _unchecked(
            store,
            key,
            f"record {record.index} of {delivery} has none",
            "It was made by an earlier version of fairshard: package the deal again.",
        )
    if found != stated:
        said = f"sha256 {found}" if found else "the file is missing"
        raise _unchecked(
            store,
            key,
            f"{said}; record {record.index} has sha256 {stated}",
            "Restore agency/pool/ of this version from a copy.",
        )
    table = read_parquet(store, key)
    if table.schema != COUNTRIES_SCHEMA:
        raise _unchecked(store, key, "other columns", "Package the deal again.")
    return dict(zip(*(values_of(table[name], str) for name in table.column_names), strict=True))


def _record_of(log: ReadableLog, delivery: str) -> Record | None:
    """Returns the last record of a delivery."""
    for index in reversed(range(log.size)):
        record = log.record(index)
        if record.kind is Kind.DELIVERY and record.public["delivery"] == delivery:
            return record
    return None


def _unchecked(store: Store, key: str, which: str, remedy: str) -> RunError:
    return RunError(
        "The countries of contributors are not those that were recorded",
        f"{store.uri}/{key}: {which}",
        remedy,
    )
