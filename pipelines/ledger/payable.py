"""What is paid out on a day: balances, conversion, threshold, holds and withholding.

Every balance either is paid in full or stays as it is, with one reason. All amounts are whole minor
units; conversion and withholding are computed exactly and rounded once each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from types import MappingProxyType
from typing import TypeVar

from pipelines.ledger.payout_plan import (
    Balance,
    PaidBalance,
    Payee,
    Payout,
    PayoutPlan,
    Unpaid,
    Unsettled,
)
from schemas.errors import InputError
from schemas.money import MAX_MINOR, format_amount
from schemas.payout_terms import ANY_SOURCE, Exchange, PayoutTerms, Threshold, Withholding

_Terms = TypeVar("_Terms", Threshold, Withholding)
_One = TypeVar("_One")


def plan_payouts(
    balances: Iterable[Balance],
    payees: Mapping[str, Payee],
    terms: PayoutTerms,
    day: date,
    held: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> PayoutPlan:
    """Decides for every balance whether it is paid on a day.

    A contributor with a currency of their own gets one payment in it; otherwise one payment for
    each currency of their balances. Balances of zero are left out.

    Args:
        balances: One for each contributor, currency and source; order does not matter.
        payees: What is known about contributors, by id; all others are known by their id only.
        terms: Thresholds, holds, withholding and rates.
        day: The day of the payout.
        held: Why a deal holds money, by contributor and currency of the credit.

    Raises:
        InputError: If an amount is too large for the tables; if two thresholds, withholding rules
            or rates apply equally; or if two balances are of the same contributor, currency and
            source.
    """
    terms_of_day = _Day(terms, day, held)
    plan = PayoutPlan(day)
    for payee, currency, found in _payments(balances, payees):
        rates = {one.currency: _rate(terms.rates, one.currency, currency, day) for one in found}
        stuck = tuple(one for one in found if one.currency != currency and not rates[one.currency])
        if stuck:
            without = ", ".join(dict.fromkeys(one.currency for one in stuck))
            detail = f"no rate from {without} to {currency} up to {day}"
            plan.unsettled.append(Unsettled(payee, stuck, Unpaid.NO_RATE, detail))
        convertible = [one for one in found if one not in stuck]
        if not convertible:
            continue
        outcome = _settle(payee, currency, convertible, rates, terms_of_day)
        if isinstance(outcome, Payout):
            plan.payouts.append(outcome)
        else:
            plan.unsettled.append(outcome)
    return plan


def _payments(
    balances: Iterable[Balance], payees: Mapping[str, Payee]
) -> list[tuple[Payee, str, list[Balance]]]:
    """Returns whom to pay, in which currency, and for which balances, by contributor and currency.

    Raises:
        InputError: If two balances are of the same contributor, currency and source.
    """
    groups: dict[tuple[str, str], list[Balance]] = defaultdict(list)
    seen: set[tuple[str, str, str]] = set()
    for one in sorted(balances, key=_place):
        if _place(one) in seen:
            raise InputError(
                "Two balances are of the same contributor, currency and source",
                ", ".join(map(repr, _place(one))),
                "Add them up first.",
            )
        seen.add(_place(one))
        if one.amount_minor:
            payee = payees.get(one.contributor_id, Payee(one.contributor_id))
            groups[one.contributor_id, payee.currency or one.currency].append(one)
    return [
        (payees.get(who, Payee(who)), currency, found)
        for (who, currency), found in sorted(groups.items())
    ]


def _place(balance: Balance) -> tuple[str, str, str]:
    return balance.contributor_id, balance.currency, balance.source_country


@dataclass(frozen=True)
class _Day:
    terms: PayoutTerms
    day: date
    held: Mapping[tuple[str, str], str]

    def hold(self, contributor_id: str, balances: Iterable[Balance]) -> str | None:
        """Returns why a contributor is not paid for now, or None."""
        for hold in self.terms.holds:
            if hold.contributor == contributor_id and hold.holds_on(self.day):
                return hold.reason + (f": {hold.note}" if hold.note else "")
        reasons = (self.held.get((contributor_id, balance.currency)) for balance in balances)
        return next((reason for reason in reasons if reason is not None), None)


def _check_size(balance: Balance, minor: int, currency: str) -> None:
    if abs(minor) > MAX_MINOR:
        raise InputError(
            "A balance is too large to be paid",
            f"contributor {balance.contributor_id!r} is owed {format_amount(minor, currency)} "
            f"{currency}",
            "Nothing was recorded. The largest amount is "
            f"{format_amount(MAX_MINOR, currency)} {currency}.",
        )


def _settle(
    payee: Payee,
    currency: str,
    balances: Sequence[Balance],
    rates: Mapping[str, Exchange | None],
    terms_of_day: _Day,
) -> Payout | Unsettled:
    terms, day = terms_of_day.terms, terms_of_day.day

    def unsettled(reason: Unpaid, detail: str) -> Unsettled:
        return Unsettled(payee, tuple(balances), reason, detail)

    parts: list[PaidBalance] = []
    for balance in balances:
        rate = rates[balance.currency] if balance.currency != currency else None
        converted = balance.amount_minor
        _check_size(balance, converted, balance.currency)
        if rate is not None:
            converted = round(converted * rate.minor_rate)  # half to even
            _check_size(balance, converted, currency)
        parts.append(PaidBalance(balance, rate, converted, None, 0))
    gross = sum(part.converted_minor for part in parts)
    if gross < 0:
        return unsettled(Unpaid.NEGATIVE, f"{format_amount(gross, currency)} {currency}")
    if gross == 0:  # balances that cancel out, or less than half a minor unit after conversion
        return unsettled(
            Unpaid.BELOW_THRESHOLD, f"{format_amount(0, currency)} {currency} to be paid"
        )
    hold = terms_of_day.hold(payee.contributor_id, balances)
    if hold is not None:
        return unsettled(Unpaid.HELD, hold)
    threshold = _threshold(terms.thresholds, payee, currency, day)
    if threshold is not None and gross < threshold.amount_minor:
        return unsettled(
            Unpaid.BELOW_THRESHOLD,
            f"{format_amount(gross, currency)} of {threshold.amount} {currency}",
        )
    if terms.withholding:
        for at, part in enumerate(parts):
            rule = _withholding(terms.withholding, payee, part.balance.source_country, day)
            if rule is None:
                where = part.balance.source_country or "an unstated country"
                return unsettled(Unpaid.NO_WITHHOLDING_RULE, f"income from {where} on {day}")
            withheld = _half_up(max(0, part.converted_minor) * Fraction(rule.rate))
            parts[at] = PaidBalance(part.balance, part.rate, part.converted_minor, rule, withheld)
    payout = Payout(payee, currency, tuple(parts))
    if payout.net_minor < 0:  # a reversal of income from which nothing is withheld
        return unsettled(
            Unpaid.NEGATIVE, f"{format_amount(payout.net_minor, currency)} {currency} net"
        )
    return payout


def _half_up(amount: Fraction) -> int:
    return int((amount + Fraction(1, 2)) // 1)


def _rate(rates: Sequence[Exchange], currency: str, into: str, day: date) -> Exchange | None:
    """Returns the newest rate up to a day."""
    found = [r for r in rates if (r.currency, r.into) == (currency, into) and r.date <= day]
    if not found:
        return None
    newest = max(rate.date for rate in found)
    return _only([rate for rate in found if rate.date == newest], f"rates of {newest}")


def _threshold(
    thresholds: Sequence[Threshold], payee: Payee, currency: str, day: date
) -> Threshold | None:
    """Returns the threshold for a contributor: one that names them, or else one for everybody."""
    found = [one for one in thresholds if one.currency == currency and one.holds_on(day)]
    named = [one for one in found if payee.contributor_id in one.contributors]
    chosen = named or [one for one in found if not one.contributors]
    return _latest(chosen, f"thresholds in {currency} for {payee.contributor_id!r}")


def _withholding(
    rules: Sequence[Withholding], payee: Payee, source_country: str, day: date
) -> Withholding | None:
    """Returns the closest rule: for the contributor, their country, or everybody.

    A rule for the source country goes before one for any.
    """
    valid = [one for one in rules if one.holds_on(day)]
    for source in (source_country, ANY_SOURCE):
        found = [one for one in valid if one.source_country == source]
        for chosen in (
            [one for one in found if payee.contributor_id in one.contributors],
            [one for one in found if payee.country and payee.country in one.countries],
            [one for one in found if not one.contributors and not one.countries],
        ):
            if chosen:
                what = f"withholding rules for {payee.contributor_id!r}, income from {source}"
                return _latest(chosen, what)
    return None


def _latest(found: Sequence[_Terms], what: str) -> _Terms | None:
    """Returns the terms that began last: a dated override goes before what it overrides."""
    if not found:
        return None
    latest = max(one.starts or date.min for one in found)
    return _only([one for one in found if (one.starts or date.min) == latest], what)


def _only(found: Sequence[_One], what: str) -> _One:
    if len(found) > 1:
        raise InputError(f"Several {what} apply at once", f"{len(found)}", "Keep one of them.")
    return found[0]
