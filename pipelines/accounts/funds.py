"""Records funds: revenue of many deals that is divided once by weights over all their deliveries.

A fund belongs to no delivery, so its record names them all. If a delivery is replaced later, or an
amount was wrong, a correction divides the fund again, and the books hold the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.fund_division import (
    Fund,
    divided,
    first_day,
    lines_table,
    outcome,
    parts_table,
)
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.pools import BookedPool, booked_pools, lines_of, pool_of, pools_that_count
from pipelines.accounts.sums import credit_sum_fields
from pipelines.ledger.record import AllSets, Kind, Record, in_canonical_form
from pipelines.storage.tables import parquet_bytes
from schemas.errors import InputError
from schemas.money import MAX_MINOR, format_amount


@dataclass(frozen=True)
class RecordedFund:
    """A fund in the books.

    Attributes:
        record: The record that counts: the fund's own, or its latest correction.
        pool: What it divides.
        lines: Its lines, POOL_LINES_SCHEMA.
        is_new: Whether it was recorded now.
        replaced: Deliveries of the record that other ones replace, so that a correction would
            move money.
    """

    record: Record
    pool: BookedPool
    lines: pa.Table
    is_new: bool
    replaced: list[str]

    @property
    def stopped(self) -> int:
        """How many removed assets do not share in it."""
        found = self.record.private.get("stopped")
        return found if isinstance(found, int) else 0


def record_fund(log: AgencyLog, fund: Fund, recorded_at: str, correct: bool) -> RecordedFund:
    """Divides a fund and records it, once for each name; or corrects what is recorded.

    Args:
        log: The agency's log.
        fund: The revenue.
        recorded_at: ISO 8601 instant.
        correct: Record the difference if terms or deliveries are others than recorded.

    Raises:
        InputError: If an amount is out of range, a deal has no delivery in the books, nobody has a
            weight, or the name is taken by a fund with other terms and `correct` is not set.
        RunError: If the books are damaged.
    """
    _check_amounts(fund)
    log.refresh()
    current = _current(fund.name, booked_pools(log))
    if current is None:
        return _append(log, fund, recorded_at, Kind.PAYMENT, ("fund", fund.name), None)
    different = _different(fund, current)
    if correct:
        _check_currency(fund, current)
    standing = {name for names in _deliveries(fund, booked_pools(log)).values() for name in names}
    replaced = sorted({*_named(current)} - standing) if not different else []
    if correct and (different or standing != {*_named(current)}):
        event = ("fund-correction", fund.name, str(current.index))
        return _append(log, fund, recorded_at, Kind.CORRECTION, event, current)
    if different:
        raise InputError(
            "There is another fund with this name",
            f"{fund.name!r}, record {current.index}, has {different}",
            "Nothing was recorded. Give this fund a name of its own with --name, or record the "
            "difference with --correct.",
        )
    return RecordedFund(current.record, current, lines_of(log, current), False, replaced)


def _append(
    log: AgencyLog,
    fund: Fund,
    recorded_at: str,
    kind: Kind,
    event: tuple[str, ...],
    before: BookedPool | None,
) -> RecordedFund:
    created: list[int] = []

    def make(index: int, sets: AllSets) -> NewRecord:
        pools = booked_pools(log)
        deliveries = _deliveries(fund, pools)
        day = first_day(pools, before, recorded_at)
        made, stopped = divided(log, fund, deliveries, pools, before, day)
        private = {
            **fund.terms(),
            **outcome(made, deliveries),
            "deal_id": "",
            "delivery": "",
            "replaces": None,
            "replaces_record": None if before is None else before.index,
            "lines_sha256": log.books.write_lines(parquet_bytes(lines_table(made))),
            "parts_sha256": log.books.write_lines(parquet_bytes(parts_table(made))),
        }
        names = sorted(name for own in deliveries.values() for name in own)
        public: dict[str, object] = {"deliveries": names}
        if before is not None:
            public["replaces_record"] = before.index
        gross = sum(fund.revenue.values())
        public |= credit_sum_fields(log.salt, event, made.division.credits, gross)
        more = {"stopped": stopped} if stopped else {}
        return NewRecord(public, {"pool": in_canonical_form(private), **more}, sets)

    record = append_record(log, kind, event, recorded_at, make, created.append)
    pool = pool_of(record)
    if pool is None:
        raise AssertionError("a fund has a pool")
    if different := _different(fund, pool):  # another process was first, with other terms
        raise InputError(
            "There is another fund with this name",
            f"{fund.name!r}, record {pool.index}, has {different}",
            "Nothing was recorded. Give this fund a name of its own with --name.",
        )
    return RecordedFund(record, pool, lines_of(log, pool), record.index in created, [])


def _check_amounts(fund: Fund) -> None:
    total = sum(fund.revenue.values())
    wrong = {deal: minor for deal, minor in fund.revenue.items() if minor <= 0}
    if wrong or not fund.revenue or total > MAX_MINOR:
        said = ", ".join(f"{deal} {format_amount(m, fund.currency)}" for deal, m in wrong.items())
        raise InputError(
            "The revenue cannot be shared",
            said or f"{len(fund.revenue)} deals, {format_amount(total, fund.currency)[:60]}",
            "Nothing was recorded. Give each deal more than 0, and together at most "
            f"{format_amount(MAX_MINOR, fund.currency)}.",
        )


def _current(name: str, pools: Sequence[BookedPool]) -> BookedPool | None:
    """Returns the record of a fund that counts."""
    own = [p for p in pools_that_count(pools) if "parts" in p.fields and p.fields["name"] == name]
    return own[-1] if own else None


def _named(pool: BookedPool) -> list[str]:
    return [name for part in pool.fields["parts"] for name in part["deliveries"]]


def _check_currency(fund: Fund, current: BookedPool) -> None:
    """Refuses to move a fund to another currency, since what was paid would be paid twice."""
    for what, was, now in (
        ("currency", current.currency, fund.currency),
        ("source country", current.source_country, fund.source_country),
    ):
        if was != now:
            raise InputError(
                f"A correction cannot change a fund's {what}",
                f"fund {fund.name!r} was recorded with {was or 'none'}, not {now or 'none'}",
                "Nothing was recorded. Correct its amounts, and record other revenue under a name "
                "of its own.",
            )


def _different(fund: Fund, pool: BookedPool) -> str:
    """Says what is different in the record; empty if nothing is."""
    revenue = {part["deal_id"]: part["gross_minor"] for part in pool.fields["parts"]}
    if revenue != dict(fund.revenue):
        shown = (f"{deal} {format_amount(m, pool.currency)}" for deal, m in revenue.items())
        return "the revenue " + ", ".join(shown)
    fields: Mapping[str, object] = {**pool.fields}
    for name, value in fund.terms().items():
        if fields.get(name) != value:
            return f"{name} = {fields.get(name)!r}, not {value!r}"
    return ""


def _deliveries(fund: Fund, pools: Sequence[BookedPool]) -> dict[str, list[str]]:
    """Returns the deliveries of each deal that no other one replaces."""
    standing = [pool for pool in pools_that_count(pools) if pool.is_price]
    found = {
        deal: sorted({pool.delivery for pool in standing if pool.fields["deal_id"] == deal})
        for deal in sorted(fund.revenue)
    }
    if missing := [deal for deal, names in found.items() if not names]:
        known = sorted({str(pool.fields["deal_id"]) for pool in standing})
        raise InputError(
            "A deal has no delivery in the agency's books",
            f"{', '.join(missing)[:200]!a}; there are: {', '.join(known)[:200] or 'none'}",
            "Nothing was recorded. Name one of these, or publish the delivery first.",
        )
    return found
