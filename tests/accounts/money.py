"""Deliveries' pools for the books, without any delivery."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pyarrow as pa

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.pools import booked_pools, carried_in
from pipelines.ledger.division import divide
from pipelines.ledger.record import AllSets, Kind, Record
from pipelines.storage.tables import parquet_bytes
from schemas.ledger import POOL_LINES_SCHEMA
from tests.accounts.cases import AS_OF


def publish(
    log: AgencyLog,
    deal_id: str,
    weights: Mapping[str, int],
    shared_minor: int,
    *,
    version: str = "v0001",
    currency: str = "USD",
    agency_minor: int = 0,
    replaces: str | None = None,
    source_country: str = "",
    assets: int = 1,
    recorded_at: str = AS_OF,
    base: str = "",
    basis: str = "share",
) -> Record:
    """Records a delivery with a pool that is divided by these weights."""

    def make(index: int, sets: AllSets) -> NewRecord:
        before = [pool for pool in booked_pools(log) if pool.delivery != replaces]
        carried = carried_in(log, before, currency)
        made = divide(shared_minor, weights, carried, log.salt)
        whole = sum(weights.values())
        people = sorted(weights)
        due = {who: Fraction(shared_minor * weights[who], whole) for who in people}
        left = {who: due[who] + carried.get(who, 0) - made.credits[who] for who in people}
        lines = pa.table(
            {
                "contributor_id": people,
                "weight": [str(weights[who]) for who in people],
                "due": [f"{due[who].numerator}/{due[who].denominator}" for who in people],
                "credit_minor": [made.credits[who] for who in people],
                "carried": [f"{left[who].numerator}/{left[who].denominator}" for who in people],
                "basis": [basis] * len(people),
            },
            schema=POOL_LINES_SCHEMA,
        )
        pool = {
            "name": "price",
            "deal_id": deal_id,
            "delivery": f"{deal_id}/{version}",
            "currency": currency,
            "gross_minor": shared_minor + agency_minor,
            "deductions": [],
            "agency_minor": agency_minor,
            "contributors_minor": sum(made.credits.values()),
            "rounding_minor": made.rounding_minor,
            "rule": {"base": base} if base else {},
            "source": "the deal's price",
            "period": None,
            "source_country": source_country or None,
            "replaces": replaces,
            "lines_sha256": log.books.write_lines(parquet_bytes(lines)),
        }
        return NewRecord(
            {"delivery": f"{deal_id}/{version}", "assets": assets}, {"pool": pool}, sets
        )

    event = ("delivery", f"{deal_id}/{version}")
    return append_record(log, Kind.DELIVERY, event, recorded_at, make)
