"""The movements of the books by contributor, in DuckDB: credits, corrections, payouts, holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from fractions import Fraction
from typing import TypedDict, TypeVar, cast

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.accounts.database import open_database
from pipelines.accounts.period import Period
from pipelines.accounts.pools import (
    BookedPool,
    booked_pools,
    corrections_of,
    lines_of,
    pools_that_count,
    replaced_by,
)
from pipelines.accounts.reader import ReadableLog
from pipelines.ledger.record import Kind, Record
from schemas.ledger import (
    FUND_PARTS_SCHEMA,
    PAYOUT_LINES_SCHEMA,
    POOL_LINES_SCHEMA,
    UNPAID_LINES_SCHEMA,
)

_RECORD = pa.field("record", pa.int64(), nullable=False)
# By contributor, so that one of them is found without a scan of all.
_ORDER = "ORDER BY contributor_id, record"
# What a record adds for a contributor: its credit, less what the records that it replaces credited.
_MOVES = f"""
CREATE TABLE moves AS SELECT contributor_id, record, sum(minor)::HUGEINT AS minor FROM (
    SELECT contributor_id, record, credit_minor AS minor FROM credits
    UNION ALL
    SELECT contributor_id, replaced.by_record, -credit_minor FROM credits
    JOIN replaced ON credits.record = replaced.record
) GROUP BY contributor_id, record {_ORDER}
"""  # noqa: S608
_FUND_MOVES = f"""
CREATE TABLE fund_moves AS SELECT contributor_id, record, deal_id, sum(minor)::HUGEINT AS minor
FROM (
    SELECT contributor_id, record, deal_id, credit_minor AS minor FROM parts
    UNION ALL
    SELECT contributor_id, replaced.by_record, deal_id, -credit_minor FROM parts
    JOIN replaced ON parts.record = replaced.record
) GROUP BY contributor_id, record, deal_id {_ORDER}, deal_id
"""  # noqa: S608

_PEOPLE = """
SELECT DISTINCT contributor_id FROM (
    SELECT contributor_id, currency, minor, day FROM moves JOIN records USING (record)
    UNION ALL
    SELECT contributor_id, paid.currency, -amount_minor, day FROM paid JOIN records USING (record)
) WHERE day <= ? GROUP BY contributor_id, currency HAVING sum(minor) <> 0 OR bool_or(day >= ?)
"""


class PaidRow(TypedDict):
    """A row of a payout's lines (PAYOUT_LINES_SCHEMA) that statements show, with its record."""

    record: int
    currency: str
    source_country: str
    amount_minor: int
    paid_currency: str
    converted_minor: int
    withheld_minor: int
    rate: str
    rate_source: str
    withholding_rate: str
    withholding_source: str


class UnpaidRow(TypedDict):
    """A row of the balances that a payout left (UNPAID_LINES_SCHEMA), with its record."""

    record: int
    currency: str
    amount_minor: int
    reason: str
    detail: str


class _Amount(TypedDict):
    """What one record adds, and whatever else a query names."""

    record: int
    deal_id: str
    due: str
    credit_minor: int
    minor: int


_Row = TypeVar("_Row", PaidRow, UnpaidRow, _Amount)


