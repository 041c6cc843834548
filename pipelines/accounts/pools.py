"""The pools in the agency's books: their lines, what is carried, and what contributors are owed.

A pool that replaces an earlier one counts in its place, so that the credits of both are never added
up: what is owed for the later one is the difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import cast

import pyarrow as pa

from pipelines.accounts.database import open_database
from pipelines.accounts.holds import read_holds
from pipelines.accounts.reader import ReadableLog
from pipelines.ledger.payout_plan import Balance
from pipelines.ledger.record import Kind, Record
from pipelines.storage.columns import values_of
from schemas import layout
from schemas.ledger import HOLDS_SCHEMA, PAYOUT_LINES_SCHEMA, POOL_LINES_SCHEMA, PoolRecord

_WITH_POOLS = (Kind.DELIVERY, Kind.PAYMENT, Kind.CORRECTION)


@dataclass(frozen=True)
class BookedPool:
    """A pool as the books have it.

    Attributes:
        record: Its record.
        fields: The pool's fields, as docs/ledger.md lists them.
    """

    record: Record
    fields: PoolRecord

    @property
    def index(self) -> int:
        """The index of its record."""
        return self.record.index

    @property
    def day(self) -> date:
        """The day on which it was recorded, in UTC."""
        return day_of(self.record)

    @property
    def currency(self) -> str:
        """ISO 4217 code."""
        return str(self.fields["currency"])

    @property
    def delivery(self) -> str:
        """Id of the delivery whose contributors share it."""
        return str(self.fields["delivery"])

    @property
    def is_price(self) -> bool:
        """Whether it is what was paid for the delivery, and not later revenue."""
        return self.record.kind is Kind.DELIVERY

    @property
    def corrects(self) -> int | None:
        """The index of the record whose pool it corrects, or None."""
        found = self.record.private.get("corrects")
        return found if isinstance(found, int) else None

    @property
    def source_country(self) -> str:
        """Where the income comes from, or ""."""
        return str(self.fields.get("source_country") or "")


def day_of(record: Record) -> date:
    """Returns the day on which a record was made, in UTC."""
    return datetime.fromisoformat(record.recorded_at).astimezone(UTC).date()


def booked_pools(log: ReadableLog) -> list[BookedPool]:
    """Returns all pools in the order of their records, replaced ones included.

    Raises:
        RunError: If a record is missing, changed, or the log is damaged.
    """
    found = []
    for index in range(log.size):
        pool = pool_of(log.record(index))
        if pool is not None:
            found.append(pool)
    return found


def pool_of(record: Record) -> BookedPool | None:
    """Returns the pool that a record divides, or None if it divides none."""
    pool = record.private.get("pool")
    if record.kind not in _WITH_POOLS or not isinstance(pool, dict):
        return None
    return BookedPool(record, _pool_record(pool))


def _pool_record(pool: Mapping[str, object]) -> PoolRecord:
    """Returns a pool with numbers for amounts that canonical JSON has as text."""

    def numbers(fields: Mapping[str, object]) -> dict[str, object]:
        return {
            name: int(str(value)) if name.endswith("minor") else value
            for name, value in fields.items()
        }

    def deducted(fields: Mapping[str, object]) -> dict[str, object]:
        items = cast(list[Mapping[str, object]], fields.get("deductions", []))
        return numbers(fields) | {"deductions": [numbers(item) for item in items]}

    found = deducted(pool)
    if "parts" in pool:
        parts = cast(list[Mapping[str, object]], pool["parts"])
        found["parts"] = [deducted(part) for part in parts]
    return cast(PoolRecord, found)


def pools_that_count(pools: Sequence[BookedPool]) -> list[BookedPool]:
    """Returns the pools that no later one replaces; a correction counts as long as its pool."""
    replaced = {pool.fields["replaces"] for pool in pools}
    gone = {pool.index for pool in pools if pool.is_price and pool.delivery in replaced}
    gone |= {index for pool in pools if (index := pool.fields.get("replaces_record")) is not None}
    return [pool for pool in pools if not gone.intersection((pool.index, pool.corrects))]


def corrections_of(pool: BookedPool, pools: Iterable[BookedPool]) -> list[BookedPool]:
    """Returns the corrections of a pool after removals, in the order of their records."""
    return [one for one in pools if one.corrects == pool.index]


def replaced_by(pool: BookedPool, pools: Iterable[BookedPool]) -> BookedPool | None:
    """Returns the pool whose credits a pool replaces; None if it replaces none."""
    name, index = pool.fields["replaces"], pool.fields.get("replaces_record")
    if index is not None:
        return next((one for one in pools if one.index == index), None)
    return next((one for one in pools if name and one.is_price and one.delivery == name), None)


def lines_of(log: ReadableLog, pool: BookedPool) -> pa.Table:
    """Returns a pool's lines (POOL_LINES_SCHEMA).

    Raises:
        RunError: If they are missing or changed.
    """
    return log.books.read_lines(str(pool.fields["lines_sha256"]), POOL_LINES_SCHEMA)


def credits_of(log: ReadableLog, pools: Iterable[BookedPool]) -> dict[str, int]:
    """Returns what pools credit to each contributor together, in minor units."""
    found: dict[str, int] = defaultdict(int)
    for pool in pools:
        lines = lines_of(log, pool)
        people, credits = lines["contributor_id"], lines["credit_minor"]
        for who, minor in zip(values_of(people, str), values_of(credits, int), strict=True):
            found[who] += minor
    return dict(found)


def carried_in(
    log: ReadableLog,
    pools: Sequence[BookedPool],
    currency: str,
    without: BookedPool | None = None,
) -> dict[str, Fraction]:
    """Returns what is carried for each contributor in a currency: all dues less all credits.

    Contributors for whom that is nothing are left out.

    Args:
        log: The agency's log.
        pools: All pools.
        currency: ISO 4217 code.
        without: A pool that is about to be replaced: neither it nor its corrections count.
    """
    carried: dict[str, Fraction] = defaultdict(Fraction)
    gone = None if without is None else without.index
    for pool in pools_that_count(pools):
        if pool.currency != currency or (gone is not None and gone in (pool.index, pool.corrects)):
            continue
        lines = lines_of(log, pool)
        dues, credits = values_of(lines["due"], str), values_of(lines["credit_minor"], int)
        for who, due, credit in zip(
            values_of(lines["contributor_id"], str), dues, credits, strict=True
        ):
            carried[who] += Fraction(due) - credit
    return {who: left for who, left in carried.items() if left}


def payout_lines(log: ReadableLog) -> Iterator[pa.Table]:
    """Yields the lines (PAYOUT_LINES_SCHEMA) of every payout so far."""
    for index in range(log.size):
        record = log.record(index)
        if record.kind is Kind.PAYOUT:
            digest = str(record.private["lines_sha256"])
            yield log.books.read_lines(digest, PAYOUT_LINES_SCHEMA)


def balances(log: ReadableLog, day: date | None = None) -> list[Balance]:
    """Returns what every contributor is owed: credits less payouts, without zeros.

    Args:
        log: The agency's log.
        day: Only credits that were recorded up to this day; None for all. Payouts count always.

    Raises:
        RunError: If the books are damaged.
    """
    known = [pool for pool in booked_pools(log) if day is None or pool.day <= day]
    credits = [_credits(log, pool) for pool in pools_that_count(known)]
    paid = [
        table.select(["contributor_id", "currency", "source_country", "amount_minor"])
        for table in payout_lines(log)
    ]
    if not credits:
        return []
    with open_database() as database:
        database.register("credits", pa.concat_tables(credits))
        database.register("paid", pa.concat_tables(paid or [_NO_PAYOUTS]))
        rows = database.execute(_BALANCES).fetchall()
    return [Balance(who, currency, country, int(minor)) for who, currency, country, minor in rows]


def payable_balances(log: ReadableLog, day: date) -> list[Balance]:
    """Returns what may be paid on a day, without zeros: never more than what is owed by now.

    The books may know already that less is owed than on that day: a later version replaced what was
    credited then, or assets were removed since.

    Args:
        log: The agency's log.
        day: The day.

    Raises:
        RunError: If the books are damaged.
    """
    then, now = (
        {(one.contributor_id, one.currency, one.source_country): one.amount_minor for one in found}
        for found in (balances(log, day), balances(log))
    )
    least = {place: min(then.get(place, 0), now.get(place, 0)) for place in sorted({*then, *now})}
    return [Balance(*place, minor) for place, minor in least.items() if minor]


def contributors_of(log: ReadableLog) -> set[str]:
    """Returns everybody to whom a pool ever credited something."""
    pools = (lines_of(log, pool)["contributor_id"] for pool in booked_pools(log))
    return {who for people in pools for who in values_of(people, str)}


def held_by_deals(log: ReadableLog, day: date | None = None) -> dict[tuple[str, str], str]:
    """Returns why deals hold money, by contributor and currency of the credit.

    A hold of a delivery ends when another one replaces it that does not hold the money. With a
    day, only deliveries that were recorded up to it count.

    Raises:
        RunError: If a table of holds is missing, damaged, or not the recorded one.
    """
    store, found = log.books.store, dict[tuple[str, str], str]()
    known = [pool for pool in booked_pools(log) if day is None or pool.day <= day]
    for pool in pools_that_count(known):
        deal_id, _, version = pool.delivery.partition("/")
        key = f"{layout.agency_prefix(deal_id, version)}/{layout.HOLDS}"
        holds = read_holds(store, key, pool.record) if pool.is_price else HOLDS_SCHEMA.empty_table()
        for row in holds.to_pylist():
            reason = f"by the deal {deal_id}: {row['reason']}"
            found.setdefault((row["contributor_id"], row["currency"]), reason)
    return found


def _credits(log: ReadableLog, pool: BookedPool) -> pa.Table:
    lines = lines_of(log, pool).select(["contributor_id", "credit_minor"])
    for name, value in (
        ("currency", pool.currency),
        ("source_country", pool.source_country),
    ):
        lines = lines.append_column(name, pa.array([value] * len(lines), pa.string()))
    return lines


# Not `empty_table`, which imports pandas: a fifth of a second for every command.
_NO_PAYOUTS = pa.Table.from_batches([], PAYOUT_LINES_SCHEMA).select(
    ["contributor_id", "currency", "source_country", "amount_minor"]
)
# Sums of BIGINT are HUGEINT in DuckDB: exact.
_BALANCES = """
SELECT contributor_id, currency, source_country, sum(minor) AS minor FROM (
    SELECT contributor_id, currency, source_country, credit_minor AS minor FROM credits
    UNION ALL
    SELECT contributor_id, currency, source_country, -amount_minor AS minor FROM paid
)
GROUP BY ALL HAVING sum(minor) <> 0 ORDER BY ALL
"""
