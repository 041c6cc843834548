"""A signed agreement lifts a file's denial only if it is listed, for that contributor, in force."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.rights.cleared_rights import add_cleared_rights
from schemas.catalogue import ASSETS_SCHEMA
from schemas.rights import PURPOSES
from tests.rights.rights_cases import (
    AS_OF,
    DAY,
    ENDS,
    STARTS,
    TICK,
    Row,
    agreement,
    asset,
    deal,
    event,
    rights_index,
    split_shares,
)

pytestmark = pytest.mark.long

TODAY = AS_OF.date()
BOTH = {("train_gen", "c-1", "A-1"), ("inference", "c-1", "A-1")}
LAST = datetime(ENDS.year, ENDS.month, ENDS.day, tzinfo=AS_OF.tzinfo) + DAY
Held = set[tuple[str, str, str]]


def held(consents: list[Row], listed: list[Row], **terms: Any) -> Held:
    """Returns which purposes of an asset of c-1 and c-2 agreements cover, by whom and which."""
    contract = deal(**terms)
    row = asset(contributors=split_shares(("c-1", 5_000), ("c-2", 5_000)))
    index = rights_index(contract, consents, agreements=listed)
    table = pa.Table.from_pylist([row], ASSETS_SCHEMA)
    [added] = add_cleared_rights(table, index, contract).to_pylist()
    return {(item["purpose"], item["contributor_id"], item["ref"]) for item in added["agreements"]}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, BOTH),
        ({"agreement_ref": "a-1"}, set()),
        ({"agreement_ref": "A-10"}, set()),
        ({"contributor_id": "c-2"}, set()),
        ({"contributor_id": "C-1"}, set()),
        ({"purposes": ["train_gen"]}, {("train_gen", "c-1", "A-1")}),
        ({"purposes": ["inference", "search"]}, {("inference", "c-1", "A-1")}),
        ({"purposes": ["search"]}, set()),
        ({"purposes": ["train-gen"]}, set()),
        ({"purposes": []}, set()),
        ({"signed_at": None}, set()),
        ({"signed_at": TODAY}, BOTH),
        ({"signed_at": TODAY + DAY}, set()),
        ({"valid_from": TODAY}, BOTH),
        ({"valid_from": TODAY + DAY}, set()),
        ({"valid_until": ENDS}, BOTH),
        ({"valid_until": ENDS - DAY}, set()),
        ({"valid_until": TODAY - DAY}, set()),
        ({"revoked_at": AS_OF - 900 * DAY}, set()),
        ({"revoked_at": AS_OF}, set()),
        ({"revoked_at": AS_OF + TICK}, set()),
        ({"revoked_at": LAST - TICK}, set()),
        ({"revoked_at": LAST}, BOTH),
    ],
)
def test_only_a_listed_agreement_in_force_counts(changes: Row, expected: Held) -> None:
    consents = [event("allow", agreement_ref="A-1"), event("allow", who="c-2")]
    listed = agreement() | changes
    assert held(consents, [listed]) == expected
    # A deal that accepts rights which end early asks no less of an agreement.
    assert held(consents, [listed], rights={"ends_early": "until"}) == expected
    assert held(consents, []) == set()


def test_what_does_not_count_ends_no_other_agreement() -> None:
    old, new = event("allow", -9, agreement_ref="A-1"), event("allow", -8, agreement_ref="A-2")
    other = event("allow", who="c-2")
    assert held([old, new, other], [agreement()]) == BOTH
    gone = agreement("A-2", revoked_at=AS_OF)
    assert held([old, new, other], [agreement(), gone]) == BOTH
    one_purpose = agreement("A-2", purposes=["inference"])
    assert held([old, new, other], [agreement(), one_purpose]) == {
        ("train_gen", "c-1", "A-1"),
        ("inference", "c-1", "A-2"),
    }


def test_a_contributor_s_no_ends_an_agreement_that_is_listed() -> None:
    signed = event("allow", -9, agreement_ref="A-1")
    assert held([signed, event("deny", -8), event("allow", -7)], [agreement()]) == set()


def test_an_agreement_that_is_in_two_rows_must_be_in_force_in_both() -> None:
    consents = [event("allow", agreement_ref="A-1")]
    rows = [agreement(), agreement(revoked_at=AS_OF)]
    assert held(consents, rows) == held(consents, rows[::-1]) == set()


def test_the_deal_lists_agreements_too() -> None:
    consents = [event("allow", agreement_ref="A-1"), event("allow", who="c-2", agreement_ref="A-1")]
    mine = {"ref": "A-1", "signed_at": TODAY, "purposes": ["train_gen"], "contributors": ["c-1"]}
    assert held(consents, [], agreements=[mine]) == {("train_gen", "c-1", "A-1")}


REFS = ("A-1", "A-2", "AGR-1", "a-1")
PEOPLE = ("c-1", "c-2", "c-3")
DAYS = st.sampled_from(
    [TODAY - DAY, TODAY, TODAY + DAY, STARTS, ENDS - DAY, ENDS, ENDS + DAY, date(2020, 1, 1)]
)
LISTED = st.fixed_dictionaries(
    {
        "agreement_ref": st.sampled_from(REFS[:3]),
        "contributor_id": st.sampled_from(PEOPLE),
        "purposes": st.lists(
            st.sampled_from([*(purpose.value for purpose in PURPOSES), "all"]), max_size=3
        ),
        "signed_at": st.none() | DAYS,
        "valid_from": st.none() | st.none() | DAYS,
        "valid_until": st.none() | st.none() | DAYS,
        "revoked_at": st.none()
        | st.none()
        | st.sampled_from([AS_OF - DAY, AS_OF, AS_OF + TICK, LAST - TICK, LAST]),
    }
)
NAMED = st.builds(
    lambda who, ref, purpose, minutes: event(
        "allow", -minutes, who, agreement_ref=ref, purpose=purpose
    ),
    st.sampled_from(PEOPLE[:2]),
    st.none() | st.sampled_from(REFS),
    st.sampled_from(["all", "train_gen", "inference", "search"]),
    st.integers(-2, 3),
)


def holds(row: Row, purpose: str) -> bool:
    """Judges one row by the words of docs/rights.md."""
    if row["signed_at"] is None or row["signed_at"] > TODAY:
        return False
    if row["valid_from"] is not None and row["valid_from"] > TODAY:
        return False
    if row["valid_until"] is not None and row["valid_until"] < ENDS:
        return False
    if row["revoked_at"] is not None and row["revoked_at"].date() <= ENDS:
        return False
    return purpose in row["purposes"] or "all" in row["purposes"]


def may_lift(who: str, ref: str, purpose: str, listed: list[Row]) -> bool:
    rows = [r for r in listed if (r["agreement_ref"], r["contributor_id"]) == (ref, who)]
    return bool(rows) and all(holds(row, purpose) for row in rows)


def check_lifts(consents: list[Row], listed: list[Row]) -> None:
    found = held(consents, listed)
    for purpose, who, ref in found:
        assert may_lift(who, ref, purpose, listed)
    for who in PEOPLE[:2]:
        for purpose in ("train_gen", "inference"):
            given = [
                one
                for one in consents
                if one["contributor_id"] == who
                and one["purpose"] in (purpose, "all")
                and one["given_at"] <= AS_OF
            ]
            signed = any(may_lift(who, one["agreement_ref"], purpose, listed) for one in given)
            assert signed == any((p, w) == (purpose, who) for p, w, _ in found)


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMED, max_size=6), st.lists(LISTED, max_size=5))
def test_nothing_else_ever_lifts_a_denial(consents: list[Row], listed: list[Row]) -> None:
    check_lifts(consents, listed)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=timedelta(seconds=5))
@given(st.lists(NAMED, max_size=6), st.lists(LISTED, max_size=5))
def test_nothing_else_ever_lifts_a_denial_at_length(consents: list[Row], listed: list[Row]) -> None:
    check_lifts(consents, listed)
