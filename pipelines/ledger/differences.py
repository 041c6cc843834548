"""The money of a version that replaces another: what is owed is the difference, person by person.

The new version's ledger divides the whole pool. Of that, the replaced version's ledger credited a
part already, so only the difference is owed; it may be negative. The differences always sum to the
change of the contributors' part: to zero if neither the pool nor the agency's part changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa

from pipelines.storage.columns import values_of
from schemas.errors import InputError
from schemas.ledger import DIFFERENCES_SCHEMA

_INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class DifferenceTotals:
    """The totals of a table of differences.

    Attributes:
        more: How many contributors are owed more than they were credited.
        less: How many are owed less; those who left are among them.
        same: How many are owed nothing.
        joined: How many are in the new version only.
        left: How many are in the replaced version only.
        added_minor: The sum of the positive differences, in minor units.
        taken_minor: The sum of the negative differences, as a positive number.
    """

    more: int
    less: int
    same: int
    joined: int
    left: int
    added_minor: int
    taken_minor: int

    @property
    def difference_minor(self) -> int:
        """The sum of all differences."""
        return self.added_minor - self.taken_minor


def differences_table(previous: Mapping[str, int], now: Mapping[str, int]) -> pa.Table:
    """Returns the differences between two versions, DIFFERENCES_SCHEMA.

    Args:
        previous: What the replaced version credits, in minor units, by contributor.
        now: What the new version credits.

    Raises:
        InputError: If an amount does not fit in 64 bits.

    Example:
        >>> differences_table({"ada": 600, "bo": 400}, {"ada": 1000}).to_pylist()[1]
        {'contributor_id': 'bo', 'previous_minor': 400, 'now_minor': 0, 'difference_minor': -400}
    """
    people = sorted(previous.keys() | now.keys())
    before = [previous.get(person, 0) for person in people]
    after = [now.get(person, 0) for person in people]
    changes = [new - old for new, old in zip(after, before, strict=True)]
    for minor in (*before, *after, *changes):
        if abs(minor) > _INT64_MAX:
            raise InputError(
                "an amount does not fit in 64 bits of minor units",
                str(minor),
                "Split the pool over several deals.",
            )
    columns = (people, before, after, changes)
    return pa.table(
        dict(zip(DIFFERENCES_SCHEMA.names, columns, strict=True)), schema=DIFFERENCES_SCHEMA
    )


def difference_totals(
    table: pa.Table, previous: Mapping[str, int], now: Mapping[str, int]
) -> DifferenceTotals:
    """Returns the totals of a table of differences between two versions."""
    changes = values_of(table["difference_minor"], int)
    return DifferenceTotals(
        more=sum(minor > 0 for minor in changes),
        less=sum(minor < 0 for minor in changes),
        same=changes.count(0),
        joined=len(now.keys() - previous.keys()),
        left=len(previous.keys() - now.keys()),
        added_minor=sum(minor for minor in changes if minor > 0),
        taken_minor=-sum(minor for minor in changes if minor < 0),
    )


def fault_of_differences(table: pa.Table, now: Mapping[str, int]) -> str:
    """Returns what is wrong with a table of differences, or "".

    1. It has the columns of DIFFERENCES_SCHEMA.
    2. Contributors are sorted, and nobody appears twice.
    3. Each difference is what is credited now, less what was credited before.
    4. What is credited now is what the version's ledger credits, to everybody in it and no others.

    Args:
        table: The table.
        now: What the version's ledger credits, in minor units, by contributor.
    """
    if not table.schema.equals(DIFFERENCES_SCHEMA):  # 1
        return f"its columns are {', '.join(table.schema.names)}"
    people = values_of(table["contributor_id"], str)
    if any(one >= other for one, other in pairwise(people)):  # 2
        return "its contributors are not sorted, or one appears twice"
    stated = {}
    columns = (values_of(table[name], int) for name in DIFFERENCES_SCHEMA.names[1:])
    for person, before, after, change in zip(people, *columns, strict=True):
        if change != after - before:  # 3
            return f"{person!r}: {after} less {before} is not {change}"
        stated[person] = after
    for person in sorted(stated.keys() | now.keys()):  # 4
        if stated.get(person) != now.get(person, 0):
            return f"{person!r}: {stated.get(person)}, the ledger credits {now.get(person, 0)}"
    return ""
