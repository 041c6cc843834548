"""Divides a deal's price among the contributors of cleared assets, by the ledger's own division."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ledger.classes import LineClasses
from pipelines.ledger.payees import own_agency_shares, read_payees
from pipelines.ledger.pool import DividedPool, divide_pool
from pipelines.ledger.rules import MAX_WEIGHT, two_factor_rates
from pipelines.quote.tally import Codes, PersonTally, Tally
from pipelines.storage.columns import values_of
from schemas.errors import InputError
from schemas.price_terms import PriceTerms

_MEDIA = ("image", "video")
_TENTHS = 10


@dataclass(frozen=True)
class Keys:
    """What the agency's key and books decide about a division.

    Attributes:
        tie_key: Key of the hash that decides ties; empty without the agency's key.
        carried: What earlier pools left, by contributor.
        known: Whether both are those that a run would use.
    """

    tie_key: bytes = b""
    carried: Mapping[str, Fraction] = field(default_factory=dict)
    known: bool = False


@dataclass(frozen=True)
class PersonLines:
    """What contributors' lines come to in one media type."""

    person: str
    media: str
    cleared: int
    refused: int
    points: int
    most: int


@dataclass(frozen=True)
class Spread:
    """How money is spread over contributors, in minor units.

    Attributes:
        people: How many get a credit or would.
        least: The smallest credit; then tenths of the way, the median and the largest.
        tenth: One in ten gets at most this.
        quarter: One in four gets at most this.
        median: Half get at most this.
        three_quarters: Three in four get at most this.
        nine_tenths: Nine in ten get at most this.
        most: The largest credit.
        mean: All credits by the number of people, rounded down.
        top_tenth_share: The share of all credits that the best tenth of the people get.
    """

    people: int
    least: int
    tenth: int
    quarter: int
    median: int
    three_quarters: int
    nine_tenths: int
    most: int
    mean: int
    top_tenth_share: float


def join_people(tally: Tally, count: int) -> PersonTally:
    """Joins the parts of a tally: every array has an item for each of `count` places."""
    exact = object if tally.weights[0] * 10_000 >= 2**63 else np.int64
    sums = {name: np.zeros(count, np.int64) for name in ("cleared", "refused", "share_bp")}
    weighted = np.zeros(count, exact)
    for part in tally.people:
        at = np.minimum(part.places, count - 1)
        # Each place is there once, except the last if there are more than `count`.
        add = np.add.at if len(at) > 1 and at[-2] == count - 1 else _add_once
        for name, values in sums.items():
            add(values, at, getattr(part, name))
        if len(part.weighted):
            add(weighted, at, part.weighted.astype(exact))
    keys = np.concatenate([np.zeros(0, np.int64), *(part.alone for part in tally.people)])
    lines = np.concatenate([np.zeros(0, np.int64), *(part.alone_lines for part in tally.people)])
    alone, of_line = np.unique(keys, return_inverse=True)
    alone_lines = np.bincount(of_line, weights=lines, minlength=len(alone)).astype(np.int64)
    return PersonTally(
        np.arange(count), **sums, weighted=weighted, alone=alone, alone_lines=alone_lines
    )


def _add_once(values: Codes, at: Codes, more: Codes) -> None:
    """Adds numbers at places that are all different."""
    values[at] += more


