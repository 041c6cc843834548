"""The books as a double-entry journal: one transaction for each pool, correction and payment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby

from pipelines.accounts.log import AgencyLog
from pipelines.accounts.pools import (
    BookedPool,
    booked_pools,
    corrections_of,
    credits_of,
    replaced_by,
)
from pipelines.ledger.journal import Transaction
from pipelines.ledger.postings import (
    Settled,
    fund_transaction,
    payout_transaction,
    pool_transaction,
)
from pipelines.ledger.record import Kind, Record
from schemas.ledger import PAYOUT_LINES_SCHEMA


def transactions(log: AgencyLog) -> Iterator[Transaction]:
    """Yields the transactions of all records in their order.

    A pool that replaces an earlier one moves only the differences to it and its corrections.

    Raises:
        RunError: If the books are damaged.
    """
    pools = {pool.index: pool for pool in booked_pools(log)}
    for index in range(log.size):
        record = log.record(index)
        if index in pools:
            made = _pool(log, pools[index], pools)
            if made is not None:
                yield made
        elif record.kind is Kind.PAYOUT:
            yield from _payout(log, record)


def _pool(log: AgencyLog, pool: BookedPool, pools: Mapping[int, BookedPool]) -> Transaction | None:
    replaced = replaced_by(pool, pools.values())
    before = [] if replaced is None else [replaced, *corrections_of(replaced, pools.values())]
    day, code, name, currency = pool.day, f"r{pool.index}", str(pool.fields["name"]), pool.currency
    agency = pool.fields["agency_minor"] - sum(one.fields["agency_minor"] for one in before)
    rounding = pool.fields["rounding_minor"] - sum(one.fields["rounding_minor"] for one in before)
    credits = _less(credits_of(log, [pool]), credits_of(log, before))
    deductions = _less(_deductions([pool]), _deductions(before))
    if "parts" in pool.fields:
        revenue = _less(_revenue([pool]), _revenue(before))
        return fund_transaction(
            day, code, name, currency, revenue, agency, credits, deductions, rounding
        )
    deal = str(pool.fields["deal_id"])
    return pool_transaction(day, code, deal, name, currency, agency, credits, deductions, rounding)


def _revenue(pools: Iterable[BookedPool]) -> dict[str, int]:
    """Returns what each deal brings to a fund."""
    parts = [part for pool in pools for part in pool.fields["parts"]]
    return {str(part["deal_id"]): int(part["gross_minor"]) for part in parts}


def _less(now: Mapping[str, int], before: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(name, now.get(name, 0) - before.get(name, 0)) for name in sorted({*now, *before})]


def _deductions(pools: Sequence[BookedPool]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for pool in pools:
        for item in pool.fields["deductions"]:
            found[str(item["name"])] += int(item["minor"])
    return found


def _payout(log: AgencyLog, record: Record) -> Iterator[Transaction]:
    day = date.fromisoformat(str(record.private["day"]))
    lines = log.books.read_lines(str(record.private["lines_sha256"]), PAYOUT_LINES_SCHEMA)
    rows = lines.sort_by([("contributor_id", "ascending"), ("paid_currency", "ascending")])
    for (who, currency), group in groupby(
        rows.to_pylist(), lambda row: (row["contributor_id"], row["paid_currency"])
    ):
        yield payout_transaction(day, f"r{record.index}", who, currency, _settled(list(group)))


def _settled(rows: Sequence[Mapping[str, object]]) -> list[Settled]:
    return [
        Settled(
            str(row["currency"]),
            str(row["source_country"]),
            int(str(row["amount_minor"])),
            int(str(row["converted_minor"])),
            int(str(row["withheld_minor"])),
        )
        for row in rows
    ]
