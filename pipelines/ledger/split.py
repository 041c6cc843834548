"""Share money out to the last minor unit: largest remainder, ties by id, integers only.

Everybody first gets the floor of their exact share. The few minor units left over go, one each, to
the largest remainders; equal remainders are served in order of id. So 100.00 over three is 33.34,
33.33, 33.33, and the parts always sum to the whole.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal

from schemas.errors import InputError
from schemas.ledger import Allocation, Line


def largest_remainder(total_minor: int, weights: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Share a total over ids in proportion to integer weights, exactly.

    Args:
        total_minor: What is shared, in minor units, zero or more.
        weights: Pairs of id and weight. Ids are unique; weights are zero or more and not all zero.

    Returns:
        Minor units by id, in the order given. They sum to `total_minor`; an id of weight zero
        gets nothing.

    Raises:
        InputError: A negative or non-integer number, a repeated id, or a sum of zero.

    Example:
        >>> largest_remainder(10000, [("a", 1), ("b", 1), ("c", 1)])
        {'a': 3334, 'b': 3333, 'c': 3333}
    """
    ids = [name for name, _ in weights]
    if len(set(ids)) != len(ids):
        repeated = next(name for name, times in Counter(ids).items() if times > 1)
        raise InputError("an id stands twice among the weights", repr(repeated), "Merge the two.")
    amounts = _share(total_minor, ids, [weight for _, weight in weights])
    return dict(zip(ids, amounts, strict=True))


def agency_and_contributors(pool_minor: int, agency_share: Decimal) -> tuple[int, int]:
    """Divide a pool between the agency and its contributors by largest remainder.

    Args:
        pool_minor: The pool in minor units, zero or more.
        agency_share: The agency's part, from 0 to 1; any exact decimal.

    Returns:
        The agency's and the contributors' minor units, which sum to the pool. Where both
        remainders are one half, the odd unit goes to the contributors.

    Raises:
        InputError: The share is not a Decimal from 0 to 1, or the pool is not an integer ≥ 0.

    Example:
        >>> agency_and_contributors(21901, Decimal("0.50"))
        (10950, 10951)
    """
    if not isinstance(agency_share, Decimal):
        raise InputError(
            f"the agency share must be a Decimal, not {type(agency_share).__name__}",
            repr(agency_share),
            'Read it from text, such as Decimal("0.40").',
        )
    if not (agency_share.is_finite() and 0 <= agency_share <= 1):
        raise InputError(
            "the agency share is not between 0 and 1", str(agency_share), 'Write "0.40" for 40 %.'
        )
    part, whole = agency_share.as_integer_ratio()
    # The ids only decide the tie, and the contributors come first.
    agency, contributors = _share(pool_minor, ["1 agency", "0 contributors"], [part, whole - part])
    return agency, contributors


def line_weight(rule: Allocation, weight: int, samples: int) -> int:
    """What one delivered asset counts under a deal's rule.

    Args:
        rule: The deal's allocation rule.
        weight: The asset's integer weight in the catalogue, zero or more.
        samples: How many samples of the asset are in the delivery, one or more.

    Returns:
        An integer weight, zero or more.

    Raises:
        InputError: The number that the rule needs is not such an integer.
    """
    if rule is Allocation.PER_ASSET:
        return 1
    if rule is Allocation.WEIGHTED:
        return _integer("weight", weight, 0)
    return _integer("number of samples", samples, 1)


def allocate(lines: Sequence[Line], contributors_minor: int) -> list[int]:
    """Share the contributors' part over lines, in two levels.

    1. Over contributors, by the sum of weight times share over their lines; ties by id.
    2. Inside each contributor, over their lines by the same numbers; ties by the line's key.

    Sharing over contributors first keeps what somebody earns within one minor unit of their exact
    share; rounding each line alone could cost a contributor of many lines much more.

    Args:
        lines: The claims, in any order; the order changes nothing.
        contributors_minor: What is shared, in minor units, zero or more.

    Returns:
        Minor units for each line, in the order of `lines`. They sum to `contributors_minor`.

    Raises:
        InputError: Two lines with the same contributor and key, all weights zero, or a number
            that is negative or no integer.
    """
    own: defaultdict[str, list[int]] = defaultdict(list)
    points = [_points(line) for line in lines]
    for position, line in enumerate(lines):
        own[line.contributor_id].append(position)
    # 1. Over contributors.
    people = list(own)
    totals = [sum(points[position] for position in own[person]) for person in people]
    earned = _share(contributors_minor, people, totals)
    # 2. Inside each contributor.
    amounts = [0] * len(lines)
    for person, total, minor in zip(people, totals, earned, strict=True):
        positions = own[person]
        keys = [lines[position].key for position in positions]
        if len(set(keys)) != len(keys):
            raise InputError(
                "a contributor has two lines with the same key",
                repr(person),
                "Each asset must name a contributor once, and keys must be unique.",
            )
        if total == 0:
            continue
        parts = _share(minor, keys, [points[position] for position in positions])
        for position, part in zip(positions, parts, strict=True):
            amounts[position] = part
    return amounts


def _points(line: Line) -> int:
    weight = _integer("line weight", line.weight, 0)
    return weight * _integer("share in basis points", line.share_bp, 0)


def _share(total: int, ids: Sequence[str], weights: Sequence[int]) -> list[int]:
    """Largest remainder over parallel lists. The work is one division and one sort of integers."""
    _integer("total in minor units", total, 0)
    for weight in weights:
        if type(weight) is not int or weight < 0:
            raise InputError("a weight must be an integer of zero or more", repr(weight), "Fix it.")
    whole = sum(weights)
    if whole == 0:
        raise InputError(
            "there is nothing to share by: the weights sum to zero",
            f"{len(ids)} weights, {total} minor units",
            "At least one delivered asset must have a weight above zero.",
        )
    parts: list[int] = []
    remainders: list[int] = []
    for weight in weights:
        part, remainder = divmod(total * weight, whole)
        parts.append(part)
        remainders.append(remainder)
    left = total - sum(parts)
    if left == 0:
        return parts
    # Every remainder above the last one served gets a unit; only those equal to it need ids.
    last = sorted(remainders, reverse=True)[left - 1]
    tied: list[int] = []
    for position, remainder in enumerate(remainders):
        if remainder > last:
            parts[position] += 1
            left -= 1
        elif remainder == last:
            tied.append(position)
    tied.sort(key=ids.__getitem__)
    for position in tied[:left]:
        parts[position] += 1
    return parts


def _integer(name: str, value: int, least: int) -> int:
    if type(value) is not int or value < least:
        raise InputError(
            f"the {name} must be an integer of {least} or more", repr(value), "Fix it."
        )
    return value
