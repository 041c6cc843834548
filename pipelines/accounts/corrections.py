"""Takes back, in new entries, what a price credited for assets that were removed.

For each contributor of a removed asset, the exact share that they were due for it is taken from
what they are due; the correction's credit is the whole number of minor units nearest to it, with
what is carried for them. So nobody is further than half a unit from what they are due afterwards,
and the order of removals changes no sum. Nobody else has a line.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

import pyarrow as pa

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.pools import (
    BookedPool,
    booked_pools,
    carried_in,
    corrections_of,
    lines_of,
    pools_that_count,
)
from pipelines.accounts.removals import RecordedNotice, removed_parts
from pipelines.ledger.pool import fraction_text
from pipelines.ledger.record import AllSets, Kind, in_canonical_form
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import parquet_bytes
from schemas.ledger import POOL_LINES_SCHEMA

#: Why a line of a correction is negative.
REMOVAL = "removal"
#: Where the money goes that is taken back: nobody's, until the agency decides.
REMOVALS_HELD = "removals"
_HALF = Fraction(1, 2)


class _NothingLeftError(Exception):
    """Raised where another record has taken everything back already."""


def record_corrections(
    log: AgencyLog, store: Store, notice: RecordedNotice, recorded_at: str
) -> list[BookedPool]:
    """Takes back what prices credited for the assets of a notice, once for each asset and price.

    Prices that a later version replaced are left out: they are owed no more.

    Args:
        log: The agency's log.
        store: The output store.
        notice: The notice, whose money is to be reversed.
        recorded_at: ISO 8601 instant.

    Returns:
        The corrections of this notice, new or not.

    Raises:
        InputError: If a price does not tell what the assets count.
        RunError: If the books are damaged.
    """
    log.refresh()
    for pool in pools_that_count(booked_pools(log)):
        if pool.is_price and pool.delivery in notice.assets:
            _record_correction(log, store, notice, pool, recorded_at)
    pools = booked_pools(log)
    return [one for one in pools if one.record.public.get("notice") == notice.notice_id]


def _record_correction(
    log: AgencyLog, store: Store, notice: RecordedNotice, pool: BookedPool, recorded_at: str
) -> None:
    def make(index: int, sets: AllSets) -> NewRecord:
        pools = booked_pools(log)
        left = set(notice.assets[pool.delivery]) - corrected_assets(pool, pools)
        if not left or pool.index not in {one.index for one in pools_that_count(pools)}:
            raise _NothingLeftError
        parts = removed_parts(log, store, pool, left)
        lines = _lines(_dues(log, pool), parts, carried_in(log, pools, pool.currency))
        private = {
            "pool": in_canonical_form(_pool(log, notice, pool, lines)),
            "corrects": pool.index,
            "notice": notice.notice_id,
            "assets": sorted(left),
        }
        return NewRecord({"delivery": pool.delivery, "notice": notice.notice_id}, private, sets)

    event = ("correction", REMOVAL, notice.notice_id, str(pool.index))
    with contextlib.suppress(_NothingLeftError):
        append_record(log, Kind.CORRECTION, event, recorded_at, make)


def corrected_assets(pool: BookedPool, pools: Sequence[BookedPool]) -> set[str]:
    """Returns the assets whose credits of a price were taken back already."""
    found: set[str] = set()
    for one in corrections_of(pool, pools):
        assets = one.record.private.get("assets")
        found.update(map(str, assets) if isinstance(assets, list) else ())
    return found


def _dues(log: AgencyLog, pool: BookedPool) -> dict[str, Fraction]:
    lines = lines_of(log, pool)
    dues = map(Fraction, values_of(lines["due"], str))
    return dict(zip(values_of(lines["contributor_id"], str), dues, strict=True))


def _lines(
    dues: Mapping[str, Fraction], parts: Mapping[str, Fraction], carried: Mapping[str, Fraction]
) -> pa.Table:
    """Returns the correction's lines (POOL_LINES_SCHEMA), by contributor id."""
    rows = []
    for who in sorted(parts):
        due, before = dues[who] * parts[who], carried.get(who, Fraction(0))
        taken = max(0, math.floor(due - before + _HALF))
        rows.append(
            {
                "contributor_id": who,
                "weight": "0",
                "due": fraction_text(-due),
                "credit_minor": -taken,
                "carried": fraction_text(before - due + taken),
                "basis": REMOVAL,
            }
        )
    return pa.Table.from_pylist(rows, schema=POOL_LINES_SCHEMA)


def _pool(
    log: AgencyLog, notice: RecordedNotice, pool: BookedPool, lines: pa.Table
) -> dict[str, object]:
    """Returns the correction as a pool of nothing, in which what is taken back is a deduction."""
    taken = -sum(values_of(lines["credit_minor"], int))
    return {
        "name": pool.fields["name"],
        "deal_id": pool.fields["deal_id"],
        "delivery": pool.delivery,
        "currency": pool.currency,
        "gross_minor": 0,
        "deductions": [{"name": REMOVALS_HELD, "minor": taken}],
        "agency_minor": 0,
        "contributors_minor": -taken,
        "rounding_minor": 0,
        "rule": {},
        "source": f"removal under notice {notice.notice_id}",
        "period": None,
        "source_country": pool.source_country or None,
        "replaces": None,
        "lines_sha256": log.books.write_lines(parquet_bytes(lines)),
    }
