"""The terms of a payout: thresholds, holds, withholding and exchange rates, each with its dates.

All rates are inputs with their source: nothing here is tax advice.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from schemas.deal_terms import DealSection
from schemas.deal_values import CalendarDate, ExactShare, OneLine, refuse_repeats
from schemas.errors import InputError
from schemas.money import exponent, parse_amount
from schemas.terms_file import parse_terms, read_terms
from schemas.territory import COUNTRIES

#: Stands for every country that income can come from.
ANY_SOURCE = "any"
_NAME = "file of payout terms"
_RATE_PATTERN = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")


def _read_rate(value: object) -> Decimal:
    """Reads an exchange rate; text, because a TOML float is not exact."""
    if not isinstance(value, str) or not _RATE_PATTERN.fullmatch(value) or not Decimal(value):
        raise ValueError('must be text such as "1.0834", more than 0')
    return Decimal(value)


def _check_currency(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")
    try:
        exponent(value)
    except InputError as error:
        raise ValueError(f"{error.what}. {error.remedy}".rstrip(".")) from error
    return value


def _check_country(value: object) -> str:
    if isinstance(value, str) and value in COUNTRIES:
        return value
    raise ValueError("must be an ISO 3166-1 alpha-2 code in capitals")


def _check_source_country(value: object) -> str:
    if value == ANY_SOURCE or (isinstance(value, str) and value in COUNTRIES):
        return str(value)
    raise ValueError(f'must be an ISO 3166-1 alpha-2 code in capitals, or "{ANY_SOURCE}"')


Currency = Annotated[str, BeforeValidator(_check_currency)]
Country = Annotated[str, BeforeValidator(_check_country)]
SourceCountry = Annotated[str, BeforeValidator(_check_source_country)]
ExchangeRate = Annotated[Decimal, BeforeValidator(_read_rate)]


class DatedTerms(DealSection):
    """Terms that apply from a day to a day, both included; without one, without limit."""

    starts: CalendarDate | None = None
    ends: CalendarDate | None = None

    @model_validator(mode="after")
    def _check_dates(self) -> Self:
        if self.starts and self.ends and self.ends < self.starts:
            raise ValueError(f"ends ({self.ends}) is before starts ({self.starts})")
        return self

    def holds_on(self, day: date) -> bool:
        """Whether the terms apply on a day."""
        return (self.starts is None or self.starts <= day) and (
            self.ends is None or day <= self.ends
        )


class Threshold(DatedTerms):
    """What a balance must reach to be paid."""

    currency: Currency
    amount: str
    contributors: list[OneLine] = Field(default=[])

    @field_validator("amount")
    @classmethod
    def _check_amount(cls, value: str, info: ValidationInfo) -> str:
        if "currency" in info.data:
            try:
                parse_amount(value, info.data["currency"])
            except InputError as error:
                raise ValueError(f"{error.what}. {error.remedy}".rstrip(".")) from error
        return value

    @field_validator("contributors")
    @classmethod
    def _check_repeats(cls, values: list[str]) -> list[str]:
        return refuse_repeats(values)

    @property
    def amount_minor(self) -> int:
        """The amount in minor units of the currency."""
        return parse_amount(self.amount, self.currency)


HoldReason = Literal["tax-form", "new-account", "dispute", "sanctions", "payee-unknown", "other"]


class Hold(DatedTerms):
    """Why a contributor is not paid for now; what they earn is credited all the same."""

    contributor: OneLine
    reason: HoldReason
    note: OneLine | None = None


class Withholding(DatedTerms):
    """What is withheld from income of a source country."""

    source_country: SourceCountry
    rate: ExactShare
    source: OneLine
    countries: list[Country] = Field(default=[])
    contributors: list[OneLine] = Field(default=[])

    @field_validator("countries", "contributors")
    @classmethod
    def _check_repeats(cls, values: list[str]) -> list[str]:
        return refuse_repeats(values)

    @model_validator(mode="after")
    def _check_scope(self) -> Self:
        if self.countries and self.contributors:
            raise ValueError("name countries or contributors, not both in one entry")
        return self


class Exchange(DealSection):
    """An exchange rate of a day: one unit of `currency` is `rate` units of `into`."""

    currency: Currency
    into: Currency
    rate: ExchangeRate
    date: CalendarDate
    source: OneLine

    @field_validator("into")
    @classmethod
    def _check_into(cls, value: str, info: ValidationInfo) -> str:
        if value == info.data.get("currency"):
            raise ValueError("must be another currency than the one that is exchanged")
        return value

    @property
    def minor_rate(self) -> Fraction:
        """Minor units of `into` for one minor unit of `currency`."""
        return Fraction(self.rate) * Fraction(10) ** (exponent(self.into) - exponent(self.currency))


class PayoutTerms(DealSection):
    """The terms of payouts, as docs/payouts.md describes them."""

    thresholds: list[Threshold] = Field(default=[])
    holds: list[Hold] = Field(default=[])
    withholding: list[Withholding] = Field(default=[])
    rates: list[Exchange] = Field(default=[])

    def named_contributors(self) -> dict[str, str]:
        """Returns the contributors that the terms name, with the first key that names each."""
        named = [(hold.contributor, "holds") for hold in self.holds]
        named += [(who, "withholding") for one in self.withholding for who in one.contributors]
        named += [(who, "thresholds") for one in self.thresholds for who in one.contributors]
        return dict(reversed(named))


def parse_payout_terms(text: str, origin: str) -> PayoutTerms:
    """Parses the terms of payouts.

    Args:
        text: TOML.
        origin: The path of the text, for messages.

    Raises:
        InputError: If it is not valid TOML, or a key or value is invalid; lists every fault.
    """
    return parse_terms(PayoutTerms, text, origin, _NAME, "See docs/payouts.md.")


def load_payout_terms(path: Path) -> PayoutTerms:
    """Reads and parses a file with the terms of payouts.

    Raises:
        InputError: If the file cannot be read or is refused.
    """
    return parse_payout_terms(read_terms(path, _NAME), str(path))