def divide_price(
    price: PriceTerms,
    as_of: date,
    tally: Tally,
    contributors: pa.Table,
    keys: Keys,
) -> DividedPool:
    """Divides a price among the contributors of cleared assets.

    Args:
        price: The deal's rules.
        as_of: The day on which levels are evaluated.
        tally: What screening came to.
        contributors: The table of contributors.
        keys: What the agency's key and books decide.

    Raises:
        InputError: If nothing is cleared, or the rules cannot be applied.
    """
    if not tally.cleared.assets:
        raise InputError(
            "nothing would be delivered, so nobody can be paid", "0 assets", "Widen the deal."
        )
    sharing = contributors.filter(pc.is_valid(contributors.column("agency_share")))
    classes = LineClasses(price, as_of, own_agency_shares(read_payees(sharing)))
    even, by_weight = _rates(price, tally)
    points, groups = _points(price, tally, contributors, classes, even, by_weight)
    shares = classes.shares()
    sums = [0] * len(shares.agency)
    for line_class, value in groups.items():
        sums[line_class] += value
    agency_share = shares.agency_share(sums)
    largest = even + by_weight * tally.weights[3] // max(1, tally.weights[1])
    if {*shares.factors} != {1}:
        if largest * max(shares.factors) > MAX_WEIGHT:
            raise InputError(
                "the weights are beyond 2^53 with the agency's shares",
                f"largest weight {largest}, factors {shares.factors}",
                "Use smaller weights, or shares with fewer digits.",
            )
        factored = {who: value * shares.factors[who[1]] for who, value in points.items()}
        if any(factored.values()):  # unless the agency takes all that anybody earns
            points = factored
    totals: dict[str, int] = defaultdict(int)
    for (person, _), value in points.items():
        totals[person] += value
    ordered = dict(sorted(totals.items()))
    return divide_pool(price, price.pool_minor, ordered, agency_share, keys.carried, keys.tie_key)


def _rates(price: PriceTerms, tally: Tally) -> tuple[int, int]:
    """Returns what every asset counts, and what each unit of weight adds."""
    if price.allocation == "weighted":
        return 0, 1
    if price.allocation != "two_factor" or price.two_factor is None:
        return 1, 0
    total, unit, _, most = tally.weights
    count = tally.cleared.assets
    return two_factor_rates(count, total, unit, most, price.two_factor.proportional)


def _points(
    price: PriceTerms,
    tally: Tally,
    contributors: pa.Table,
    classes: LineClasses,
    even: int,
    by_weight: int,
) -> tuple[dict[tuple[str, int], int], dict[int, int]]:
    """Returns the points of each person in each class, and the sums of classes."""
    unit = tally.weights[1] if price.allocation == "two_factor" and by_weight else 1
    lines = [*_regular(tally, contributors, classes, even, by_weight, unit)]
    for asset, person, media, share_bp, weight in tally.odd_lines:
        [line_class] = classes.of_lines([media], [asset], [person]).tolist()
        lines.append((person, line_class, share_bp * (even + by_weight * (weight // unit))))
    points: dict[tuple[str, int], int] = defaultdict(int)
    groups: dict[int, int] = defaultdict(int)
    for person, line_class, value in lines:
        points[person, line_class] += value
        groups[line_class] += value
    return points, groups


def _regular(
    tally: Tally,
    contributors: pa.Table,
    classes: LineClasses,
    even: int,
    by_weight: int,
    unit: int,
) -> Iterator[tuple[str, int, int]]:
    """Yields person, class and points of the lines whose asset has no class of its own."""
    people = values_of(contributors["contributor_id"], str)
    people.append("")  # whom no table knows
    count = len(_MEDIA) * len(people)
    joined = join_people(tally, count)
    places = np.flatnonzero(joined.cleared)
    is_single = classes.is_single
    columns = (places, joined.share_bp[places], joined.weighted[places])
    for at, share_bp, weighted in zip(*(column.tolist() for column in columns), strict=True):
        person, media = people[at // len(_MEDIA)], _MEDIA[at % len(_MEDIA)]
        line_class = 0 if is_single else int(classes.of_lines([media], [""], [person])[0])
        value = even * share_bp
        if by_weight:
            value += by_weight * (weighted // unit)
        yield person, line_class, value


def spread_of(credits: Mapping[str, int]) -> Spread:
    """Returns how credits are spread; credits of 0 are counted."""
    amounts = sorted(credits.values())
    count, total = len(amounts), sum(amounts)

    def at(numerator: int, denominator: int) -> int:
        return amounts[(count - 1) * numerator // denominator]

    best = sum(amounts[count - -(-count // _TENTHS) :])
    return Spread(
        *(count, amounts[0], at(1, 10), at(1, 4), int(statistics.median_low(amounts))),
        *(at(3, 4), at(9, 10), amounts[-1], total // count),
        top_tenth_share=round(best / total, 4) if total else 0.0,
    )


def top_of(credits: Mapping[str, int], count: int) -> list[tuple[str, int]]:
    """Returns who gets most; equal credits are ordered by id."""
    return sorted(credits.items(), key=lambda item: (-item[1], item[0]))[:count]


NO_KEYS = Keys()
