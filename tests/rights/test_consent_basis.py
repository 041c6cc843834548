"""What consents rest on: silence, its window, and deals that demand an explicit yes."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pipelines.rights.cleared_rights import add_cleared_rights
from schemas.catalogue import ASSETS_SCHEMA
from schemas.deal import Deal
from tests.rights import oracle
from tests.rights.rights_cases import (
    AS_OF,
    TICK,
    Row,
    agreement,
    asset,
    deal,
    deal_with_rights,
    event,
    rights_index,
    screened_codes,
)

ANY, DEMANDING = deal(), deal_with_rights(consent_basis="explicit")
OVER: Row = {
    "basis": "silence",
    "notice_at": date(2026, 5, 30),
    "window_days": 30,
}  # just before AS_OF
OPEN: Row = OVER | {"notice_at": date(2026, 5, 31)}
# Just before AS_OF.
END = datetime(2026, 6, 30, 12, tzinfo=UTC) - TICK  # of OVER's window


def yes(minutes: int = -60, **changes: Any) -> Row:
    return event("allow", minutes, **changes)


def explicit(value: str = "allow", minutes: int = -60, **changes: Any) -> Row:
    return event(value, minutes, basis="explicit", **changes)


CASES: list[tuple[str, list[Row], str, str]] = [
    # What is said, and the reason if the deal accepts any basis or demands an explicit yes.
    ("unstated", [yes()], "", "not_explicit"),
    ("a word we do not know", [yes(basis="by post")], "", "not_explicit"),
    ("terms", [yes(basis="terms")], "", "not_explicit"),
    ("explicit", [explicit()], "", ""),
    ("silence, over", [yes(**OVER)], "", "not_explicit"),
    ("silence, not over", [yes(**OPEN)], "missing", "missing"),
    ("silence, misspelt", [yes(**OPEN | {"basis": "slence"})], "missing", "missing"),
    ("a window without a word", [yes(**OPEN | {"basis": None})], "missing", "missing"),
    ("a window with a wrong word", [yes(**OPEN | {"basis": "by post"})], "missing", "missing"),
    ("no notice", [yes(**OVER | {"notice_at": None})], "missing", "missing"),
    ("no window", [yes(**OVER | {"window_days": None})], "missing", "missing"),
    ("recorded later", [yes(1, **OVER)], "missing", "missing"),
    ("an explicit yes with a notice", [yes(**OPEN | {"basis": "explicit"})], "", ""),
    # A no is a no whatever it rests on, and silence lifts none.
    ("a no by silence", [event("deny", **OPEN)], "denied", "denied"),
    ("a no by the terms", [explicit(minutes=-90), event("deny", basis="terms")],
     "withdrawn", "withdrawn"),
    ("an answer in the window", [explicit("deny", -9_000), yes(**OVER)], "denied", "denied"),
    ("an earlier no", [explicit("deny", -900_000), yes(**OVER)], "denied", "denied"),
    ("an earlier condition", [explicit("conditional", -900_000), yes(**OVER)],
     "conditional", "conditional"),
    ("an earlier doubt", [explicit("unknown", -900_000), yes(**OVER)], "missing", "missing"),
    ("a no to one purpose", [explicit("deny", -9_000, purpose="train_gen"), yes(**OVER)],
     "denied", "denied not_explicit"),
    ("a no at its end", [event("deny", given_at=END), yes(**OVER)], "denied", "denied"),
    ("a later no", [event("deny", 0), yes(**OVER)], "withdrawn", "withdrawn"),
    ("a no in general", [event("deny", -9_000), yes(**OVER, asset_id="a-1")], "denied", "denied"),
    ("a no to the asset", [event("deny", -9_000, asset_id="a-1"), yes(**OVER)],
     "denied", "denied"),
    # An explicit yes holds, whatever milder yes follows.
    ("terms later", [explicit(minutes=-90), yes(basis="terms")], "", ""),
    ("terms at once", [explicit(), yes(basis="terms")], "", ""),
    ("terms for the asset", [explicit(), yes(basis="terms", asset_id="a-1")], "", ""),
    ("terms lift a no", [explicit("deny", -90), yes(basis="terms")], "", "not_explicit"),
    ("an explicit yes lifts a no", [event("deny", -90), explicit()], "", ""),
    ("explicit, no, terms", [explicit(minutes=-90), event("deny", -80), yes(basis="terms")],
     "", "not_explicit"),
    ("terms, no", [yes(-90, basis="terms"), event("deny", -80)], "withdrawn", "withdrawn"),
    ("one purpose is explicit", [yes(basis="terms"), explicit(purpose="train_gen")],
     "", "not_explicit"),
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize(
    ("events", "on_any", "demanding"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_bases_lead_to_the_expected_reason(events: list[Row], on_any: str, demanding: str) -> None:
    for terms, reason in ((ANY, on_any), (DEMANDING, demanding)):
        expected = {f"consent.{word}" for word in reason.split()}
        assert screened_codes(asset(), terms, consents=events) == expected
        assert screened_codes(asset(), terms, consents=events[::-1]) == expected


def test_silence_counts_from_the_last_moment_of_its_window() -> None:
    said = [yes(-9_000_000, **OVER)]
    assert screened_codes(asset(), consents=said, as_of=END - TICK) == {"consent.missing"}
    assert screened_codes(asset(), consents=said, as_of=END) == set()
    given = [yes(given_at=END + TICK, **OVER)]
    assert screened_codes(asset(), consents=given, as_of=END) == {"consent.missing"}
    assert screened_codes(asset(), consents=given, as_of=END + TICK) == set()


def test_no_answer_on_inference_passes_where_the_deal_says_so() -> None:
    terms = deal_with_rights(consent_basis="explicit", inference="unless-denied")
    train = explicit(purpose="train_gen")
    for extra in ([], [yes(basis="terms", purpose="inference")], [yes(**OPEN)]):
        assert screened_codes(asset(), terms, consents=[train, *extra]) == set()
    no = event("deny", -90, purpose="inference")
    assert screened_codes(asset(), terms, consents=[train, no]) == {"consent.denied"}
    lifted = [train, no, yes(basis="terms", purpose="inference")]
    assert screened_codes(asset(), terms, consents=lifted) == {"consent.not_explicit"}


def signed(terms: Deal, *events: Row) -> set[str]:
    """Returns the agreements of a cleared asset."""
    joined = rights_index(terms, events, agreements=[agreement("A-1"), agreement("A-2")])
    row = pa.Table.from_pylist([asset()], ASSETS_SCHEMA)
    [found] = add_cleared_rights(row, joined, terms).column("agreements").to_pylist()
    return {item["ref"] for item in found or ()}


def test_only_a_yes_that_counts_signs_an_agreement() -> None:
    assert signed(ANY, yes(agreement_ref="A-1")) == {"A-1"}
    assert signed(ANY, yes(agreement_ref="A-1", basis="terms")) == {"A-1"}
    assert signed(ANY, yes(agreement_ref="A-1", **OVER)) == set()
    assert signed(ANY, yes(-90, agreement_ref="A-2"), yes(agreement_ref="A-1", **OVER)) == {"A-2"}
    assert signed(DEMANDING, explicit(), yes(agreement_ref="A-1", basis="terms")) == set()
    assert signed(DEMANDING, explicit(agreement_ref="A-1")) == {"A-1"}


def test_no_agreement_makes_a_consent_explicit() -> None:
    everything = {"signed_at": date(2020, 1, 1), "purposes": ["train_gen", "inference"]}
    terms = deal(
        rights={"consent_basis": "explicit"},
        agreements=[everything | {"ref": "A-9", "contributors": ["all"]}],
    )
    given = [yes(agreement_ref="A-1", basis="terms")]
    assert screened_codes(asset(), terms, consents=given) == {"consent.not_explicit"}


def test_captions_need_an_explicit_yes_too() -> None:
    terms = deal_with_rights(consent_basis="explicit", inference="pack-without")
    row = pa.Table.from_pylist([asset()], ASSETS_SCHEMA)
    for basis, allowed in (("terms", False), ("explicit", True)):
        given = [explicit(purpose="train_gen"), yes(purpose="inference", basis=basis)]
        cleared = add_cleared_rights(row, rights_index(terms, given), terms)
        assert cleared.column("inference").to_pylist() == [allowed]


EVENT = st.builds(
    event,
    value=st.sampled_from(["allow", "allow", "allow", "deny", "unknown"]),
    minutes=st.sampled_from([-9_000_000, -9_000, -2, -1]),
    asset_id=st.sampled_from([None, "a-1"]),
    purpose=st.sampled_from(["all", "train_gen"]),
    basis=st.sampled_from([None, "explicit", "terms", "silence", "silence"]),
    notice_at=st.sampled_from([None, date(2026, 5, 30), date(2026, 5, 31)]),
    window_days=st.sampled_from([None, 30, 0]),
)


@st.composite
def letters_changed(draw: st.DrawFn, word: str) -> str:
    """Returns a word with one letter replaced, left out or added."""
    at, letter = draw(st.integers(0, len(word) - 1)), draw(st.sampled_from(string.ascii_lowercase))
    rest = draw(st.sampled_from([word[at + 1 :], word[at:]]))
    return word[:at] + draw(st.sampled_from(["", letter])) + rest


@pytest.mark.long
@settings(max_examples=100, deadline=None)
@given(st.lists(EVENT, min_size=1, max_size=4), st.sampled_from([ANY, DEMANDING]), st.data())
def test_damage_to_a_basis_turns_no_refusal_into_a_yes(
    events: list[Row], terms: Deal, data: st.DataObject
) -> None:
    check_damage(events, terms, data)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(st.lists(EVENT, min_size=1, max_size=4), st.sampled_from([ANY, DEMANDING]), st.data())
def test_much_damage_to_a_basis_turns_no_refusal_into_a_yes(
    events: list[Row], terms: Deal, data: st.DataObject
) -> None:
    check_damage(events, terms, data)


def check_damage(events: list[Row], terms: Deal, data: st.DataObject) -> None:
    """Asserts that damage to a row's basis, drawn from `data`, clears nothing."""
    at = data.draw(st.integers(0, len(events) - 1))
    row = events[at]
    what = data.draw(st.sampled_from(["basis", "letter", "notice_at", "window_days"]))
    if what == "letter":
        assume(row["basis"])
        change: Row = {"basis": data.draw(letters_changed(row["basis"]))}
    else:
        # Of a row that never counts for lack of a window, the word alone says that it is silence.
        bare = row["notice_at"] is None and row["window_days"] is None
        assume(what != "basis" or not (bare and row["basis"] == "silence"))
        if what in ("notice_at", "window_days"):
            assume(row["basis"] == "silence")
        change = {what: None}
    after = [*events[:at], row | change, *events[at + 1 :]]
    before_codes = screened_codes(asset(), terms, consents=events)
    after_codes = screened_codes(asset(), terms, consents=after)
    assert after_codes or not before_codes


@pytest.mark.long
@example(
    [
        yes(-9_000_000, basis=None, notice_at=date(2026, 5, 30), window_days=0),
        event("deny", -9_000),
    ]
)
@settings(max_examples=150, deadline=None)
@given(st.lists(EVENT, max_size=5))
def test_a_demanding_deal_takes_no_more(events: list[Row]) -> None:
    if screened_codes(asset(), ANY, consents=events):
        assert screened_codes(asset(), DEMANDING, consents=events)
    spoken = [said for said in events if not oracle.is_silent_yes(said)]
    about = [said for said in spoken if not said.get("asset_id") and said["purpose"] == "all"]
    if any(said["value"] == "deny" for said in about) and len(spoken) == len(about):
        # Whatever is silent lifts no answer; a no after it is a withdrawal.
        kept, without = (
            {code.replace("withdrawn", "denied") for code in screened_codes(asset(), consents=said)}
            for said in (events, spoken)
        )
        assert kept == without


def test_time_passes() -> None:
    later = AS_OF + timedelta(days=1)
    assert screened_codes(asset(), consents=[yes(**OPEN)], as_of=later) == set()
