"""Divides funds by the frozen weights in the books, and makes their tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import pyarrow as pa

from pipelines.accounts.log import AgencyLog
from pipelines.accounts.pools import BookedPool, carried_in, lines_of, pools_that_count
from pipelines.accounts.removals import (
    all_notices,
    recorded_notices,
    removed_parts,
    stopped_assets,
    without_parts,
)
from pipelines.accounts.stopped import stopped_people
from pipelines.ledger.fund import (
    DealRevenue,
    DividedFund,
    divide_fund,
    fund_weights,
    split_revenue,
)
from pipelines.ledger.pool import fraction_text
from pipelines.ledger.record import integer_of
from pipelines.ledger.rules import SHARE
from pipelines.storage.columns import values_of
from schemas.errors import InputError
from schemas.ledger import FUND_PARTS_SCHEMA, POOL_LINES_SCHEMA
from schemas.price_terms import Deduction, deduct

#: What a delivery counts in a fund: its assets, or its deal's part of the money.
Measure = Literal["assets", "amount"]


@dataclass(frozen=True)
class Fund:
    """Revenue of several deals that is to be divided together.

    Args:
        name: Names the fund in the books; the same name is recorded once.
        revenue: Minor units by deal.
        currency: ISO 4217 code.
        agency_share: The agency's share of what the deductions leave of each deal's revenue.
        source: What the revenue is.
        period: When it was earned, such as "2026-H2".
        source_country: Where it comes from, ISO 3166-1 alpha-2, or "".
        deductions: What is taken from all revenue before the division.
        measure: What a delivery counts.
    """

    name: str
    revenue: Mapping[str, int]
    currency: str
    agency_share: Decimal
    source: str
    period: str
    source_country: str = ""
    deductions: tuple[Deduction, ...] = ()
    measure: Measure = "assets"

    def terms(self) -> dict[str, object]:
        """Returns everything that is stated about it, as the record has it."""
        return {
            "name": self.name,
            "currency": self.currency,
            "gross_minor": sum(self.revenue.values()),
            "source": self.source,
            "period": self.period,
            "source_country": self.source_country or None,
            "rule": {
                "agency_share": f"{self.agency_share.normalize():f}",
                "deductions": [item.model_dump(mode="json") for item in self.deductions],
                "weights": "fund",
                "measure": self.measure,
            },
        }


def divided(
    log: AgencyLog,
    fund: Fund,
    deliveries: Mapping[str, Sequence[str]],
    pools: Sequence[BookedPool],
    before: BookedPool | None,
    day: date,
) -> tuple[DividedFund, int]:
    """Divides a fund by the frozen weights of deliveries.

    A removed asset that stopped neither counts in its delivery nor gives anybody a weight.

    Args:
        log: The agency's log.
        fund: The revenue.
        deliveries: The deliveries of each deal.
        pools: All pools in the books.
        before: The fund's record that this division replaces, whose carried parts do not count.
        day: The day of the payment, which decides what has stopped.

    Returns:
        The division, and how many assets have stopped.

    Raises:
        InputError: If nobody is left to share in it, or what assets count is not known.
    """
    gross = sum(fund.revenue.values())
    taken = deduct(gross, list(fund.deductions), fund.currency)
    deals = split_revenue(fund.revenue, taken, Fraction(fund.agency_share))
    prices = {pool.delivery: pool for pool in pools_that_count(pools) if pool.is_price}
    notices, everything = recorded_notices(log), all_notices(log)
    sized: dict[str, tuple[Fraction, Mapping[str, int]]] = {}
    stopped = 0
    for deal, names in deliveries.items():
        counted = {}
        for name in names:
            gone = stopped_assets(notices, name, day, fund.period)
            people = stopped_people(everything, prices[name], day, fund.period)
            counted[name] = _left(log, prices[name], gone, people)
            stopped += len(gone)
        assets = sum(count for count, _ in counted.values())
        for name, (count, weights) in counted.items():
            sized[name] = _size(fund, deals[deal], count, assets), weights
    together = fund_weights(sized)
    if not any(together.values()):
        raise InputError(
            "Nobody is left to share in this fund",
            f"{stopped:,} removed assets do not share in it, and no others have a weight",
            "Nothing was recorded. The notices say that removed assets do not share in it.",
        )
    carried = carried_in(log, pools, fund.currency, before)
    return divide_fund(deals, together, carried, log.salt), stopped


def first_day(pools: Sequence[BookedPool], before: BookedPool | None, recorded_at: str) -> date:
    """Returns the day of the payment: of a correction, that of the fund's first record.

    Args:
        pools: All pools in the books.
        before: The record that a correction replaces; None for a new fund.
        recorded_at: ISO 8601 instant of the new record.
    """
    known = {pool.index: pool for pool in pools}
    while before is not None:
        recorded_at = before.record.recorded_at
        earlier = before.fields.get("replaces_record")
        before = None if earlier is None else known[earlier]
    return date.fromisoformat(recorded_at[:10])


def _left(
    log: AgencyLog, price: BookedPool, gone: Collection[str], people: Collection[str]
) -> tuple[int, Mapping[str, int]]:
    """Returns how many assets of a delivery share, and the weights of contributors for them."""
    count, weights = integer_of(price.record.public, "assets"), _weights(log, price)
    if gone:
        parts = removed_parts(log, log.books.store, price, gone, people)
        weights = without_parts(weights, parts)
        count -= len(gone)
    weights = {who: 0 if who in people else weight for who, weight in weights.items()}
    return (count if any(weights.values()) else 0), weights


def _size(fund: Fund, deal: DealRevenue, assets: int, all_assets: int) -> Fraction:
    """Returns what a delivery counts; the deliveries of one deal always count by their assets."""
    if fund.measure == "assets":
        return Fraction(assets)
    return Fraction(deal.contributors_minor * assets, all_assets or 1)


def _weights(log: AgencyLog, pool: BookedPool) -> dict[str, int]:
    lines = lines_of(log, pool)
    weights = map(int, values_of(lines["weight"], str))
    return dict(zip(values_of(lines["contributor_id"], str), weights, strict=True))


def outcome(made: DividedFund, deliveries: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """Returns the fields of a fund's record that follow from its division."""
    sums: dict[str, int] = {}
    for deal in made.deals.values():
        for name, minor in deal.deductions:
            sums[name] = sums.get(name, 0) + minor
    return {
        "deductions": [{"name": name, "minor": minor} for name, minor in sums.items()],
        "agency_minor": sum(deal.agency_minor for deal in made.deals.values()),
        "contributors_minor": sum(made.division.credits.values()),
        "rounding_minor": made.division.rounding_minor,
        "parts": [
            {
                "deal_id": name,
                "deliveries": list(deliveries[name]),
                "gross_minor": deal.gross_minor,
                "deductions": [{"name": what, "minor": minor} for what, minor in deal.deductions],
                "agency_minor": deal.agency_minor,
                "contributors_minor": deal.contributors_minor,
            }
            for name, deal in made.deals.items()
        ],
    }


