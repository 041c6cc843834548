"""Divides money to the last minor unit, with integers only, and carries exactly what is left.

Everyone is due an exact, rational share. With what earlier pools left, it is their *target*. They
get its floor, and the units left over go, one each, to the largest remainders. Ties go by a salted
hash of the id, so that nobody is favoured for their name. What the credit is short of the target is
*carried* to the next pool: it is never more than one minor unit, in either direction.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from pipelines.ledger.commitments import encode
from schemas.errors import InputError

_TIE = b"fairshard/tie/v1\x00"
_KEY_BITS = 128  # of a remainder, before remainders are compared exactly
_NOTHING = Fraction(0)


@dataclass(frozen=True)
class Division:
    """A divided amount.

    Attributes:
        credits: What each payee gets, in minor units, zero or more.
        carried: What is carried on for each payee: their target less their credit. It is from -1 to
            1 if what earlier pools left was.
        rounding_minor: The amount less all credits. It is zero, unless dividing all of it would
            leave somebody more than one unit from their exact due. If it is negative, the credits
            exceed the amount.
    """

    credits: dict[str, int]
    carried: dict[str, Fraction]
    rounding_minor: int


def divide(
    total_minor: int,
    weights: Mapping[str, int],
    carried: Mapping[str, Fraction],
    tie_key: bytes,
) -> Division:
    """Divides an amount among payees in proportion to integer weights.

    Nobody with a target of zero gets anything, and nobody gets less than zero.

    Args:
        total_minor: The amount in minor units, zero or more, of any size.
        weights: Weights by payee, zero or more, of any size; not all zero.
        carried: What earlier pools left, usually from -1 to 1; nothing for payees that are not in
            it. Payees who have no weight here are left out of the result.
        tie_key: Key of the hash that decides ties, such as the deal's salt.

    Raises:
        InputError: If a number is not an integer or out of range, or the weights sum to zero.

    Example:
        >>> from fractions import Fraction
        >>> made = divide(10000, {"a": 1, "b": 1, "c": 1}, {}, b"salt")
        >>> sorted(made.credits.values()), sum(made.carried.values())
        ([3333, 3333, 3334], Fraction(0, 1))
        >>> divide(1, {"a": 1, "b": 2}, {"a": Fraction(1, 2)}, b"salt").credits
        {'a': 1, 'b': 0}
    """
    whole = _check(total_minor, weights, carried)
    due = _amounts_due(total_minor, whole, weights, carried)
    credits = _credits(total_minor, due, tie_key)
    left_over = {
        name: Fraction((part - credit) * denominator + remainder, denominator)
        for name, part, credit, remainder, denominator in zip(
            due.names, due.parts, credits, due.remainders, due.denominators, strict=True
        )
    }
    given = dict(zip(due.names, credits, strict=True))
    return Division(given, left_over, total_minor - sum(credits))


def divide_in_order(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Divides an amount by largest remainder; ties go by position.

    Args:
        total_minor: The amount in minor units, zero or more.
        weights: Weights, zero or more and not all zero, in an order that no id decides.

    Raises:
        InputError: If a number is negative or not an integer, or the weights sum to zero.

    Example:
        >>> divide_in_order(10000, [1, 1, 1])
        [3334, 3333, 3333]
    """
    _check_integer("the total in minor units", total_minor)
    for weight in weights:
        _check_integer("a weight", weight)
    whole = _check_whole(total_minor, weights)
    pairs = [divmod(total_minor * weight, whole) for weight in weights]
    credits = [part for part, _ in pairs]
    order = sorted(range(len(pairs)), key=lambda at: -pairs[at][1])  # stable
    for at in order[: total_minor - sum(credits)]:
        credits[at] += 1
    return credits


def tie_hash(tie_key: bytes, payee: str) -> bytes:
    """Returns the hash by which ties are decided; the lower one gets the unit.

    Raises:
        InputError: If the id has no UTF-8 form.
    """
    return hmac.digest(tie_key, _TIE + encode(payee), "sha256")


