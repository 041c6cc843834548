"""How many assets may be chosen, and what they may cost together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from schemas.deal import Deal
from schemas.errors import InputError
from schemas.money import format_amount, parse_amount

_MEDIA = ("image", "video")


@dataclass(frozen=True)
class Limits:
    """How many assets may be chosen, and what they may cost.

    Attributes:
        count: How many at most.
        budget_minor: What they may cost together, in minor units; None if that does not matter.
        prices: What an asset costs, by media type, in minor units; empty without a budget.
    """

    count: int
    budget_minor: int | None = None
    prices: dict[str, int] = field(default_factory=dict)

    @property
    def most(self) -> int:
        """How many assets can be chosen, whatever their media type."""
        if self.budget_minor is None:
            return self.count
        return min(self.count, self.budget_minor // min(self.prices.values()))

    def costs(self, media: Iterable[str]) -> list[int]:
        """Returns what assets cost; 0 without a budget."""
        if self.budget_minor is None:
            return [0 for _ in media]
        return [self.prices[one] for one in media]

    def worth(self, costs: Sequence[int]) -> list[int]:
        """Returns factors by which gains are multiplied to compare them by unit of money."""
        if self.budget_minor is None:
            return [1] * len(costs)
        whole = math.lcm(*self.prices.values())
        return [whole // cost for cost in costs]

    def take(self, order: Iterable[int], costs: Sequence[int]) -> list[int]:
        """Takes positions in an order, leaving out those that are too dear for what is left."""
        left, taken = self.budget_minor, list[int]()
        for at in order:
            if len(taken) >= self.most:
                break
            if left is not None:
                if costs[at] > left:
                    continue
                left -= costs[at]
            taken.append(at)
        return taken


def read_limits(deal: Deal, cover: int, budget: str, asset_prices: Sequence[str]) -> Limits:
    """Reads how many assets may be chosen and what they may cost.

    Args:
        deal: The deal.
        cover: How many at most; 0 if only the money counts.
        budget: What they may cost together, in the deal's currency; "" if that does not matter.
        asset_prices: What an asset costs: an amount, or `image=` or `video=` and an amount.

    Raises:
        InputError: If they contradict the deal or each other.
    """
    most = deal.select.max_assets
    if (cover or not budget) and not 1 <= cover <= most:
        raise InputError(
            "--cover is not a number of assets that the deal takes",
            f"{cover:,}",
            f"Give a whole number from 1 to {most:,}, the deal's select.max_assets.",
        )
    if not budget:
        if asset_prices:
            raise InputError(
                "A price of an asset has no effect without a budget",
                f"--asset-price {asset_prices[0]}",
                "Add --budget with what the chosen assets may cost together.",
            )
        return Limits(cover)
    currency = deal.price.currency
    if not asset_prices:
        raise InputError(
            "A budget needs a price for each asset, and the deal has none",
            f"price.pool of {format_amount(deal.price.pool_minor, currency)} is one sum for "
            "everything that is delivered, however many assets that is",
            "Add --asset-price 2.50, or --asset-price image=2.50 --asset-price video=20; or give "
            "a number of assets with --cover N instead of a budget.",
        )
    amount = _positive(budget, currency, "--budget")
    prices = _read_prices(asset_prices, deal.media, currency)
    cheapest = min(prices.values())
    if amount < cheapest:
        raise InputError(
            "The budget does not pay for a single asset",
            f"{format_amount(amount, currency)}, of which an asset costs at least "
            f"{format_amount(cheapest, currency)}",
            "Raise --budget, or lower --asset-price.",
        )
    return Limits(cover or most, amount, prices)


def _read_prices(
    asset_prices: Sequence[str], media: Sequence[str], currency: str
) -> dict[str, int]:
    """Returns the price of each media type of the deal."""
    prices: dict[str, int] = {}
    for text in asset_prices:
        name, equals, amount = text.rpartition("=")
        if equals and name not in media:
            raise InputError(
                "--asset-price is for a media type that the deal does not take",
                repr(text),
                f"The deal takes: {', '.join(media)}.",
            )
        for one in [name] if equals else media:
            if one in prices:
                raise InputError(
                    "--asset-price is given twice for the same media type",
                    f"{one}: {text!r}",
                    "Give one amount for all assets, or one for each media type.",
                )
            prices[one] = _positive(amount, currency, "--asset-price")
    if missing := [one for one in media if one not in prices]:
        raise InputError(
            "--asset-price is missing for a media type of the deal",
            ", ".join(missing),
            f"Add --asset-price {missing[0]}=AMOUNT.",
        )
    return prices


def _positive(text: str, currency: str, option: str) -> int:
    try:
        amount = parse_amount(text, currency)
    except InputError as error:
        raise InputError(f"{option}: {error.what}", error.which, error.remedy) from error
    if not amount:
        raise InputError(f"{option} is zero", repr(text), "Give an amount above zero.")
    return amount
