"""What a deal costs and how the money is divided: its section `[price]`.

The rules are in docs/payout-rules.md; `pipelines.ledger.rules` computes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from schemas.deal_terms import DealSection
from schemas.deal_values import CalendarDate, ExactShare, OneLine, PayableShare, refuse_repeats
from schemas.errors import InputError
from schemas.money import MAX_MINOR, exponent, format_amount, parse_amount, round_half_down
from schemas.price_classes import OTHER_LEVEL, AgencyClass, Level, check_order, refuse_overlaps

_WITH_WEIGHTS = ("weighted", "two_factor")


class TwoFactor(DealSection):
    """The ratio of the two parts of a `two_factor` allocation."""

    proportional: ExactShare  # divided evenly among assets; the rest by their weights


class WeightWindow(DealSection):
    """The window in which the catalogue's weights were counted; the agency states it."""

    starts: CalendarDate
    ends: CalendarDate
    source: OneLine  # what was counted, such as "licences sold"

    @field_validator("ends")
    @classmethod
    def _check_ends(cls, value: date, info: ValidationInfo) -> date:
        return check_order(value, info)


class Deduction(DealSection):
    """What is taken from a pool before it is divided: an amount, or a share of what is left."""

    name: OneLine
    amount: str | None = None  # before the share, which contradicts it
    share: ExactShare | None = Field(default=None, validate_default=True)

    @field_validator("share")
    @classmethod
    def _check_one(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if "amount" in info.data and (value is None) == (info.data["amount"] is None):
            raise ValueError("a deduction has an amount or a share, and not both")
        return value


class PriceTerms(DealSection):
    """What the buyer pays and how it is divided.

    Each contradiction is checked at the later of its keys, so that the error names that key.
    """

    currency: str  # before the pool, whose decimals it decides
    pool: str  # in the currency's major unit, exact: "100000.00"
    agency_share: ExactShare = Decimal("0.40")
    allocation: Literal["per_asset", "weighted", "per_sample", "two_factor"] = "per_asset"
    two_factor: TwoFactor | None = Field(default=None, validate_default=True)
    base: Literal["delivered", "considered"] = "delivered"
    weights: WeightWindow | None = None
    minimum: str = "0"  # in the currency's major unit
    cap: PayableShare = Decimal("1")  # of the contributors' part
    deductions: list[Deduction] = Field(default=[])
    levels: list[Level] = Field(default=[])
    agency_classes: list[AgencyClass] = Field(default=[])
    # Contributors whose currency in the catalogue is another one: they are credited in the deal's,
    # unless that is refused. No term of the licence, so in no digest of the terms.
    other_currencies: Literal["convert", "hold", "refuse"] = "convert"

    @field_validator("currency")
    @classmethod
    def _check_currency(cls, value: str) -> str:
        try:
            exponent(value)
        except InputError as error:
            raise ValueError(f"{error.what}. {error.remedy}") from error
        return value

    @field_validator("pool", "minimum")
    @classmethod
    def _check_amount(cls, value: str, info: ValidationInfo) -> str:
        if "currency" not in info.data:
            return value
        amount = _parse(value, info.data["currency"])
        if amount > MAX_MINOR:
            raise ValueError(
                f"a pool is at most {format_amount(MAX_MINOR, info.data['currency'])}: "
                "more minor units are not exact in every reader of JSON"
            )
        if info.field_name == "minimum" and amount > _parse(
            info.data.get("pool", value), info.data["currency"]
        ):
            raise ValueError(f"exceeds the pool of {info.data['pool']}")
        return value

    @field_validator("two_factor")
    @classmethod
    def _check_two_factor(cls, value: TwoFactor | None, info: ValidationInfo) -> TwoFactor | None:
        if "allocation" in info.data and (value is None) == (
            info.data["allocation"] == "two_factor"
        ):
            raise ValueError(
                '[price.two_factor] and allocation = "two_factor" are only used together'
            )
        return value

    @field_validator("base")
    @classmethod
    def _check_base(cls, value: str, info: ValidationInfo) -> str:
        if value == "considered" and info.data.get("allocation") == "per_sample":
            raise ValueError(
                'contradicts allocation = "per_sample": assets not delivered have no samples'
            )
        return value

    @field_validator("weights")
    @classmethod
    def _check_weights(
        cls, value: WeightWindow | None, info: ValidationInfo
    ) -> WeightWindow | None:
        allocation = info.data.get("allocation", "weighted")
        if value is not None and allocation not in _WITH_WEIGHTS:
            raise ValueError(f'contradicts allocation = "{allocation}", which uses no weights')
        return value

    @field_validator("deductions")
    @classmethod
    def _check_deductions(cls, values: list[Deduction], info: ValidationInfo) -> list[Deduction]:
        refuse_repeats([deduction.name for deduction in values])
        currency, pool = info.data.get("currency"), info.data.get("pool")
        if currency is not None and pool is not None:
            try:
                deduct(_parse(pool, currency), values, currency)
            except InputError as error:
                raise ValueError(f"{error.what}: {error.which}. {error.remedy}") from error
        return values

    @field_validator("levels")
    @classmethod
    def _check_levels(cls, values: list[Level]) -> list[Level]:
        refuse_overlaps(values)
        return values

    @field_validator("agency_classes")
    @classmethod
    def _check_classes(cls, values: list[AgencyClass], info: ValidationInfo) -> list[AgencyClass]:
        named = {OTHER_LEVEL, *(level.name for level in info.data.get("levels", []))}
        for one in values:
            if one.level is not None and one.level not in named and "levels" in info.data:
                raise ValueError(
                    f"level {one.level!r} is not in [[price.levels]]: {', '.join(sorted(named))}"
                )
        pairs = [(one.media, one.level) for one in values]
        if len(set(pairs)) != len(pairs):
            raise ValueError("two classes have the same media and level")
        return values

    @model_validator(mode="after")
    def _check_agency_share(self) -> Self:
        if self.agency_classes and "agency_share" in self.model_fields_set:
            raise ValueError("agency_share contradicts agency_classes, which replace it")
        if self.levels and not self.agency_classes:
            raise ValueError("levels have no effect without agency_classes")
        return self

    @property
    def assets_in_levels(self) -> frozenset[str]:
        """The assets that levels list."""
        return frozenset(asset for level in self.levels for asset in level.assets)

    @property
    def pool_minor(self) -> int:
        """The pool in minor units of the currency."""
        return parse_amount(self.pool, self.currency)

    @property
    def minimum_minor(self) -> int:
        """The minimum per payee in minor units of the currency."""
        return parse_amount(self.minimum, self.currency)


def deduct(
    gross_minor: int, deductions: Sequence[Deduction], currency: str
) -> list[tuple[str, int]]:
    """Returns name and minor units of each deduction from a pool, in order.

    A share is a share of what the deductions before it leave. It is rounded to the nearest minor
    unit, and half a unit down.

    Raises:
        InputError: If an amount is not one in the currency, or exceeds what is left.
    """
    lines: list[tuple[str, int]] = []
    left = gross_minor
    for deduction in deductions:
        if deduction.amount is not None:
            taken = parse_amount(deduction.amount, currency)
        else:
            taken = round_half_down(left * Fraction(deduction.share or 0))
        if taken > left:
            raise InputError(
                "a deduction exceeds what is left of the pool",
                f"{deduction.name!r}: {format_amount(taken, currency)} of "
                f"{format_amount(left, currency)}",
                "Lower price.deductions, or raise the pool.",
            )
        lines.append((deduction.name, taken))
        left -= taken
    return lines


def _parse(text: str, currency: str) -> int:
    """Reads an amount for a validator.

    Raises:
        ValueError: If it is not an amount in the currency.
    """
    try:
        return parse_amount(text, currency)
    except InputError as error:
        raise ValueError(f"{error.what}. {error.remedy}") from error
