"""Rules 14 to 16, one at a time: unreadable metadata, and files' and servers' preferences."""

from __future__ import annotations

from datetime import date

import pytest

from pipelines.rights.resolve import describe_overrides
from schemas.rights import Purpose
from schemas.signal import AssertionKind, FileAssertion, Origin, ReadingFault, Signal
from tests.rights.resolve_cases import (
    TODAY,
    make_assertion,
    make_fault,
    make_signal,
    resolve_case,
    resolved_codes,
    signed_by,
)
from tests.rights.rights_cases import DAY, Row, deal, deal_with_rights, split_shares

GEN, INFERENCE, SEARCH = Purpose.TRAIN_GEN, Purpose.INFERENCE, Purpose.SEARCH
FILE, SERVER = Origin.FILE, Origin.SERVER
K = AssertionKind


def test_no_statements_clear_the_asset() -> None:
    assert resolved_codes() == []
    assert resolve_case().inference
    assert resolve_case().overrides == ()


# 14. Unreadable.


def test_unreadable_file_refuses_despite_agreements() -> None:
    assert resolved_codes(make_fault()) == ["file.unreadable"]
    assert resolved_codes(make_fault(), agreements=signed_by(*Purpose)) == ["file.unreadable"]
    assert "file part: cut short" in resolve_case(make_fault()).detail


def test_unreadable_server_is_overridden_by_agreements_on_all_needed_purposes() -> None:
    assert resolved_codes(make_fault(SERVER)) == ["server.unreadable"]
    assert resolved_codes(make_fault(SERVER), agreements=signed_by(GEN)) == ["server.unreadable"]
    assert resolved_codes(make_fault(SERVER), agreements=signed_by(INFERENCE, SEARCH)) == [
        "server.unreadable"
    ]
    assert resolved_codes(make_fault(SERVER), agreements=signed_by(GEN, INFERENCE)) == []


def test_unreadable_server_prevents_inference() -> None:
    apart = deal_with_rights(inference="pack-without")
    unsettled = resolve_case(make_fault(SERVER), terms=apart, agreements=signed_by(GEN))
    assert unsettled.reasons == ()
    assert not unsettled.inference
    settled = resolve_case(make_fault(SERVER), terms=apart, agreements=signed_by(GEN, INFERENCE))
    assert settled.reasons == ()
    assert settled.inference


# 15. Preferences.


@pytest.mark.parametrize("origin", [FILE, SERVER])
@pytest.mark.parametrize(
    ("value", "reason"),
    [("deny", "denied"), ("conditional", "conditional"), ("allow", None), ("unknown", None)],
)
@pytest.mark.parametrize("purpose", Purpose)
def test_preference_gives_the_expected_reason(
    origin: Origin, value: str, reason: str | None, purpose: Purpose
) -> None:
    needed = purpose in (GEN, INFERENCE)
    expected = [f"{origin}.{reason}"] if needed and reason else []
    assert resolved_codes(make_signal(value, purpose, origin)) == expected
    assert resolved_codes(make_signal(value, purpose, origin), agreements=signed_by(purpose)) == []


def test_one_denial_refuses() -> None:
    found = [
        make_signal("allow"),
        make_signal("allow", origin=SERVER),
        make_signal("conditional"),
        make_signal("allow", where="y"),
    ]
    assert resolved_codes(*found) == ["file.conditional"]
    every = [
        make_signal(v, origin=o, where=f"{o}")
        for v in ("deny", "conditional")
        for o in (FILE, SERVER)
    ]
    assert resolved_codes(*every) == [
        *("file.denied", "file.conditional", "server.denied", "server.conditional")
    ]


def test_agreement_must_cover_the_purpose_and_all_contributors() -> None:
    no = make_signal("deny")
    assert resolved_codes(no, agreements=signed_by(INFERENCE, SEARCH)) == ["file.denied"]
    two = split_shares(("c-1", 5000), ("c-2", 5000))
    assert resolved_codes(no, contributors=two, agreements=signed_by(GEN)) == ["file.denied"]
    assert resolved_codes(no, contributors=two, agreements=signed_by(GEN, who="c-3")) == [
        "file.denied"
    ]
    both = signed_by(GEN) + signed_by(GEN, ref="A-2", who="c-2")
    cleared = resolve_case(no, contributors=two, agreements=both)
    assert cleared.reasons == ()
    assert [(item.signal, item.agreement) for item in cleared.overrides] == [(no, "A-1, A-2")]


