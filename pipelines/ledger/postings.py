"""The journal's transactions for pools and payouts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from pipelines.ledger.journal import Posting, Transaction, account_part

#: Where withheld tax goes if the source of the income is not stated.
UNSTATED_SOURCE = "unstated"
_CONVERSION = "equity:conversion"


def contributor_account(contributor_id: str) -> str:
    """Returns the account of what a contributor is owed."""
    return f"liabilities:contributors:{account_part(contributor_id)}"


def pool_transaction(
    day: date,
    code: str,
    deal_id: str,
    pool: str,
    currency: str,
    agency_minor: int,
    credits: Iterable[tuple[str, int]],
    deductions: Iterable[tuple[str, int]] = (),
    rounding_minor: int = 0,
) -> Transaction | None:
    """Returns the transaction that divides a pool, or a correction of one; None if nothing moves.

    Args:
        day: When it is recorded.
        code: The record's reference.
        deal_id: The deal whose buyer owes the pool.
        pool: The pool's name.
        currency: ISO 4217 code of all amounts.
        agency_minor: The agency's part.
        credits: Contributors' ids and minor units; negative in a correction.
        deductions: Names and minor units of what is deducted before the split.
        rounding_minor: Units that nobody is given.
    """
    parts = _given(agency_minor, credits, deductions, rounding_minor)
    gross = sum(minor for _, minor in parts)
    description = f"pool {account_part(pool)} of {deal_id}"
    return _divided(day, code, description, currency, [(deal_id, gross)], parts)


def fund_transaction(
    day: date,
    code: str,
    fund: str,
    currency: str,
    revenue: Iterable[tuple[str, int]],
    agency_minor: int,
    credits: Iterable[tuple[str, int]],
    deductions: Iterable[tuple[str, int]] = (),
    rounding_minor: int = 0,
) -> Transaction | None:
    """Returns the transaction that divides a fund, or corrects one; None if nothing moves.

    Args:
        day: When it is recorded.
        code: The record's reference.
        fund: The fund's name.
        currency: ISO 4217 code of all amounts.
        revenue: Each deal and what its buyer owes, in minor units.
        agency_minor: The agency's part.
        credits: Contributors' ids and minor units; negative in a correction.
        deductions: Names and minor units of what is deducted before the division.
        rounding_minor: Units that nobody is given.
    """
    parts = _given(agency_minor, credits, deductions, rounding_minor)
    return _divided(day, code, f"fund {account_part(fund)}", currency, revenue, parts)


def _given(
    agency_minor: int,
    credits: Iterable[tuple[str, int]],
    deductions: Iterable[tuple[str, int]],
    rounding_minor: int,
) -> list[tuple[str, int]]:
    """Returns what a pool is divided into: accounts and minor units."""
    return [
        *((f"income:deductions:{account_part(name)}", minor) for name, minor in deductions),
        ("income:agency", agency_minor),
        *((contributor_account(who), minor) for who, minor in credits),
        ("equity:rounding", rounding_minor),
    ]


def _divided(
    day: date,
    code: str,
    description: str,
    currency: str,
    revenue: Iterable[tuple[str, int]],
    parts: Iterable[tuple[str, int]],
) -> Transaction | None:
    owed = [(f"assets:receivable:{account_part(deal)}", minor) for deal, minor in revenue]
    postings = [*owed, *((account, -minor) for account, minor in parts)]
    moved = tuple(Posting(account, minor, currency) for account, minor in postings if minor)
    return Transaction(day, code, description, moved) if moved else None


class Settled(NamedTuple):
    """A balance that a payout settles.

    Attributes:
        currency: The balance's currency.
        source_country: Where the income comes from, or "".
        amount_minor: The balance, in minor units.
        converted_minor: The same in the currency of the payout.
        withheld_minor: What is withheld of it, in the currency of the payout.
    """

    currency: str
    source_country: str
    amount_minor: int
    converted_minor: int
    withheld_minor: int


def payout_transaction(
    day: date, code: str, contributor_id: str, currency: str, parts: Sequence[Settled]
) -> Transaction:
    """Returns the transaction that pays a contributor and settles their balances.

    Args:
        day: The day of the payout.
        code: The record's reference.
        contributor_id: Who is paid.
        currency: ISO 4217 code of the payment.
        parts: The balances.
    """
    net = sum(part.converted_minor - part.withheld_minor for part in parts)
    postings = [
        *(posting for part in parts for posting in _settled(contributor_id, currency, part)),
        Posting("assets:bank", -net, currency),
    ]
    moved = tuple(posting for posting in postings if posting.amount_minor)
    return Transaction(day, code, f"payout to {account_part(contributor_id)}", moved)


def _settled(contributor_id: str, currency: str, part: Settled) -> Iterator[Posting]:
    yield Posting(contributor_account(contributor_id), part.amount_minor, part.currency)
    if part.currency != currency:
        yield Posting(_CONVERSION, -part.amount_minor, part.currency)
        yield Posting(_CONVERSION, part.converted_minor, currency)
    country = part.source_country or UNSTATED_SOURCE
    yield Posting(f"liabilities:withheld:{country}", -part.withheld_minor, currency)