def lines_table(made: DividedFund) -> pa.Table:
    """Returns a fund's lines (POOL_LINES_SCHEMA), by contributor id."""
    whole, people = sum(made.weights.values()), sorted(made.weights)
    columns = {
        "contributor_id": people,
        "weight": [str(made.weights[who]) for who in people],
        "due": [
            fraction_text(Fraction(made.shared_minor * made.weights[who], whole)) for who in people
        ],
        "credit_minor": [made.division.credits[who] for who in people],
        "carried": [fraction_text(made.division.carried[who]) for who in people],
        "basis": [SHARE] * len(people),
    }
    return pa.table(columns, schema=POOL_LINES_SCHEMA)


def parts_table(made: DividedFund) -> pa.Table:
    """Returns the parts of all credits (FUND_PARTS_SCHEMA), those of zero included."""
    whole = sum(made.weights.values())
    sizes = {
        name: deal.gross_minor - deal.agency_minor - sum(minor for _, minor in deal.deductions)
        for name, deal in made.deals.items()
    }
    rows = [
        {
            "contributor_id": who,
            "deal_id": name,
            "due": fraction_text(Fraction(made.weights[who] * sizes[name], whole)),
            "credit_minor": made.parts.get((who, name), 0),
        }
        for who in sorted(made.weights)
        for name in made.deals
    ]
    return pa.Table.from_pylist(rows, schema=FUND_PARTS_SCHEMA)
