"""Replays the books: computes every division and payout again, and compares the bytes.

Taken as given are the records' terms and the weights that each pool's lines were frozen with.
Everything else follows: dues, credits, what is carried, deductions, the agency's part, the parts
of a fund, which balances a payout settles, and for how much.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest
from typing import cast

import pyarrow as pa

from pipelines.accounts.carried import carried_before
from pipelines.accounts.fund_division import lines_table, parts_table
from pipelines.accounts.payout_inputs import read_inputs, read_terms
from pipelines.accounts.payouts import payout_table, unpaid_table
from pipelines.accounts.pools import (
    BookedPool,
    carried_in,
    lines_of,
    payable_balances,
    pool_of,
    pools_that_count,
    replaced_by,
)
from pipelines.accounts.reader import ReadableLog
from pipelines.ledger.division import divide
from pipelines.ledger.fund import divide_fund, split_revenue
from pipelines.ledger.payable import plan_payouts
from pipelines.ledger.pool import DividedPool, fraction_text, pool_lines
from pipelines.ledger.record import Kind, Record
from pipelines.ledger.rules import Bounded
from pipelines.ledger.tile_proof import PublishedLog
from pipelines.storage.columns import values_of
from pipelines.storage.tables import parquet_bytes
from schemas.errors import FairshardError
from schemas.ledger import (
    FUND_PARTS_SCHEMA,
    PAYOUT_LINES_SCHEMA,
    POOL_LINES_SCHEMA,
    UNPAID_LINES_SCHEMA,
)
from schemas.money import round_half_down
from schemas.price_terms import Deduction, deduct

_HALF = Fraction(1, 2)


@dataclass
class Replay:
    """The result of a replay.

    Attributes:
        records: How many records were read.
        pools: How many pools were divided again, corrections included.
        payouts: How many payouts were planned again.
        rewritten: Tables with the same rows in other bytes: another release of pyarrow wrote them.
        skipped: What could not be replayed, and why.
        fault: The first record that is not what follows from those before it; "" if all are.
    """

    records: int = 0
    pools: int = 0
    payouts: int = 0
    rewritten: int = 0
    skipped: list[str] = field(default_factory=list)
    fault: str = ""


class _DifferentError(Exception):
    """Raised where a record is not what follows from those before it."""


class _Before:
    """The log as it was before a record."""

    def __init__(self, log: ReadableLog, size: int) -> None:
        self.books, self.checkpoint, self.vkey = log.books, log.checkpoint, log.vkey
        self._log, self._size = log, size

    @property
    def size(self) -> int:
        """Number of records."""
        return self._size

    @property
    def salt(self) -> bytes:
        """The agency's salt."""
        return self._log.salt

    def published(self) -> PublishedLog:
        """Returns the whole log."""
        return self._log.published()

    def record(self, index: int) -> Record:
        """Returns a record."""
        return self._log.record(index)


def replay(log: ReadableLog, tie_keys: Callable[[str], Sequence[bytes]]) -> Replay:
    """Replays all records in order, up to the first that is not what follows.

    Args:
        log: The agency's log.
        tie_keys: Returns the salts that may have decided ties in a deal's price.
    """
    done, pools = Replay(), list[BookedPool]()
    for index in range(log.size):
        kind = "unreadable"
        try:
            record = log.record(index)
            kind = str(record.kind)
            pool = pool_of(record)
            if pool is not None:
                _pool(log, pool, pools, tie_keys, done)
                pools.append(pool)
                done.pools += 1
            elif record.kind is Kind.PAYOUT:
                _payout(log, record, done)
        except (_DifferentError, FairshardError, KeyError, ValueError) as error:
            done.fault = f"record {index} ({kind}): {error}"
            break
        done.records += 1
    return done


def _pool(
    log: ReadableLog,
    pool: BookedPool,
    earlier: list[BookedPool],
    tie_keys: Callable[[str], Sequence[bytes]],
    done: Replay,
) -> None:
    fields, lines = pool.fields, lines_of(log, pool)
    _same("the sum of its credits", fields["contributors_minor"], sum(_credits(lines)))
    deducted = sum(item["minor"] for item in fields["deductions"])
    parts = deducted + fields["agency_minor"] + fields["contributors_minor"]
    _same("its gross amount", fields["gross_minor"], parts + fields["rounding_minor"])
    made: list[pa.Table]
    if pool.corrects is not None:
        made = [_removal(lines, _carried(log, earlier, pool.currency, None))]
    elif "parts" in fields:
        before = replaced_by(pool, earlier)
        _fund(log, pool, lines, _carried(log, earlier, pool.currency, before), done)
        return
    elif pool.is_price:
        carried = _price_carried(log, pool, earlier, lines)
        keys = tie_keys(str(fields["deal_id"]))
        made = [_divided(pool, lines, carried, key) for key in keys]
    else:
        _revenue_terms(pool)
        carried = _carried(log, earlier, pool.currency, None)
        made = [_divided(pool, lines, carried, log.salt)]
    _compare_any("its lines", str(fields["lines_sha256"]), made, lines, done)


def _credits(lines: pa.Table) -> list[int]:
    return values_of(lines["credit_minor"], int)


def _weights(lines: pa.Table) -> dict[str, int]:
    people, weights = values_of(lines["contributor_id"], str), values_of(lines["weight"], str)
    return dict(zip(people, map(int, weights), strict=True))


def _carried(
    log: ReadableLog, earlier: Iterable[BookedPool], currency: str, without: BookedPool | None
) -> dict[str, Fraction]:
    """Returns what was carried before a pool, the pool that it replaces left out."""
    gone = None if without is None else without.index
    standing = [
        pool
        for pool in pools_that_count(list(earlier))
        if gone is None or gone not in (pool.index, pool.corrects)
    ]
    return carried_in(log, standing, currency)


