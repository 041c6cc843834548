"""Rule 8: how a contributor's dated consents and denials combine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.rights.consent_events import _order
from pipelines.rights.consent_timelines import MAX_TIME, MIN_TIME
from schemas.deal import Deal
from tests.rights.rights_cases import (
    AS_OF,
    TICK,
    Row,
    asset,
    deal,
    deal_with_rights,
    event,
    reason_codes,
    rights_index,
    screened_codes,
    split_shares,
)

SILENT = deal_with_rights(inference="unless-denied")


def train(value: str, minutes: int = -60, **changes: Any) -> Row:
    return event(value, minutes, purpose="train_gen", **changes)


def infer(value: str, minutes: int = -60, **changes: Any) -> Row:
    return event(value, minutes, purpose="inference", **changes)


def here(value: str, minutes: int = -60, **changes: Any) -> Row:
    """Returns an event for the asset a-1 only."""
    return event(value, minutes, asset_id="a-1", **changes)


CASES: list[tuple[str, list[Row], str]] = [
    ("nothing on record", [], "consent.missing"),
    ("unknown", [event("unknown")], "consent.missing"),
    ("a word we do not know", [event("yes")], "consent.missing"),
    ("deny", [event("deny")], "consent.denied"),
    ("conditional", [event("conditional")], "consent.conditional"),
    ("all purposes at once", [event("allow")], ""),
    ("each purpose by itself", [train("allow"), infer("allow")], ""),
    ("inference is needed too", [train("allow")], "consent.missing"),
    ("the deal's purpose is needed", [infer("allow")], "consent.missing"),
    ("another purpose says nothing", [event("allow", purpose="search")], "consent.missing"),
    ("a no to another purpose", [event("allow"), event("deny", purpose="search")], ""),
    (
        "two purposes, two reasons",
        [train("deny"), infer("conditional")],
        "consent.denied consent.conditional",
    ),
    # The latest event is in force; events for `all` and for the purpose form one history.
    ("a later yes", [event("deny", -2), event("allow", -1)], ""),
    ("a later no", [event("allow", -2), event("deny", -1)], "consent.withdrawn"),
    ("order of rows is no matter", [event("deny", -1), event("allow", -2)], "consent.withdrawn"),
    ("all lifts the purpose", [train("deny", -2), event("allow", -1)], ""),
    ("the purpose lifts all", [event("deny", -2), train("allow", -1), infer("allow", -1)], ""),
    ("all bars the purpose", [train("allow", -2), infer("allow", -2), event("deny", -1)],
     "consent.withdrawn"),
    ("a later silence", [event("allow", -2), event("unknown", -1)], "consent.missing"),
    ("a later condition", [event("allow", -2), event("conditional", -1)], "consent.conditional"),
    ("no, yes, no", [event("deny", -3), event("allow", -2), event("deny", -1)],
     "consent.withdrawn"),
    ("no, no", [event("deny", -3), event("deny", -1)], "consent.denied"),
    # Among events at the same instant, the strictest is in force.
    ("yes and no", [event("allow"), event("deny")], "consent.denied"),
    ("no and yes", [event("deny"), event("allow")], "consent.denied"),
    ("yes and perhaps", [event("allow"), event("conditional")], "consent.conditional"),
    ("perhaps and no", [event("deny"), event("conditional")], "consent.denied"),
    ("yes and silence", [event("unknown"), event("allow")], "consent.missing"),
    ("perhaps and silence", [event("unknown"), event("conditional")], "consent.conditional"),
    ("a no to all, a yes to each", [event("deny"), train("allow"), infer("allow")],
     "consent.denied"),
    ("yes and no, after a yes", [event("allow", -90), event("allow"), event("deny")],
     "consent.withdrawn"),
    # Limited to the asset.
    ("a yes for the asset alone", [here("allow")], ""),
    ("a yes for another asset", [event("allow", asset_id="a-2")], "consent.missing"),
    ("a no for another asset", [event("allow"), event("deny", asset_id="a-2")], ""),
    ("a particular no", [event("allow", -2), here("deny", -1)], "consent.withdrawn"),
    ("a general yes lifts no particular no", [here("deny", -2), event("allow", -1)],
     "consent.denied"),
    ("a later general no", [here("allow", -2), event("deny", -1)], "consent.withdrawn"),
    ("an earlier general no", [event("deny", -2), here("allow", -1)], ""),
    ("a general no at the same instant", [event("deny"), here("allow")], "consent.denied"),
    ("a particular no at the same instant", [event("allow"), here("deny")], "consent.denied"),
    ("a general condition later", [here("allow", -2), event("conditional", -1)],
     "consent.conditional"),
    ("a general silence later", [here("allow", -2), event("unknown", -1)], "consent.missing"),
    ("a milder general word later", [here("deny", -2), event("conditional", -1)],
     "consent.denied"),
    ("a milder general word at once", [here("deny"), event("unknown")], "consent.denied"),
    ("a particular yes lifts the particular no", [here("deny", -2), here("allow", -1)], ""),
    ("a general no, lifted in general", [here("allow", -3), event("deny", -2), event("allow", -1)],
     ""),
    ("narrowed to the asset and a purpose",
     [event("allow", -2), here("deny", -1, purpose="inference")], "consent.withdrawn"),
    ("narrowed to the asset and another purpose",
     [event("allow", -2), here("deny", -1, purpose="index")], ""),
    # Events of another contributor.
    ("another contributor's yes", [event("allow", who="c-2")], "consent.missing"),
    ("another contributor's no", [event("allow"), event("deny", -1, who="c-2")], ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("events", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_consents_combine_to_the_expected_reason(events: list[Row], expected: str) -> None:
    assert screened_codes(asset(), consents=events) == set(expected.split())


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([train("allow")], ""),
        # An explicit "unknown" is not the same as no event.
        ([train("allow"), infer("unknown")], "consent.missing"),
        ([train("allow"), infer("deny", -2), infer("unknown", -1)], "consent.missing"),
        ([train("allow"), infer("allow")], ""),
        ([train("allow"), infer("deny")], "consent.denied"),
        ([train("allow"), infer("allow", -90), infer("deny")], "consent.withdrawn"),
        ([train("allow"), infer("conditional")], "consent.conditional"),
        ([event("deny", -2), train("allow", -1)], "consent.denied"),
        ([infer("allow")], "consent.missing"),
        ([], "consent.missing"),
        # No general event does not lift a denial for the asset.
        ([train("allow"), here("deny", -2, purpose="inference"), infer("unknown", -1)],
         "consent.denied"),
        ([train("allow"), here("deny", purpose="inference"), infer("unknown")], "consent.denied"),
    ],
)  # fmt: skip
def test_unless_denied_accepts_missing_consent_to_inference(
    events: list[Row], expected: str
) -> None:
    assert screened_codes(asset(), SILENT, consents=events) == set(expected.split())


def test_licensed_inference_needs_consent() -> None:
    terms = deal(purposes=["train_gen", "inference"], rights={"inference": "unless-denied"})
    assert screened_codes(asset(), terms, consents=[train("allow")]) == {"consent.missing"}
    assert screened_codes(asset(), terms, consents=[train("allow"), infer("allow")]) == set()


def test_events_after_as_of_are_ignored() -> None:
    yes, no = event("allow", given_at=AS_OF - TICK), event("deny")
    assert screened_codes(asset(), consents=[yes, no | {"given_at": AS_OF + TICK}]) == set()
    assert screened_codes(asset(), consents=[yes, no | {"given_at": AS_OF}]) == {
        "consent.withdrawn"
    }
    assert screened_codes(asset(), consents=[event("allow", 1)]) == {"consent.missing"}
    assert screened_codes(asset(), consents=[event("allow", 0)]) == set()


def test_consents_depend_on_as_of() -> None:
    events = [event("allow", -30), event("deny", -20), event("allow", -10)]
    at = [
        screened_codes(asset(), consents=events, as_of=events[0]["given_at"] - TICK),
        *(screened_codes(asset(), consents=events, as_of=given["given_at"]) for given in events),
    ]
    assert at == [{"consent.missing"}, set(), {"consent.withdrawn"}, set()]


def test_consents_before_1970() -> None:
    old = datetime(1969, 12, 31, 23, 59, tzinfo=UTC)
    assert screened_codes(asset(), consents=[event("allow", given_at=old)]) == set()
    events = [event("allow", given_at=old), event("deny", given_at=old + TICK)]
    assert screened_codes(asset(), consents=events) == {"consent.withdrawn"}


def test_every_contributor_must_consent() -> None:
    both = asset(contributors=split_shares(("c-1", 5_000), ("c-2", 5_000)))
    assert screened_codes(both, consents=[event("allow")]) == {"consent.missing"}
    mixed = [event("deny"), event("conditional", who="c-2")]
    assert screened_codes(both, consents=mixed) == {"consent.denied", "consent.conditional"}
    mixed = [event("allow", -90), event("deny"), event("deny", who="c-2")]
    assert screened_codes(both, consents=mixed) == {"consent.denied", "consent.withdrawn"}


@pytest.mark.parametrize(
    ("who", "which", "other_who", "other_which"),
    [
        ("ab", "c", "a", "bc"),
        ("a:", "b", "a", ":b"),
        ("1:a", "b", "1", "a:b"),
        ("é", "x", "e", "́x"),
    ],
)
def test_pairs_with_equal_concatenation_are_distinct(
    who: str, which: str, other_who: str, other_which: str
) -> None:
    """A consent for one pair of contributor and asset does not apply to another pair."""
    terms: Deal = deal()
    joined = rights_index(
        terms,
        [event("allow", who=who, asset_id=which)],
        contributors=(who, other_who),
    )
    rows = [
        asset(asset_id=which, contributors=split_shares((who, 10_000))),
        asset(asset_id=other_which, contributors=split_shares((other_who, 10_000))),
    ]
    assert reason_codes(rows, terms, joined) == [set(), {"consent.missing"}]


SIZES = st.sampled_from([1, 3, 2**40])  # of the last, the four do not fit into one number


@settings(max_examples=100, deadline=None)
@given(SIZES, st.lists(st.tuples(*(st.integers(0, 2),) * 3, st.integers(-1, 2)), max_size=12))
def test_events_are_put_in_order(size: int, events: list[tuple[int, int, int, int]]) -> None:
    times = [MIN_TIME, 0, MAX_TIME]
    rows = [(line * size, times[at], state, max(ref * size, -1)) for line, at, state, ref in events]
    lines, instants, states, refs = np.array(rows, np.int64).reshape(-1, 4).T
    order = _order(lines, instants, states.astype(np.int8), refs)
    assert sorted(order.tolist()) == list(range(len(rows)))
    assert [rows[place] for place in order.tolist()] == sorted(rows)
