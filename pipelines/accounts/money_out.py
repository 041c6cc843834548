"""Makes what a statement says about payouts, and of balances that were not paid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from itertools import groupby

from pipelines.accounts.movements import Movements, PaidRow, UnpaidRow, payout_day
from pipelines.ledger.record import Record
from pipelines.statements.money import AccountPayout, Balance, Held, LogEntry, PaidPart
from schemas.money import format_amount


def payouts_of(
    movements: Movements, contributor_id: str, entry: Callable[[Record], LogEntry]
) -> list[AccountPayout]:
    """Returns all payments to a contributor, one for each payout and currency.

    Args:
        movements: The books.
        contributor_id: The contributor.
        entry: Returns the log's entry of a record.
    """
    rows = sorted(
        movements.paid(contributor_id),
        key=lambda row: (
            row["record"],
            row["paid_currency"],
            row["currency"],
            row["source_country"],
        ),
    )
    made = []
    for (record, currency), group in groupby(
        rows, lambda row: (row["record"], row["paid_currency"])
    ):
        found = movements.payouts[record]
        made.append(_payout(found, currency, [_part(row) for row in group], entry(found)))
    return made


def _payout(record: Record, currency: str, parts: list[PaidPart], entry: LogEntry) -> AccountPayout:
    gross = sum(part["gross_minor"] for part in parts)
    withheld = sum(part["withheld_minor"] for part in parts)
    return AccountPayout(
        record=record.index,
        date=payout_day(record).isoformat(),
        name=str(record.private["name"]),
        currency=currency,
        gross_minor=gross,
        gross=format_amount(gross, currency),
        withheld_minor=withheld,
        withheld=format_amount(withheld, currency),
        net_minor=gross - withheld,
        net=format_amount(gross - withheld, currency),
        parts=parts,
        entry=entry,
    )


def _part(row: PaidRow) -> PaidPart:
    return PaidPart(
        currency=row["currency"],
        source_country=row["source_country"],
        amount_minor=row["amount_minor"],
        amount=format_amount(row["amount_minor"], row["currency"]),
        rate=row["rate"],
        rate_source=row["rate_source"],
        gross_minor=row["converted_minor"],
        gross=format_amount(row["converted_minor"], row["paid_currency"]),
        withheld_minor=row["withheld_minor"],
        withheld=format_amount(row["withheld_minor"], row["paid_currency"]),
        net=format_amount(row["converted_minor"] - row["withheld_minor"], row["paid_currency"]),
        withholding_rate=row["withholding_rate"],
        withholding_source=row["withholding_source"],
    )


def held_of(
    movements: Movements,
    contributor_id: str,
    last: date | None,
    by_deals: Mapping[tuple[str, str], str],
    balances: Iterable[Balance],
) -> list[Held]:
    """Returns the balances that the last payout up to a day left, and those that deals hold.

    Args:
        movements: The books.
        contributor_id: The contributor.
        last: The day; None for all time.
        by_deals: Why deals hold money, by contributor and currency.
        balances: What is owed at the end of the day.
    """
    days = {index: payout_day(record) for index, record in movements.payouts.items()}
    known = [index for index, day in days.items() if last is None or day <= last]
    latest = max(known, key=lambda index: (days[index], index), default=None)
    rows = [row for row in movements.unpaid(contributor_id) if row["record"] == latest]
    found = [_unpaid(movements.payouts[row["record"]], row) for row in rows]
    named = {one["currency"] for one in found}
    for balance in balances:
        reason = by_deals.get((contributor_id, balance["currency"]))
        if reason and balance["closing_minor"] and balance["currency"] not in named:
            found.append(
                Held(
                    date="",
                    payout="",
                    currency=balance["currency"],
                    amount_minor=balance["closing_minor"],
                    amount=balance["closing"],
                    reason="held",
                    detail=reason,
                )
            )
    return found


def _unpaid(record: Record, row: UnpaidRow) -> Held:
    return Held(
        date=payout_day(record).isoformat(),
        payout=str(record.private["name"]),
        currency=row["currency"],
        amount_minor=row["amount_minor"],
        amount=format_amount(row["amount_minor"], row["currency"]),
        reason=row["reason"],
        detail=row["detail"],
    )
