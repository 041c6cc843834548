"""Rules that a deal may relax, and what its signed agreements override."""

from __future__ import annotations

from datetime import date

import pytest

from tests.rights.rights_cases import (
    AS_OF,
    DAY,
    ENDS,
    STARTS,
    Row,
    asset,
    deal,
    deal_with_rights,
    event,
    release,
    screened_codes,
    split_shares,
)

TODAY = AS_OF.date()


def agreement(**changes: object) -> Row:
    row: Row = {
        "ref": "MSA-2026-7, clause 4",
        "signed_at": TODAY,
        "purposes": ["train_gen"],
        "contributors": ["c-1"],
    }
    return row | changes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"contributors": ["all"]}, ""),
        ({"contributors": ["c-2"]}, "grant.denied"),
        ({"purposes": ["search"]}, "grant.denied"),
        ({"signed_at": TODAY + DAY}, "grant.denied"),
    ],
)
def test_deal_agreement_overrides_the_grant_column(changes: Row, expected: str) -> None:
    terms = deal(agreements=[agreement(**changes)])
    assert screened_codes(asset(grant_train_gen="deny"), terms) == set(expected.split())
    said = {"grant.conditional"} if expected else set()
    assert screened_codes(asset(grant_train_gen="conditional"), terms) == said


def test_agreement_must_cover_every_contributor() -> None:
    row = asset(grant_train_gen="deny", contributors=split_shares(("c-1", 5_000), ("c-2", 5_000)))
    assert screened_codes(row, deal(agreements=[agreement()])) == {"grant.denied"}
    two = [agreement(), agreement(ref="other", contributors=["c-2"])]
    assert screened_codes(row, deal(agreements=two)) == set()
    nobody = asset(grant_train_gen="deny", contributors=[])
    everybody = deal(agreements=[agreement(contributors=["all"])])
    assert "grant.denied" in screened_codes(nobody, everybody)


@pytest.mark.parametrize("value", ["deny", "conditional", "unknown"])
def test_deal_agreement_does_not_override_a_contributor(value: str) -> None:
    terms = deal(agreements=[agreement(contributors=["all"])])
    assert screened_codes(asset(), terms, consents=[event(value)])


def test_unreadable_grant_is_refused_unless_overridden() -> None:
    row = asset(grant_train_gen="yes, please")
    assert screened_codes(row) == {"grant.unreadable"}
    assert screened_codes(row, deal(agreements=[agreement()])) == set()


@pytest.mark.parametrize(
    ("code", "keys", "expected"),
    [
        ("CC-BY-NC-4.0", {"non_commercial": "accept"}, ""),
        ("CC-BY-NC-4.0", {"no_derivatives": "accept"}, "licence.non_commercial"),
        ("CC-BY-ND-4.0", {"no_derivatives": "accept"}, ""),
        ("CC-BY-SA-4.0", {"share_alike": "accept"}, ""),
        ("CC-BY-NC-SA-4.0", {"share_alike": "accept"}, "licence.non_commercial"),
        ("?", {"non_commercial": "accept", "share_alike": "accept"}, "licence.unknown_code"),
    ],
)
def test_licence_parts_that_the_deal_accepts(
    code: str, keys: dict[str, str], expected: str
) -> None:
    assert screened_codes(asset(licence_code=code), deal_with_rights(**keys)) == set(
        expected.split()
    )


def test_rights_that_end_within_the_term() -> None:
    until = deal_with_rights(ends_early="until")
    assert screened_codes(asset(valid_until=ENDS - DAY)) == {"term.ends_early"}
    assert screened_codes(asset(valid_until=ENDS - DAY), until) == set()
    assert screened_codes(asset(valid_until=TODAY), until) == set()
    assert screened_codes(asset(valid_until=TODAY - DAY), until) == {"term.ends_early"}
    later = deal(starts=date(2027, 1, 1), rights={"ends_early": "until"})
    assert screened_codes(asset(valid_until=date(2026, 12, 31)), later) == {"term.ends_early"}
    assert screened_codes(asset(valid_until=date(2027, 1, 1)), later) == set()
    shown = asset(people_count=1, minors=False, release_ids=["r-1"])
    short = [release(valid_until=ENDS - DAY)]
    assert "release.expired" in screened_codes(shown, releases=short)
    assert screened_codes(shown, until, releases=short) == set()
    assert STARTS < TODAY


def test_unstated_source_and_property_follow_the_deal() -> None:
    assert screened_codes(asset(digital_source_type=None)) == {"source.unstated"}
    assert (
        screened_codes(asset(digital_source_type=None), deal_with_rights(unknown_source="accept"))
        == set()
    )
    assert screened_codes(asset(property=None)) == {"property.unknown"}
    assert (
        screened_codes(asset(property=None), deal_with_rights(unknown_property="accept")) == set()
    )


def test_pack_without_needs_no_consent_to_inference() -> None:
    without = deal_with_rights(inference="pack-without")
    train = event("allow", purpose="train_gen")
    assert screened_codes(asset(), consents=[train]) == {"consent.missing"}
    assert screened_codes(asset(), without, consents=[train]) == set()
    no = event("deny", purpose="inference")
    assert screened_codes(asset(grant_inference="deny"), without, consents=[train, no]) == set()
    assert screened_codes(asset(grant_train_gen="deny"), without, consents=[train]) == {
        "grant.denied"
    }