def _price_carried(
    log: ReadableLog, pool: BookedPool, earlier: Sequence[BookedPool], lines: pa.Table
) -> dict[str, Fraction]:
    """Returns what a price was divided with, which must be what was carried at some moment before.

    A version is divided when it is made, and may be recorded after other pools.
    """
    found = carried_before(lines)
    people = set(_weights(lines))
    for size in range(len(earlier), -1, -1):
        before = replaced_by(pool, earlier[:size])
        then = _carried(log, earlier[:size], pool.currency, before)
        if found == {who: value for who, value in then.items() if who in people}:
            return found
    raise _DifferentError("what it says was carried from earlier pools was never carried")


def _divided(
    pool: BookedPool, lines: pa.Table, carried: dict[str, Fraction], tie_key: bytes
) -> pa.Table:
    fields, weights = pool.fields, _weights(lines)
    deductions = [(item["name"], item["minor"]) for item in fields["deductions"]]
    gross, agency = fields["gross_minor"], fields["agency_minor"]
    shared = gross - agency - sum(minor for _, minor in deductions)
    basis = dict(zip(weights, values_of(lines["basis"], str), strict=True))
    division = divide(shared, weights, carried, tie_key)
    return pool_lines(
        DividedPool(gross, deductions, agency, shared, Bounded(weights, basis), division)
    )


def _deductions_by_terms(pool: BookedPool) -> list[tuple[str, int]]:
    stated = cast("list[object]", pool.fields["rule"]["deductions"])
    items = [Deduction.model_validate(item) for item in stated]
    return deduct(pool.fields["gross_minor"], items, pool.currency)


def _revenue_terms(pool: BookedPool) -> None:
    """Checks deductions and the agency's part of later revenue against its terms."""
    fields, taken = pool.fields, _deductions_by_terms(pool)
    stated = [(item["name"], item["minor"]) for item in fields["deductions"]]
    _same("its deductions", stated, taken)
    left = fields["gross_minor"] - sum(minor for _, minor in taken)
    share = Fraction(Decimal(str(fields["rule"]["agency_share"])))
    _same("the agency's part", fields["agency_minor"], round_half_down(left * share))


def _removal(lines: pa.Table, carried: dict[str, Fraction]) -> pa.Table:
    rows = []
    for row in lines.to_pylist():
        before, due = carried.get(row["contributor_id"], Fraction(0)), -Fraction(row["due"])
        taken = max(0, math.floor(due - before + _HALF))
        left = fraction_text(before - due + taken)
        rows.append({**row, "credit_minor": -taken, "carried": left})
    return pa.Table.from_pylist(rows, schema=POOL_LINES_SCHEMA)


def _fund(
    log: ReadableLog,
    pool: BookedPool,
    lines: pa.Table,
    carried: dict[str, Fraction],
    done: Replay,
) -> None:
    fields = pool.fields
    revenue = {part["deal_id"]: part["gross_minor"] for part in fields["parts"]}
    share = Fraction(Decimal(str(fields["rule"]["agency_share"])))
    deals = split_revenue(revenue, _deductions_by_terms(pool), share)
    made = divide_fund(deals, _weights(lines), carried, log.salt)
    _same("the agency's part", fields["agency_minor"], sum(d.agency_minor for d in deals.values()))
    _compare_any("its lines", str(fields["lines_sha256"]), [lines_table(made)], lines, done)
    digest = str(fields["parts_sha256"])
    parts = log.books.read_lines(digest, FUND_PARTS_SCHEMA)
    _compare_any("its parts by deal", digest, [parts_table(made)], parts, done)


def _payout(log: ReadableLog, record: Record, done: Replay) -> None:
    private = record.private
    if "inputs_sha256" not in private:
        done.skipped.append(
            f"record {record.index} (payout {private['name']}): it was recorded before payees and "
            "deals' holds were kept in the books"
        )
        return
    payees, held = read_inputs(log.books.read_document(str(private["inputs_sha256"])))
    terms = read_terms(private["terms"])
    day = date.fromisoformat(str(private["day"]))
    plan = plan_payouts(payable_balances(_Before(log, record.index), day), payees, terms, day, held)
    for what, name, schema, table in (
        ("what it pays", "lines_sha256", PAYOUT_LINES_SCHEMA, payout_table(plan)),
        ("what it leaves", "unpaid_sha256", UNPAID_LINES_SCHEMA, unpaid_table(plan)),
    ):
        digest = str(private[name])
        _compare_any(what, digest, [table], log.books.read_lines(digest, schema), done)
    done.payouts += 1


def _compare_any(
    what: str, digest: str, made: Sequence[pa.Table], found: pa.Table, done: Replay
) -> None:
    """Compares a recorded table with what it may be; several only where several salts may be."""
    if any(hashlib.sha256(parquet_bytes(one)).hexdigest() == digest for one in made):
        return
    if any(one.equals(found) for one in made):
        done.rewritten += 1
        return
    empty: dict[str, object] = {}
    rows = zip_longest(found.to_pylist(), made[0].to_pylist(), fillvalue=empty)
    recorded, expected = next(pair for pair in rows if pair[0] != pair[1])
    names = [name for name in found.column_names if recorded.get(name) != expected.get(name)]
    who = recorded.get("contributor_id") or expected.get("contributor_id")
    said = ", ".join(f"{n} {recorded.get(n)!r}, not {expected.get(n)!r}" for n in names)
    raise _DifferentError(f"{what}, contributor {who!a}: {said}")


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise _DifferentError(f"{what} is {found!r}, not {expected!r}")