def test_override_names_both_sides() -> None:
    no = resolve_case(make_signal("deny"), agreements=signed_by(GEN, ref="A\n1"))
    assert (
        describe_overrides(no.overrides) == r"XMP x=says-deny (train_gen deny) overridden by A\n1"
    )
    assert describe_overrides(()) == ""


def test_denied_inference_is_omitted_if_the_deal_permits() -> None:
    apart = deal_with_rights(inference="pack-without")
    for value in ("deny", "conditional"):
        for origin in (FILE, SERVER):
            no = make_signal(value, INFERENCE, origin)
            left = resolve_case(no, terms=apart)
            assert left.reasons == ()
            assert left.overrides == ()
            assert not left.inference
            signed = resolve_case(no, terms=apart, agreements=signed_by(INFERENCE))
            assert signed.inference
            assert [item.signal for item in signed.overrides] == [no]
    assert resolve_case(make_signal("unknown", INFERENCE), terms=apart).inference
    # No statement can enable inference that the catalogue does not allow.
    off = resolve_case(make_signal("allow", INFERENCE), terms=apart, inference=False)
    assert not off.inference
    late = resolve_case(
        make_signal("deny", INFERENCE),
        terms=apart,
        inference=False,
        agreements=signed_by(INFERENCE),
    )
    assert not late.inference
    assert late.overrides == ()


# Rule 6 again: the catalogue's own denial, which only an agreement of the deal can override.


@pytest.mark.parametrize("said", ["deny", "conditional", "maybe"])
def test_overridden_catalogue_denial_stays_on_record(said: str) -> None:
    def signed(when: date, *who: str) -> Row:
        ref = f"D-{who[0]}"
        return {
            "ref": ref,
            "signed_at": when,
            "purposes": [GEN],
            "contributors": list(who),
        }

    two = split_shares(("c-1", 5000), ("c-2", 5000))
    terms = deal(
        agreements=[signed(TODAY + DAY, "all"), signed(TODAY, "c-1", "c-2"), signed(TODAY, "c-9")]
    )
    own = resolve_case(
        terms=terms, grant_train_gen=said, contributors=two, agreements=signed_by(GEN)
    )
    assert own.reasons == ()
    [override] = own.overrides
    assert override.agreement == "D-c-1"
    assert override.signal.where == "assets.grant_train_gen"
    assert override.signal.said == said
    parts = deal(agreements=[signed(TODAY, "c-2"), signed(TODAY, "c-1")])
    [override] = resolve_case(terms=parts, grant_train_gen=said, contributors=two).overrides
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
def test_grant_contradicted_by_the_file_is_a_conflict(
    grant: str | None, expected: list[str]
) -> None:
    no = resolve_case(make_signal("deny"), grant_train_gen=grant)
    assert [reason.value for reason in no.reasons] == expected
    if grant == "allow":
        assert "grant_train_gen=allow, XMP x=says-deny (train_gen deny)" in no.detail


def test_grant_of_another_or_signed_purpose_is_no_conflict() -> None:
    assert resolved_codes(make_signal("deny"), grant_inference="allow") == ["file.denied"]
    assert (
        resolved_codes(make_signal("deny"), grant_train_gen="allow", agreements=signed_by(GEN))
        == []
    )
    apart = deal_with_rights(inference="pack-without")
    assert (
        resolved_codes(make_signal("deny", INFERENCE), terms=apart, grant_inference="allow") == []
    )


def test_reasons_are_unique_and_in_enumeration_order() -> None:
    found: list[Signal | FileAssertion | ReadingFault] = [
        make_assertion(K.MINOR_AGE, "AG-A16"),
        make_signal("deny", origin=SERVER),
        make_fault(),
        make_fault(),
        make_assertion(K.MODEL_RELEASE, "MR-LMR"),
        make_signal("deny"),
        make_signal("deny", INFERENCE),
    ]
    assert resolved_codes(*found) == [
        *("file.denied", "file.unreadable", "server.denied"),
        *("conflict.model_release", "conflict.minors"),
    ]
