"""The rules by which a deal divides money among assets and payees, as pure functions.

docs/payout-rules.md explains them with examples. All of them are exact: weights are whole numbers
of any size, shares are fractions.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from operator import mul

import numpy as np
import numpy.typing as npt

from schemas.errors import InputError
from schemas.ledger import Allocation
from schemas.price_terms import PriceTerms

Integers = npt.NDArray[np.int64]

#: The largest weight: statements are JSON, whose readers have no exact whole numbers beyond it.
MAX_WEIGHT = 2**53 - 1

#: Why a payee is due their share of a pool.
SHARE, MINIMUM, CAP = "share", "minimum", "cap"


@dataclass(frozen=True)
class Bounded:
    """Weights after minimum and cap.

    Attributes:
        weights: Weights by payee: what each is due of the pool, as whole numbers.
        basis: By payee: `share`, `minimum` or `cap`.
    """

    weights: dict[str, int]
    basis: dict[str, str]


def asset_weights(price: PriceTerms, counted: Integers) -> Integers:
    """Returns the weights of assets under a deal's allocation.

    Args:
        price: The deal's rules.
        counted: By asset: the number of samples if the allocation is `per_sample`, else the
            catalogue's weight.

    Raises:
        InputError: If a number is too small, or the allocation cannot be computed.
    """
    match Allocation(price.allocation):
        case Allocation.PER_ASSET:
            return per_asset(len(counted))
        case Allocation.WEIGHTED:
            return weighted(counted)
        case Allocation.PER_SAMPLE:
            return per_sample(counted)
        case Allocation.TWO_FACTOR:
            ratio = price.two_factor
            return two_factor(counted, Decimal(1) if ratio is None else ratio.proportional)


def per_asset(count: int) -> Integers:
    """Returns the weights of assets that count once each."""
    return np.ones(count, np.int64)


def weighted(weights: Integers) -> Integers:
    """Returns the weights of assets that count by the catalogue's `weight`.

    Raises:
        InputError: If a weight is negative.
    """
    return _check_least("weight", weights, 0)


def per_sample(samples: Integers) -> Integers:
    """Returns the weights of assets that count by their samples.

    Raises:
        InputError: If an asset has no sample.
    """
    return _check_least("number of samples", samples, 1)


def two_factor(weights: Integers, proportional: Decimal) -> Integers:
    """Returns the weights of assets that count partly evenly, partly by the catalogue's `weight`.

    An asset is due proportional / number of assets + (1 - proportional) × weight / sum of weights.

    Args:
        weights: The catalogue's weights, zero or more.
        proportional: The part that is divided evenly, from 0 to 1.

    Returns:
        The smallest whole numbers in these proportions.

    Raises:
        InputError: If a weight is negative, all are zero although a part is divided by them, or a
            result exceeds 64 bits.

    Example:
        >>> import numpy as np
        >>> two_factor(np.array([0, 1, 3]), Decimal("0.5")).tolist()
        [4, 7, 13]
    """
    _check_least("weight", weights, 0)
    part, whole = proportional.as_integer_ratio()
    if part == whole or not len(weights):
        return per_asset(len(weights))
    total = sum(weights.tolist())
    unit = math.gcd(*set(weights.tolist())) or 1  # every weight is a multiple of it
    most = int(weights.max())
    even, by_weight = two_factor_rates(len(weights), total, unit, most, proportional)
    result: Integers = weights // unit * by_weight + even
    return result


def two_factor_rates(
    count: int, total: int, unit: int, most: int, proportional: Decimal
) -> tuple[int, int]:
    """Returns what every asset counts under `two_factor`, and what each unit of weight adds.

    Args:
        count: How many assets there are.
        total: The sum of their weights.
        unit: A number of which every weight is a multiple.
        most: The largest weight.
        proportional: The part that is divided evenly, from 0 to 1.

    Raises:
        InputError: As `two_factor`.
    """
    part, whole = proportional.as_integer_ratio()
    if part == whole:
        return 1, 0
    if total == 0:
        raise InputError(
            "the part by weights cannot be divided: all weights are zero",
            f"{count} assets, price.two_factor.proportional = {str(proportional)!r}",
            "Give assets a weight above zero, or divide everything evenly.",
        )
    even, by_weight = part * total, (whole - part) * count * unit
    common = math.gcd(even, by_weight)
    even, by_weight = even // common, by_weight // common
    if even + by_weight * (most // unit) > MAX_WEIGHT:
        raise InputError(
            "the weights are beyond 2^53 under this allocation",
            f"sum {total}, {count} assets, proportional {proportional}",
            "Use smaller weights, or a ratio with fewer digits.",
        )
    return even, by_weight


def bounded(
    total_minor: int, weights: Mapping[str, int], minimum_minor: int, cap: Fraction
) -> Bounded:
    """Applies a minimum per payee and a cap on each payee's share of an amount.

    Nobody with a weight is due less than the minimum or more than the cap. What this adds or takes
    is taken from or added to the others in proportion to their weights, until nobody is outside.

    Args:
        total_minor: The amount in minor units.
        weights: Weights by payee, zero or more.
        minimum_minor: The least that a payee with a weight is due, in minor units.
        cap: The largest share of a payee, above 0 and up to 1.

    Raises:
        InputError: If the minimums exceed the amount, the caps do not reach it, or the minimum
            exceeds the cap.

    Example:
        >>> bounded(100, {"a": 8, "b": 1, "c": 1}, 0, Fraction(1, 2)).weights
        {'a': 2, 'b': 1, 'c': 1}
    """
    names = [name for name, weight in weights.items() if weight]
    if not names or (minimum_minor == 0 and (cap == 1 or total_minor == 0)):
        return Bounded(dict(weights), dict.fromkeys(weights, SHARE))
    limit = cap * total_minor
    _check_bounds(total_minor, len(names), minimum_minor, cap)
    names.sort(key=weights.__getitem__)
    low, high, rate = _outside(total_minor, [weights[name] for name in names], minimum_minor, limit)
    dues: dict[str, Fraction] = dict.fromkeys(weights, Fraction(0))
    basis = dict.fromkeys(weights, SHARE)
    for at, name in enumerate(names):
        if at < low:
            dues[name], basis[name] = Fraction(minimum_minor), MINIMUM
        elif at >= high:
            dues[name], basis[name] = limit, CAP
        else:
            dues[name] = rate * weights[name]
    common = math.lcm(*{due.denominator for due in dues.values()})
    scaled = {name: due.numerator * (common // due.denominator) for name, due in dues.items()}
    divisor = math.gcd(*scaled.values()) or 1
    return Bounded({name: weight // divisor for name, weight in scaled.items()}, basis)


def _outside(
    total: int, ascending: Sequence[int], minimum: int, limit: Fraction
) -> tuple[int, int, Fraction]:
    """Finds who is due the minimum and who the cap.

    All payees have the same bounds, so those below are the first and those above the last in order
    of weight. If the caps take more than the minimums add, the rate of the others rises, so nobody
    who is above can come back, and the reverse; so each round settles one side.

    Returns:
        The end of those with the minimum, the start of those with the cap, and the minor units per
        weight of those between.
    """
    sums = [0]
    for weight in ascending:
        sums.append(sums[-1] + weight)
    low, high, rate = 0, len(ascending), Fraction(0)
    while low < high:
        rest = total - low * minimum - (len(ascending) - high) * limit
        rate = rest / Fraction(sums[high] - sums[low])
        below = bisect_left(ascending, minimum, low, high, key=partial(mul, rate))
        above = bisect_right(ascending, limit, low, high, key=partial(mul, rate))
        added = (below - low) * minimum - rate * (sums[below] - sums[low])
        taken = rate * (sums[high] - sums[above]) - (high - above) * limit
        if not added and not taken:
            break
        if added >= taken:
            low = below
        if taken >= added:
            high = above
    return low, high, rate


def _check_bounds(total: int, payees: int, minimum: int, cap: Fraction) -> None:
    figures = f"{payees} payees, {total} minor units, minimum {minimum}, cap {cap}"
    if payees * minimum > total:
        raise InputError(
            "the minimum for every payee exceeds what there is to divide",
            f"{figures}: {payees * minimum} needed",
            "Lower price.minimum.",
        )
    if payees * cap < 1:
        raise InputError(
            "every payee reaches the cap, and a part would go to nobody",
            f"{figures}: {payees * cap} of it can be paid",
            "Raise price.cap.",
        )
    if minimum > cap * total:
        raise InputError(
            "the minimum for a payee exceeds the cap", figures, "Lower price.minimum, or raise cap."
        )


def _check_least(name: str, values: Integers, least: int) -> Integers:
    if len(values) and int(values.min()) < least:
        raise InputError(
            f"the {name} must be an integer of {least} or more",
            str(int(values.min())),
            f"Correct the {name}.",
        )
    return values
