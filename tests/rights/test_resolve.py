"""Rules 14 to 16, one at a time: what files and servers say of purposes, or cannot be read."""

from __future__ import annotations

from datetime import date

import pytest

from pipelines.rights.resolve import overrides_line
from schemas.rights import Purpose
from schemas.signal import Claim, ClaimKind, Fault, Origin, Signal
from tests.rights.resolve_cases import TODAY, broken, codes, judge, say, standing, state
from tests.rights.rights_cases import DAY, Row, deal, rights, split

GEN, INFERENCE, SEARCH = Purpose.TRAIN_GEN, Purpose.INFERENCE, Purpose.SEARCH
FILE, SERVER = Origin.FILE, Origin.SERVER
K = ClaimKind


def test_silence_clears() -> None:
    assert codes() == []
    assert judge().inference
    assert judge().overrides == ()


# 14. Unreadable.


def test_a_file_that_cannot_be_read_refuses_whatever_was_signed() -> None:
    assert codes(broken()) == ["file.unreadable"]
    assert codes(broken(), agreements=standing(*Purpose)) == ["file.unreadable"]
    assert "file part: cut short" in judge(broken()).detail


def test_a_server_that_cannot_be_read_gives_way_to_agreements_on_all_that_is_needed() -> None:
    assert codes(broken(SERVER)) == ["server.unreadable"]
    assert codes(broken(SERVER), agreements=standing(GEN)) == ["server.unreadable"]
    assert codes(broken(SERVER), agreements=standing(INFERENCE, SEARCH)) == ["server.unreadable"]
    assert codes(broken(SERVER), agreements=standing(GEN, INFERENCE)) == []


def test_a_server_that_cannot_be_read_may_have_said_no_to_inference() -> None:
    apart = rights(inference="pack-without")
    unsettled = judge(broken(SERVER), terms=apart, agreements=standing(GEN))
    assert unsettled.reasons == ()
    assert not unsettled.inference
    settled = judge(broken(SERVER), terms=apart, agreements=standing(GEN, INFERENCE))
    assert settled.reasons == ()
    assert settled.inference


# 15. Preferences.


@pytest.mark.parametrize("origin", [FILE, SERVER])
@pytest.mark.parametrize(
    ("value", "reason"),
    [("deny", "denied"), ("conditional", "conditional"), ("allow", None), ("unknown", None)],
)
@pytest.mark.parametrize("purpose", Purpose)
def test_a_preference(origin: Origin, value: str, reason: str | None, purpose: Purpose) -> None:
    needed = purpose in (GEN, INFERENCE)
    expected = [f"{origin}.{reason}"] if needed and reason else []
    assert codes(say(value, purpose, origin)) == expected
    assert codes(say(value, purpose, origin), agreements=standing(purpose)) == []


def test_one_no_is_enough() -> None:
    found = [say("allow"), say("allow", origin=SERVER), say("conditional"), say("allow", where="y")]
    assert codes(*found) == ["file.conditional"]
    every = [
        say(v, origin=o, where=f"{o}") for v in ("deny", "conditional") for o in (FILE, SERVER)
    ]
    assert codes(*every) == [
        *("file.denied", "file.conditional", "server.denied", "server.conditional")
    ]


def test_an_agreement_covers_its_purpose_alone_and_everybody() -> None:
    no = say("deny")
    assert codes(no, agreements=standing(INFERENCE, SEARCH)) == ["file.denied"]
    two = split(("c-1", 5000), ("c-2", 5000))
    assert codes(no, contributors=two, agreements=standing(GEN)) == ["file.denied"]
    assert codes(no, contributors=two, agreements=standing(GEN, who="c-3")) == ["file.denied"]
    both = standing(GEN) + standing(GEN, ref="A-2", who="c-2")
    cleared = judge(no, contributors=two, agreements=both)
    assert cleared.reasons == ()
    assert [(item.signal, item.agreement) for item in cleared.overrides] == [(no, "A-1, A-2")]


def test_both_sides_of_an_override_are_told() -> None:
    no = judge(say("deny"), agreements=standing(GEN, ref="A\n1"))
    assert overrides_line(no.overrides) == r"XMP x=says-deny (train_gen deny) overridden by A\n1"
    assert overrides_line(()) == ""


