"""What a statement says about money besides its lines: later revenue, payouts, holds and balances.

Later revenue is proved as far as the agency's log goes: the record's leaf is in the log, and the
credit is a leaf of the sum tree whose root that leaf has. Payouts are in the log by their day and
number; their amounts, holds and the balance at the start are the agency's word.
"""

from __future__ import annotations

from typing import TypedDict

#: Why a credit, or what is taken back, is in no line of the statement.
CONSIDERED = "considered"  # assets that the deal pays for although they were not delivered
NOT_IN_BOOKS = "not_in_books"  # the delivery is published, and its record is still missing
NOT_IN_OUTPUT = "not_in_output"  # the books have the delivery, and the output does not
REMOVAL = "removal"  # taken back for assets that were removed
REMOVAL_REPLACED = "removal_replaced"  # taken back before, of a version that is replaced now


class LogEntry(TypedDict):
    """A leaf of the agency's log, as text, and its path to the checkpoint's root, in base64."""

    leaf: str
    path: list[str]


class CreditProof(TypedDict):
    """The path from a credit to the root of its pool's sum tree, as in `SumProof`."""

    salt: str
    index: int
    path: list[tuple[str, str]]


class ReplacedCredit(TypedDict):
    """What a record credited that a later one replaces."""

    record: int
    total_minor: int
    total: str
    entry: LogEntry
    sum: CreditProof | None


class PaymentPart(TypedDict):
    """The part of a credit that comes from one deal's revenue."""

    deal_id: str
    minor: int
    amount: str


class AccountPayment(TypedDict):
    """A credit from later revenue: a payment of a delivery, a fund, or a correction.

    `credited` is what it adds: its total, less what a record that it replaces had credited. `sum`
    is None if there is no such proof, and then the amount is the agency's word.
    """

    record: int
    date: str
    kind: str
    name: str
    source: str
    period: str
    source_country: str
    currency: str
    total_minor: int
    total: str
    replaces: ReplacedCredit | None
    credited_minor: int
    credited: str
    parts: list[PaymentPart]
    entry: LogEntry
    sum: CreditProof | None


class Adjustment(TypedDict):
    """What is credited for a delivery, or taken back, beside its lines; see the constants."""

    date: str
    deal_id: str
    delivery: str
    currency: str
    minor: int
    amount: str
    reason: str


class PaidPart(TypedDict):
    """One balance that a payout settled: before and after conversion, and what was withheld."""

    currency: str
    source_country: str
    amount_minor: int
    amount: str
    rate: str
    rate_source: str
    gross_minor: int
    gross: str
    withheld_minor: int
    withheld: str
    net: str
    withholding_rate: str
    withholding_source: str


class AccountPayout(TypedDict):
    """One payment to the contributor, in the currency in which it was made."""

    record: int
    date: str
    name: str
    currency: str
    gross_minor: int
    gross: str
    withheld_minor: int
    withheld: str
    net_minor: int
    net: str
    parts: list[PaidPart]
    entry: LogEntry


class Held(TypedDict):
    """A balance that was not paid, and why. `payout` names the payout that left it, or is empty."""

    date: str
    payout: str
    currency: str
    amount_minor: int
    amount: str
    reason: str
    detail: str


class Balance(TypedDict):
    """What is owed in one currency: `closing` is `opening` + `earned` - `paid`.

    `carried` is what is below a minor unit after the last pool, as a fraction of minor units.
    """

    currency: str
    opening_minor: int
    opening: str
    earned_minor: int
    earned: str
    paid_minor: int
    paid: str
    closing_minor: int
    closing: str
    carried: str


class AccountMoney(TypedDict):
    """The money of a statement, with the checkpoint of the agency's log and its key."""

    vkey: str
    checkpoint: str
    balances: list[Balance]
    payments: list[AccountPayment]
    adjustments: list[Adjustment]
    payouts: list[AccountPayout]
    held: list[Held]
