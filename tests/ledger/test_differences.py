"""Differences between two versions of a delivery: exact for everybody, and any change is named."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger.differences import (
    difference_totals,
    differences_table,
    fault_of_differences,
)
from pipelines.ledger.division import divide
from schemas.errors import InputError
from schemas.ledger import DIFFERENCES_SCHEMA

CREDITS = st.dictionaries(st.text("abc\u00e9Z-", min_size=1, max_size=3), st.integers(0, 2**62))
WEIGHTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 9), min_size=1)


@given(CREDITS, CREDITS)
def test_what_was_credited_and_the_difference_are_what_is_credited_now(
    previous: dict[str, int], now: dict[str, int]
) -> None:
    table = differences_table(previous, now)
    rows = table.to_pylist()
    assert [row["contributor_id"] for row in rows] == sorted({*previous, *now})
    owed = dict(previous)
    for row in rows:
        person = row["contributor_id"]
        owed[person] = owed.get(person, 0) + row["difference_minor"]
    assert {person: minor for person, minor in owed.items() if minor or person in now} == now
    totals = difference_totals(table, previous, now)
    assert totals.difference_minor == sum(now.values()) - sum(previous.values())
    assert totals.more + totals.less + totals.same == len(rows)
    assert (totals.joined, totals.left) == (
        len(set(now) - set(previous)),
        len(set(previous) - set(now)),
    )
    assert fault_of_differences(table, now) == ""


@given(st.integers(0, 10**9), st.lists(WEIGHTS, min_size=2, max_size=6))
def test_a_chain_of_versions_pays_the_pool_once(
    pool_minor: int, versions: list[dict[str, int]]
) -> None:
    """However often a pool is divided again, all that was ever owed is the last division."""
    owed: dict[str, int] = {}
    credited: dict[str, int] = {}
    for weights in versions:
        now = divide(pool_minor, weights, {}, b"salt").credits
        rows = differences_table(credited, now).to_pylist()
        assert not credited or sum(row["difference_minor"] for row in rows) == 0
        for row in rows:
            person = row["contributor_id"]
            owed[person] = owed.get(person, 0) + row["difference_minor"]
        assert sum(owed.values()) == pool_minor
        credited = now
    assert {person: minor for person, minor in owed.items() if minor} == {
        person: minor for person, minor in credited.items() if minor
    }


@given(CREDITS, CREDITS, st.data())
def test_any_changed_amount_or_name_is_found(
    previous: dict[str, int], now: dict[str, int], data: st.DataObject
) -> None:
    rows = differences_table(previous, now).to_pylist()
    if not rows:
        return
    at = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(DIFFERENCES_SCHEMA.names))
    change = data.draw(st.sampled_from([-1, 1, 100]))
    rows[at][name] = rows[at][name] + (change if name.endswith("_minor") else "x")
    changed = pa.Table.from_pylist(rows, schema=DIFFERENCES_SCHEMA)
    if name == "contributor_id" and not rows[at]["now_minor"]:
        return  # somebody who left is not in this version's ledger
    assert fault_of_differences(changed, now) != ""


def test_rows_that_are_missing_repeated_or_disordered_are_found() -> None:
    now = {"ada": 600, "bo": 400}
    table = differences_table({"ada": 1_000}, now)
    for wrong in (
        table.slice(0, 1),
        table.take(pa.array([0, 0, 1])),
        table.take(pa.array([1, 0])),
        table.drop_columns(["previous_minor"]),
        table.append_column("more", pa.array([1, 2])),
    ):
        assert fault_of_differences(wrong, now) != ""


def test_an_amount_beyond_64_bits_is_refused() -> None:
    with pytest.raises(InputError, match="64 bits"):
        differences_table({"ada": 2**63}, {})