def test_inference_is_done_without_where_the_deal_can() -> None:
    apart = rights(inference="pack-without")
    for value in ("deny", "conditional"):
        for origin in (FILE, SERVER):
            no = say(value, INFERENCE, origin)
            left = judge(no, terms=apart)
            assert left.reasons == ()
            assert left.overrides == ()
            assert not left.inference
            signed = judge(no, terms=apart, agreements=standing(INFERENCE))
            assert signed.inference
            assert [item.signal for item in signed.overrides] == [no]
    assert judge(say("unknown", INFERENCE), terms=apart).inference
    # Nothing turns on what the catalogue leaves off.
    off = judge(say("allow", INFERENCE), terms=apart, inference=False)
    assert not off.inference
    late = judge(
        say("deny", INFERENCE), terms=apart, inference=False, agreements=standing(INFERENCE)
    )
    assert not late.inference
    assert late.overrides == ()


def test_a_contributors_no_is_no_preference() -> None:
    """Screening judged it, and no agreement stands against it."""
    signed = {"ref": "D-1", "signed_at": TODAY, "purposes": list(Purpose), "contributors": ["all"]}
    said = judge(say("deny", origin=Origin.CONSENT), terms=deal(agreements=[signed]))
    assert said.reasons == ()
    assert said.overrides == ()


# 6, once more: the catalogue's own no, which only the deal's agreements get this far.


@pytest.mark.parametrize("said", ["deny", "conditional", "maybe"])
def test_the_catalogues_no_stays_on_record(said: str) -> None:
    def signed(when: date, *who: str) -> Row:
        ref = f"D-{who[0]}"
        return {
            "ref": ref,
            "signed_at": when,
            "purposes": [GEN],
            "contributors": list(who),
        }

    two = split(("c-1", 5000), ("c-2", 5000))
    terms = deal(
        agreements=[signed(TODAY + DAY, "all"), signed(TODAY, "c-1", "c-2"), signed(TODAY, "c-9")]
    )
    own = judge(terms=terms, grant_train_gen=said, contributors=two, agreements=standing(GEN))
    assert own.reasons == ()
    [override] = own.overrides
    assert override.agreement == "D-c-1"
    assert override.signal.where == "assets.grant_train_gen"
    assert override.signal.said == said
    parts = deal(agreements=[signed(TODAY, "c-2"), signed(TODAY, "c-1")])
    [override] = judge(terms=parts, grant_train_gen=said, contributors=two).overrides
    assert override.agreement == "D-c-2, D-c-1"


# 16. Grants against preferences.


@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        ("allow", ["file.denied", "conflict.grant"]),
        ("unknown", ["file.denied"]),
        (None, ["file.denied"]),
    ],
)
def test_a_grant_that_the_file_contradicts(grant: str | None, expected: list[str]) -> None:
    no = judge(say("deny"), grant_train_gen=grant)
    assert [reason.value for reason in no.reasons] == expected
    if grant == "allow":
        assert "grant_train_gen=allow, XMP x=says-deny (train_gen deny)" in no.detail


def test_a_grant_of_another_purpose_or_one_that_is_signed_contradicts_nothing() -> None:
    assert codes(say("deny"), grant_inference="allow") == ["file.denied"]
    assert codes(say("deny"), grant_train_gen="allow", agreements=standing(GEN)) == []
    apart = rights(inference="pack-without")
    assert codes(say("deny", INFERENCE), terms=apart, grant_inference="allow") == []


def test_reasons_stand_in_the_order_of_the_enumeration_each_once() -> None:
    found: list[Signal | Claim | Fault] = [
        state(K.MINOR_AGE, "AG-A16"),
        say("deny", origin=SERVER),
        broken(),
        broken(),
        state(K.MODEL_RELEASE, "MR-LMR"),
        say("deny"),
        say("deny", INFERENCE),
    ]
    assert codes(*found) == [
        *("file.denied", "file.unreadable", "server.denied"),
        *("conflict.model_release", "conflict.minors"),
    ]
