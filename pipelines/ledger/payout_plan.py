"""The parts of a plan of payouts: who is paid, which balances, and what stays for which reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from schemas.payout_terms import Exchange, Withholding


@dataclass(frozen=True, slots=True)
class Balance:
    """What a contributor has been credited and not been paid, from one source.

    Args:
        contributor_id: The contributor.
        currency: ISO 4217 code.
        source_country: Where the income comes from, ISO 3166-1 alpha-2; "" if that is not stated.
        amount_minor: Credits minus payouts, in minor units; negative after a reversal.
    """

    contributor_id: str
    currency: str
    source_country: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Payee:
    """What the catalogue says about a contributor as a payee; "" where it says nothing.

    Args:
        contributor_id: The contributor.
        display_name: Name.
        country: ISO 3166-1 alpha-2.
        currency: The currency in which they are paid; "" for the currency of each credit.
        payee_ref: How the payment system knows them.
    """

    contributor_id: str
    display_name: str = ""
    country: str = ""
    currency: str = ""
    payee_ref: str = ""


@dataclass(frozen=True, slots=True)
class PaidBalance:
    """A balance as it is paid out.

    Args:
        balance: The balance, all of which is paid.
        rate: The exchange rate, or None if the currency stays.
        converted_minor: The balance in the currency of the payout.
        withholding: The rule that was applied, or None if the terms have none.
        withheld_minor: What is withheld, in the currency of the payout.
    """

    balance: Balance
    rate: Exchange | None
    converted_minor: int
    withholding: Withholding | None
    withheld_minor: int


@dataclass(frozen=True)
class Payout:
    """One payment to one contributor.

    Args:
        payee: Who is paid.
        currency: ISO 4217 code of the payment.
        parts: The balances that it settles.
    """

    payee: Payee
    currency: str
    parts: tuple[PaidBalance, ...]

    @property
    def gross_minor(self) -> int:
        """The sum of the balances, in minor units of the payment's currency."""
        return sum(part.converted_minor for part in self.parts)

    @property
    def withheld_minor(self) -> int:
        """What is withheld, in minor units."""
        return sum(part.withheld_minor for part in self.parts)

    @property
    def net_minor(self) -> int:
        """What the contributor receives, in minor units."""
        return self.gross_minor - self.withheld_minor


class Unpaid(StrEnum):
    """Why a balance is not paid out."""

    BELOW_THRESHOLD = "below_threshold"
    NEGATIVE = "negative_balance"
    HELD = "held"
    NO_RATE = "no_exchange_rate"
    NO_WITHHOLDING_RULE = "no_withholding_rule"


@dataclass(frozen=True)
class Unsettled:
    """Balances that stay as they are.

    Args:
        payee: Whose they are.
        balances: The balances.
        reason: Why they are not paid.
        detail: The reason in words, with its figures or names.
    """

    payee: Payee
    balances: tuple[Balance, ...]
    reason: Unpaid
    detail: str


@dataclass(frozen=True)
class PayoutPlan:
    """What becomes of every balance on a day.

    Args:
        day: The day.
        payouts: Payments, by contributor and currency.
        unsettled: What stays, by contributor and currency.
    """

    day: date
    payouts: list[Payout] = field(default_factory=list)
    unsettled: list[Unsettled] = field(default_factory=list)