@dataclass(frozen=True)
class _AmountsDue:
    """The targets of all payees, in their order: parts plus remainders over denominators."""

    names: list[str]
    parts: list[int]
    remainders: list[int]
    denominators: list[int]


def _amounts_due(
    total_minor: int, whole: int, weights: Mapping[str, int], carried: Mapping[str, Fraction]
) -> _AmountsDue:
    due = _AmountsDue(list(weights), [], [], [])
    for name, weight in weights.items():
        left = carried.get(name, _NOTHING)
        target = total_minor * weight * left.denominator + left.numerator * whole
        denominator = whole * left.denominator
        part, remainder = divmod(target, denominator)
        due.parts.append(part)
        due.remainders.append(remainder)
        due.denominators.append(denominator)
    return due


def _credits(total_minor: int, due: _AmountsDue, tie_key: bytes) -> list[int]:
    """Returns what each payee gets: the floor of their target, give or take one unit."""
    parts, remainders = due.parts, due.remainders
    credits = [max(part, 0) for part in parts]
    unpaid = total_minor - sum(credits)
    if unpaid > 0:
        may_gain = [
            at
            for at, remainder in enumerate(remainders)
            if parts[at] > 0 or (parts[at] == 0 and remainder)
        ]
        for at in _largest(may_gain, unpaid, due, tie_key):
            credits[at] += 1
    elif unpaid < 0:  # only who is due a whole number can go without one unit of it
        may_lose = [
            at for at, remainder in enumerate(remainders) if not remainder and parts[at] > 0
        ]
        for at in _largest(may_lose, -unpaid, due, tie_key):
            credits[at] -= 1
    return credits


def _largest(
    candidates: Sequence[int], count: int, due: _AmountsDue, tie_key: bytes
) -> Sequence[int]:
    """Returns the `count` candidates with the largest remainders; fewer if there are fewer.

    Only remainders with the first 128 bits of the last one taken are compared as fractions.
    """
    if len(candidates) <= count:
        return candidates
    remainders, denominators = due.remainders, due.denominators
    same = len(set(denominators)) == 1  # then the remainders themselves can be compared
    keys = [
        remainders[at] if same else (remainders[at] << _KEY_BITS) // denominators[at]
        for at in candidates
    ]
    last = sorted(keys, reverse=True)[count - 1]
    chosen = [at for at, key in zip(candidates, keys, strict=True) if key > last]
    close = [at for at, key in zip(candidates, keys, strict=True) if key == last]
    exact = {at: 0 if same else Fraction(remainders[at], denominators[at]) for at in close}
    close.sort(key=lambda at: (-exact[at], tie_hash(tie_key, due.names[at])))
    return chosen + close[: count - len(chosen)]


def _check(total_minor: int, weights: Mapping[str, int], carried: Mapping[str, Fraction]) -> int:
    """Checks the arguments of `divide`; returns the sum of the weights."""
    _check_integer("the total in minor units", total_minor)
    for name, weight in weights.items():
        _check_integer(f"the weight of {name!r}", weight)
        left = carried.get(name, _NOTHING)
        if not isinstance(left, Fraction):
            raise InputError(
                "what is carried must be a fraction",
                f"{name!r}: {left!r}",
                "Pass what the last division left.",
            )
    return _check_whole(total_minor, list(weights.values()))


def _check_whole(total_minor: int, weights: Sequence[int]) -> int:
    whole = sum(weights)
    if whole == 0:
        raise InputError(
            "the amount cannot be divided: the weights sum to zero",
            f"{len(weights)} weights, {total_minor} minor units",
            "At least one asset must have a weight above zero.",
        )
    return whole


def _check_integer(name: str, value: int) -> None:
    if type(value) is not int or value < 0:
        raise InputError(
            f"{name} must be an integer of zero or more", repr(value), "Correct the number."
        )
