"""What a contributor earned and was paid in a period: lines, proofs, sums, balances.

The record contains one contributor only, and all that is needed to check it offline.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypedDict

from pipelines.ledger.statement_form import StatementLine
from pipelines.statements.money import AccountMoney
from schemas.money import format_amount

#: Version of the record. Changing its fields requires a new version.
ACCOUNT_VERSION = "fairshard/account/v3"


class AccountLine(StatementLine):
    """A line with the path from its leaf to the root of its delivery's log, in base64."""

    proof: list[str]


class SumProof(TypedDict):
    """The path from a contributor's total to the pool in the delivery's sum tree.

    `path` has pairs of a sum in minor units, as text, and a hash in base64, lowest first.
    """

    note: str
    salt: str
    index: int
    path: list[tuple[str, str]]


class LoggedSum(TypedDict):
    """The record of a delivery in the agency's log, which shows everybody the same sums.

    `leaf` is the record's leaf, as text; `path` leads from it to the root of the log's checkpoint,
    which `vkey` has signed.
    """

    vkey: str
    checkpoint: str
    leaf: str
    path: list[str]


class ReplacedTotal(TypedDict):
    """What a contributor was credited with a delivery that another one replaces.

    `sum` is None if the contributor had no line in it; `logged` is as for a delivery.
    """

    delivery: str
    total_minor: int
    total: str
    vkey: str
    sum: SumProof | None
    logged: LoggedSum | None


class AccountDelivery(TypedDict):
    """One delivery's lines and what proves them. Keys are in the order they are written.

    `credited` is what the delivery adds to the account: its total, less what a delivery that it
    replaces had credited. `sum` is None if the contributor was in the replaced delivery only.
    `logged` is None if the agency's log does not have the delivery's sums.
    """

    delivery: str
    deal_id: str
    date: str
    currency: str
    total_minor: int
    total: str
    replaces: ReplacedTotal | None
    credited_minor: int
    credited: str
    vkey: str
    checkpoint: str
    sum: SumProof | None
    logged: LoggedSum | None
    lines: list[AccountLine]


class DealTotal(TypedDict):
    """Earnings by deal and currency."""

    deal_id: str
    currency: str
    deliveries: int
    lines: int
    total_minor: int
    total: str


class MonthTotal(TypedDict):
    """Earnings by month (`2026-07`) and currency."""

    month: str
    currency: str
    total_minor: int
    total: str


class CurrencyTotal(TypedDict):
    """Earnings by currency."""

    currency: str
    lines: int
    total_minor: int
    total: str


class AccountPayee(TypedDict):
    """Who is paid, as the catalogue of `delivery` had it; all are empty without a line anywhere."""

    delivery: str
    display_name: str
    country: str
    payee_currency: str
    payee_ref: str


#: The payee of a contributor who has no line in any delivery.
NO_PAYEE = AccountPayee(delivery="", display_name="", country="", payee_currency="", payee_ref="")


class Account(TypedDict):
    """One contributor's statement over a period. `first` and `last` are empty for all time.

    `money` is None if the statement is of one deal, or the output has no books.
    """

    version: str
    contributor_id: str
    payee: AccountPayee
    first: str
    last: str
    totals: list[CurrencyTotal]
    by_deal: list[DealTotal]
    by_month: list[MonthTotal]
    deliveries: list[AccountDelivery]
    money: AccountMoney | None


class _Earned(NamedTuple):
    """What a delivery, a payment or an adjustment adds to what was earned."""

    date: str
    deal_id: str
    currency: str
    minor: int
    deliveries: int = 0
    lines: int = 0


def make_account(
    contributor_id: str,
    first: str,
    last: str,
    deliveries: Sequence[AccountDelivery],
    money: AccountMoney | None = None,
    payee: AccountPayee = NO_PAYEE,
) -> Account:
    """Returns a statement with its sums.

    Args:
        contributor_id: The contributor.
        first: First day of the period, ISO 8601; empty for all time.
        last: Last day of the period.
        deliveries: Their deliveries, in order.
        money: Later revenue, payouts and balances.
        payee: Who is paid.
    """
    lines: defaultdict[str, int] = defaultdict(int)
    minor: defaultdict[str, int] = defaultdict(int)
    months: defaultdict[tuple[str, str], int] = defaultdict(int)
    deals: defaultdict[tuple[str, str], list[_Earned]] = defaultdict(list)
    for item in _earned(deliveries, money):
        lines[item.currency] += item.lines
        minor[item.currency] += item.minor
        months[item.date[:7], item.currency] += item.minor
        deals[item.deal_id, item.currency].append(item)
    return Account(
        version=ACCOUNT_VERSION,
        contributor_id=contributor_id,
        payee=payee,
        first=first,
        last=last,
        totals=[
            CurrencyTotal(
                currency=currency,
                lines=lines[currency],
                total_minor=total,
                total=format_amount(total, currency),
            )
            for currency, total in sorted(minor.items())
        ],
        by_deal=[_deal_total(*key, items) for key, items in sorted(deals.items())],
        by_month=[
            MonthTotal(
                month=month,
                currency=currency,
                total_minor=total,
                total=format_amount(total, currency),
            )
            for (month, currency), total in sorted(months.items())
        ],
        deliveries=list(deliveries),
        money=money,
    )


def _earned(deliveries: Sequence[AccountDelivery], money: AccountMoney | None) -> Iterator[_Earned]:
    for item in deliveries:
        yield _Earned(
            item["date"],
            item["deal_id"],
            item["currency"],
            item["credited_minor"],
            1,
            len(item["lines"]),
        )
    if money is None:
        return
    for payment in money["payments"]:
        for part in payment["parts"]:
            yield _Earned(payment["date"], part["deal_id"], payment["currency"], part["minor"])
    for one in money["adjustments"]:
        yield _Earned(one["date"], one["deal_id"], one["currency"], one["minor"])


def _deal_total(deal_id: str, currency: str, items: Sequence[_Earned]) -> DealTotal:
    total = sum(item.minor for item in items)
    return DealTotal(
        deal_id=deal_id,
        currency=currency,
        deliveries=sum(item.deliveries for item in items),
        lines=sum(item.lines for item in items),
        total_minor=total,
        total=format_amount(total, currency),
    )
