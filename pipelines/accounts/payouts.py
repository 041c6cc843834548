"""Records payouts: each balance that is due is settled once, however often the command runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.payout_inputs import write_inputs
from pipelines.accounts.payout_repeats import NOT_LISTED, check_same_payout
from pipelines.accounts.pools import held_by_deals, payable_balances
from pipelines.ledger.payable import plan_payouts
from pipelines.ledger.payout_plan import PaidBalance, Payee, Payout, PayoutPlan
from pipelines.ledger.record import AllSets, Kind, Record
from pipelines.storage.tables import parquet_bytes
from schemas.errors import FairshardError, InputError
from schemas.ledger import PAYOUT_LINES_SCHEMA, UNPAID_LINES_SCHEMA
from schemas.payout_terms import PayoutTerms


@dataclass(frozen=True)
class RecordedPayout:
    """A payout in the books.

    Attributes:
        record: Its record.
        lines: The balances that it settles, PAYOUT_LINES_SCHEMA.
        unpaid: The balances that stayed, UNPAID_LINES_SCHEMA.
        is_new: Whether it was recorded now; otherwise, it had been before.
    """

    record: Record
    lines: pa.Table
    unpaid: pa.Table
    is_new: bool


class NothingToPayError(FairshardError):
    """Raised when no balance can be paid; nothing is recorded then.

    Attributes:
        plan: What becomes of the balances.
    """

    exit_code = 1

    def __init__(self, plan: PayoutPlan) -> None:
        super().__init__(
            "No balance can be paid",
            f"{len(plan.unsettled)} stay as they are on {plan.day}",
            "Nothing was recorded.",
        )
        self.plan = plan


def record_payout(
    log: AgencyLog,
    name: str,
    terms: PayoutTerms,
    payees: Mapping[str, Payee] | None,
    day: date,
    recorded_at: str,
) -> RecordedPayout:
    """Plans a payout from all balances and records it, once for each name.

    Args:
        log: The agency's log.
        name: Names the payout; with the name of an earlier one, that one is returned.
        terms: Thresholds, holds, withholding and rates.
        payees: What the catalogue says about contributors, by id; others are not paid. None if
            there is no catalogue: everybody is paid, by their id.
        day: The day of the payout.
        recorded_at: ISO 8601 instant.

    Raises:
        NothingToPayError: If no balance can be paid.
        InputError: If the name is that of a payout of another day or with other terms or payees,
            or the terms contradict themselves.
        RunError: If the books are damaged.
    """
    created: list[int] = []

    def make(index: int, sets: AllSets) -> NewRecord:
        return NewRecord({}, _new_payout(log, name, terms, payees, day), sets)

    record = append_record(log, Kind.PAYOUT, ("payout", name), recorded_at, make, created.append)
    if record.private["day"] != day.isoformat():
        raise InputError(
            "There is another payout with this name",
            f"{name!r} of {record.private['day']}",
            "Nothing was recorded. Give this payout a name of its own with --name.",
        )
    if record.index not in created:
        check_same_payout(log.books, record, terms, payees)
    return RecordedPayout(
        record,
        log.books.read_lines(str(record.private["lines_sha256"]), PAYOUT_LINES_SCHEMA),
        log.books.read_lines(str(record.private["unpaid_sha256"]), UNPAID_LINES_SCHEMA),
        record.index in created,
    )


def _new_payout(
    log: AgencyLog,
    name: str,
    terms: PayoutTerms,
    payees: Mapping[str, Payee] | None,
    day: date,
) -> dict[str, object]:
    """Plans a payout, stores its lines and inputs, and returns the private part of its record."""
    owed, held = payable_balances(log, day), held_by_deals(log)
    if payees is not None:
        held |= {
            (one.contributor_id, one.currency): NOT_LISTED
            for one in owed
            if one.contributor_id not in payees
        }
    listed = payees or {}
    plan = plan_payouts(owed, listed, terms, day, held)
    if not plan.payouts:
        raise NothingToPayError(plan)
    known = [listed[who] for who in sorted({one.contributor_id for one in owed} & {*listed})]
    lines = log.books.write_lines(parquet_bytes(payout_table(plan)))
    unpaid = log.books.write_lines(parquet_bytes(unpaid_table(plan)))
    return {
        "name": name,
        "day": day.isoformat(),
        "terms": terms.model_dump(mode="json"),
        "lines_sha256": lines,
        "unpaid_sha256": unpaid,
        "inputs_sha256": log.books.write_document(write_inputs(known, held)),
    }


def payout_table(plan: PayoutPlan) -> pa.Table:
    """Returns the lines of a plan's payouts (PAYOUT_LINES_SCHEMA)."""
    rows = [_line(payout, part) for payout in plan.payouts for part in payout.parts]
    return pa.Table.from_pylist(rows, schema=PAYOUT_LINES_SCHEMA)


def _line(payout: Payout, part: PaidBalance) -> dict[str, object]:
    payee, balance, rate, rule = payout.payee, part.balance, part.rate, part.withholding
    return {
        "contributor_id": payee.contributor_id,
        "currency": balance.currency,
        "source_country": balance.source_country,
        "amount_minor": balance.amount_minor,
        "paid_currency": payout.currency,
        "rate": "" if rate is None else str(rate.rate),
        "rate_source": "" if rate is None else f"{rate.source}, {rate.date}",
        "converted_minor": part.converted_minor,
        "withholding_rate": "" if rule is None else str(rule.rate),
        "withholding_source": "" if rule is None else rule.source,
        "withheld_minor": part.withheld_minor,
        "display_name": payee.display_name,
        "country": payee.country,
        "payee_ref": payee.payee_ref,
    }


def unpaid_table(plan: PayoutPlan) -> pa.Table:
    """Returns the balances of a plan that stay as they are (UNPAID_LINES_SCHEMA)."""
    rows = [
        {
            "contributor_id": balance.contributor_id,
            "currency": balance.currency,
            "source_country": balance.source_country,
            "amount_minor": balance.amount_minor,
            "reason": one.reason.value,
            "detail": one.detail,
        }
        for one in plan.unsettled
        for balance in one.balances
    ]
    return pa.Table.from_pylist(rows, schema=UNPAID_LINES_SCHEMA)


def payments_of(lines: pa.Table) -> Iterator[dict[str, object]]:
    """Yields one payment per contributor and currency, with gross, withheld and net."""
    found: dict[tuple[str, str], dict[str, object]] = {}
    for row in lines.to_pylist():
        place = (row["contributor_id"], row["paid_currency"])
        payment = found.setdefault(
            place,
            {
                "contributor_id": row["contributor_id"],
                "display_name": row["display_name"],
                "payee_ref": row["payee_ref"],
                "currency": row["paid_currency"],
                "gross_minor": 0,
                "withheld_minor": 0,
                "net_minor": 0,
            },
        )
        for name, minor in (
            ("gross_minor", row["converted_minor"]),
            ("withheld_minor", row["withheld_minor"]),
            ("net_minor", row["converted_minor"] - row["withheld_minor"]),
        ):
            payment[name] = int(str(payment[name])) + minor
    yield from found.values()