class Movements:
    """What the books say about each contributor; made by `open_movements`.

    Attributes:
        log: The log.
        pools: All pools by the index of their record.
        payouts: The records of all payouts by index.
    """

    def __init__(
        self, log: ReadableLog, database: duckdb.DuckDBPyConnection, contributor_id: str = ""
    ) -> None:
        self.log = log
        self._contributor_id = contributor_id
        self.pools = {pool.index: pool for pool in booked_pools(log)}
        records = (log.record(index) for index in range(log.size))
        self.payouts = {one.index: one for one in records if one.kind is Kind.PAYOUT}
        self._database = database
        self._load("credits", POOL_LINES_SCHEMA, self._credits())
        self._load("parts", FUND_PARTS_SCHEMA, self._parts())
        self._load("paid", PAYOUT_LINES_SCHEMA, self._lines("lines_sha256", PAYOUT_LINES_SCHEMA))
        self._load("unpaid", UNPAID_LINES_SCHEMA, self._lines("unpaid_sha256", UNPAID_LINES_SCHEMA))
        database.execute("CREATE TABLE records (record BIGINT, day DATE, currency VARCHAR)")
        database.execute("CREATE TABLE replaced (record BIGINT, by_record BIGINT)")
        for pool in self.pools.values():
            self._add("records", pool.index, pool.day, pool.currency)
            for before in self.replaced(pool):
                self._add("replaced", before.index, pool.index)
        for index, payout in self.payouts.items():
            self._add("records", index, payout_day(payout), None)
        database.execute(_MOVES)
        database.execute(_FUND_MOVES)

    def _credits(self) -> Iterator[tuple[int, pa.Table]]:
        return ((pool.index, lines_of(self.log, pool)) for pool in self.pools.values())

    def _parts(self) -> Iterator[tuple[int, pa.Table]]:
        for pool in self.pools.values():
            digest = pool.fields.get("parts_sha256")
            if digest:
                yield pool.index, self.log.books.read_lines(digest, FUND_PARTS_SCHEMA)

    def _lines(self, name: str, schema: pa.Schema) -> Iterator[tuple[int, pa.Table]]:
        for record in self.payouts.values():
            yield record.index, self.log.books.read_lines(str(record.private[name]), schema)

    def _load(self, name: str, schema: pa.Schema, tables: Iterator[tuple[int, pa.Table]]) -> None:
        # Not `empty_table` or `pa.array`, which import pandas: a fifth of a second.
        empty = pa.Table.from_batches([], pa.schema([*schema, _RECORD]))
        self._database.register("arriving", empty)
        self._database.execute(f"CREATE TABLE {name}_loaded AS SELECT * FROM arriving")  # noqa: S608
        for record, whole in tables:
            table = whole
            if self._contributor_id:
                own = pc.equal(whole["contributor_id"], pa.scalar(self._contributor_id))
                table = whole.filter(own)
            index = pa.repeat(pa.scalar(record, pa.int64()), len(table))
            self._database.register("arriving", table.append_column(_RECORD, index))
            self._database.execute(f"INSERT INTO {name}_loaded SELECT * FROM arriving")  # noqa: S608
        self._database.unregister("arriving")
        self._database.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_loaded {_ORDER}")  # noqa: S608
        self._database.execute(f"DROP TABLE {name}_loaded")

    def people(self, period: Period) -> set[str]:
        """Returns who has a movement in a period, or is owed something at its end."""
        found = self._database.execute(
            _PEOPLE, [period.last or date.max, period.first or date.min]
        ).fetchall()
        return {str(who) for (who,) in found}

    def replaced(self, pool: BookedPool) -> list[BookedPool]:
        """Returns the pool that a pool replaces, if any, and the corrections of that one."""
        before = replaced_by(pool, self.pools.values())
        return [] if before is None else [before, *corrections_of(before, self.pools.values())]

    def _add(self, table: str, *values: object) -> None:
        marks = ", ".join("?" * len(values))
        self._database.execute(f"INSERT INTO {table} VALUES ({marks})", list(values))  # noqa: S608

    def credits(self, contributor_id: str) -> list[tuple[BookedPool, int]]:
        """Returns each pool that moves a contributor's money, and what it adds."""
        query = "SELECT record, minor FROM moves WHERE contributor_id = ?"
        rows = self._rows(_Amount, query, contributor_id)
        return [(self.pools[row["record"]], int(row["minor"])) for row in rows]

    def total(self, contributor_id: str, record: int) -> int | None:
        """Returns a contributor's credit in one record; None without a line."""
        query = "SELECT credit_minor FROM credits WHERE contributor_id = ? AND record = ?"
        rows = self._rows(_Amount, query, contributor_id, record)
        return int(rows[0]["credit_minor"]) if rows else None

    def parts(self, contributor_id: str, record: int) -> list[tuple[str, int]]:
        """Returns what a fund's record adds for a contributor, by deal."""
        query = (
            "SELECT deal_id, minor FROM fund_moves WHERE contributor_id = ? AND record = ? "
            "AND minor <> 0 ORDER BY deal_id"
        )
        rows = self._rows(_Amount, query, contributor_id, record)
        return [(row["deal_id"], int(row["minor"])) for row in rows]

    def paid(self, contributor_id: str) -> list[PaidRow]:
        """Returns a contributor's rows of all payouts, with their record."""
        query = "SELECT * FROM paid WHERE contributor_id = ?"
        return self._rows(PaidRow, query, contributor_id)

    def unpaid(self, contributor_id: str) -> list[UnpaidRow]:
        """Returns a contributor's balances that payouts left as they were, with their record."""
        query = "SELECT * FROM unpaid WHERE contributor_id = ?"
        return self._rows(UnpaidRow, query, contributor_id)

    def carried(self, contributor_id: str, currency: str, last: date | None) -> Fraction:
        """Returns what is below a minor unit after the last pool up to a day."""
        known = [pool for pool in self.pools.values() if last is None or pool.day <= last]
        counting = {p.index for p in pools_that_count(known) if p.currency == currency}
        query = "SELECT record, due, credit_minor FROM credits WHERE contributor_id = ?"
        rows = [
            row for row in self._rows(_Amount, query, contributor_id) if row["record"] in counting
        ]
        return sum((Fraction(row["due"]) - row["credit_minor"] for row in rows), Fraction(0))

    def _rows(self, kind: type[_Row], query: str, *values: str | int) -> list[_Row]:
        done = self._database.execute(query, list(values))
        names = [column[0] for column in done.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in done.fetchall()]
        return cast("list[_Row]", rows)


def payout_day(record: Record) -> date:
    """Returns the day of a payout."""
    return date.fromisoformat(str(record.private["day"]))


@contextmanager
def open_movements(log: ReadableLog, contributor_id: str = "") -> Iterator[Movements]:
    """Loads the books into a database, which is closed at the end of the block.

    Args:
        log: The agency's log.
        contributor_id: The only contributor who is asked for; empty for all.

    Raises:
        RunError: If the books are damaged.
    """
    with open_database() as database:
        yield Movements(log, database, contributor_id)
