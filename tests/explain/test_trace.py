"""The trace of one row: each rule, consent and release shows screening's verdict on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from pipelines.explain.consents import group_consents
from pipelines.explain.file import file_trace
from pipelines.explain.trace import (
    RowTrace,
    ScreeningTables,
    add_file_trace,
    combined_outcome,
    trace_failed_row,
    trace_screened_row,
)
from pipelines.rights.cleared_rights import add_cleared_rights
from pipelines.rights.resolve import resolve_rights
from pipelines.rights.rules.screen import reasons_of, screen_batch
from pipelines.run.decisions import failed_asset, refused_asset
from schemas.catalogue import ASSETS_SCHEMA, CONSENTS_SCHEMA, RELEASES_SCHEMA
from schemas.deal import Deal
from schemas.reasons import Reason
from schemas.rights import Permission, Purpose
from schemas.signal import AssertionKind, FileAssertion, Origin, Reading, ReadingFault, Signal
from schemas.unit import ClearedRow
from tests.rights.rights_cases import (
    AS_OF,
    ENDS,
    Row,
    asset,
    deal,
    deal_with_rights,
    event,
    microseconds,
    property_release,
    release,
    rights_index,
    split_shares,
)


def traced(
    row: Row,
    terms: Deal | None = None,
    consents: Sequence[Row] | None = None,
    releases: Sequence[Row] = (),
    rows: int = 1,
) -> RowTrace:
    """Screens a row as the pipeline does, and traces it."""
    terms = terms or deal()
    events = [event("allow"), event("allow", who="c-2")] if consents is None else consents
    small = ScreeningTables(
        pa.Table.from_pylist(list(events), CONSENTS_SCHEMA),
        pa.Table.from_pylist(list(releases), RELEASES_SCHEMA),
        rights_index(terms, events, releases),
        microseconds(AS_OF),
    )
    one = pa.Table.from_pylist([row], ASSETS_SCHEMA)
    bits = int(screen_batch(one, small.index, terms, np.array([rows > 1]))[0])
    trace = trace_screened_row(
        one if bits else add_cleared_rights(one, small.index, terms), bits, small, terms, rows
    )
    codes = () if trace.decision is None else trace.decision.reasons
    assert list(codes) == reasons_of(bits)
    assert tuple(finding.reason for finding in trace.findings) == codes
    # Every reason is listed only with the rule that gives it.
    at_rules = [reason for step in trace.rule_checks for reason in step.reasons]
    assert sorted(at_rules) == sorted(codes)
    assert [step.rule for step in trace.rule_checks] == list(range(1, 14))
    return trace


def words(trace: RowTrace, contributor: str = "c-1") -> list[str]:
    return [
        group.description
        for group in group_consents(trace.consents)
        if group.contributor_id == contributor
    ]


def test_cleared_row_has_no_findings() -> None:
    trace = traced(asset())
    assert trace.decision is None and not trace.findings
    assert combined_outcome([trace]) == trace.outcome == "cleared"
    assert words(trace) == ["allow since 2026-06-30T11:00:00Z"]


def test_all_reasons_have_their_evidence() -> None:
    row = asset(status="withdrawn", licence_class="editorial", grant_train_gen="deny")
    trace = traced(row, rows=2)
    seen = {finding.reason: finding.evidence for finding in trace.findings}
    assert seen == {
        "asset.duplicate_id": ("asset_id=a-1",),
        "asset.withdrawn": ("status=withdrawn",),
        "class.editorial": ("licence_class=editorial",),
        "grant.denied": ("grant_train_gen=deny; grant_inference=not stated",),
    }
    assert trace.rule_checks[0].said == "2 rows have this asset_id"


def test_withdrawal_has_its_dates() -> None:
    trace = traced(asset(), consents=[event("allow", -120), event("deny", -60)])
    assert words(trace) == [
        "withdrawn on 2026-06-30T11:00:00Z; the first allow was of 2026-06-30T10:00:00Z"
    ]
    [finding] = trace.findings
    assert finding.reason == "consent.withdrawn"
    assert finding.evidence == (f"c-1, train_gen, inference: {words(trace)[0]}",)


def test_consent_for_one_asset_is_shown_with_the_general_one() -> None:
    mine = event("allow", -30, asset_id="a-1", agreement_ref="AG-1")
    trace = traced(asset(), consents=[event("deny", -60), mine])
    assert words(trace) == [
        "allow since 2026-06-30T11:30:00Z, for this asset, agreement AG-1; "
        "in general deny since 2026-06-30T11:00:00Z"
    ]
    older = event("allow", -90, asset_id="a-1")
    trace = traced(asset(), consents=[event("deny", -60), older])
    assert words(trace) == [
        "withdrawn on 2026-06-30T11:00:00Z; the first allow was of 2026-06-30T10:30:00Z; "
        "for this asset allow since 2026-06-30T10:30:00Z"
    ]


def test_the_basis_of_each_consent_is_shown() -> None:
    silent = event("allow", -90, basis="silence", notice_at=date(2026, 5, 1), window_days=30)
    trace = traced(asset(), consents=[silent])
    assert words(trace) == [
        "allow since 2026-06-30T10:30:00Z; allow of 2026-06-30T10:30:00Z, basis silence "
        "(notice 2026-05-01, 30 days: counts from 2026-06-30T10:30:00Z)"
    ]
    early = silent | {"given_at": AS_OF - timedelta(days=90)}
    assert words(traced(asset(), consents=[early]))[0].startswith(
        "allow since 2026-06-01T11:59:59.999999Z; allow of 2026-04-01T12:00:00Z, basis silence"
    )
    trace = traced(asset(), consents=[early | {"window_days": 90, "basis": "silense"}])
    assert words(trace) == [
        "nothing on record; allow of 2026-04-01T12:00:00Z, basis silense, read as silence "
        "(notice 2026-05-01, 90 days: counts from 2026-07-31T11:59:59.999999Z)"
    ]
    trace = traced(asset(), consents=[early | {"notice_at": None, "window_days": None}])
    assert words(trace)[0].endswith("basis silence (notice not given, no window: never counts)")
    assert [finding.reason for finding in trace.findings] == ["consent.missing"]
    objected = event("deny", -10, basis="explicit")
    assert words(traced(asset(), consents=[early, objected])) == [
        "withdrawn on 2026-06-30T11:50:00Z; the first allow was of 2026-06-01T11:59:59.999999Z; "
        "allow of 2026-04-01T12:00:00Z, basis silence (notice 2026-05-01, 30 days: counts from "
        "2026-06-01T11:59:59.999999Z); deny of 2026-06-30T11:50:00Z, basis explicit"
    ]


def test_a_yes_that_is_not_explicit_is_shown() -> None:
    terms = deal_with_rights(consent_basis="explicit")
    given = event("allow", -60)
    for basis, shown in ((None, "not stated"), ("terms", "terms")):
        trace = traced(asset(), terms, consents=[given | {"basis": basis}])
        assert words(trace) == [f"no explicit allow; allow of 2026-06-30T11:00:00Z, basis {shown}"]
        [finding] = trace.findings
        assert finding.reason == "consent.not_explicit"
        assert trace.decision is not None
        assert trace.decision.detail == (
            "consent train_gen of c-1: not explicit; consent inference of c-1: not explicit"
        )
    trace = traced(asset(), terms, consents=[given | {"basis": "explicit"}])
    assert words(trace) == [
        "allow since 2026-06-30T11:00:00Z; allow of 2026-06-30T11:00:00Z, basis explicit"
    ]
    [line, _] = trace.consents
    assert [(said.basis, said.by_silence) for said in line.events] == [("explicit", False)]


def test_later_consents_are_shown_but_not_applied() -> None:
    later = [event("deny", 60), event("deny", 30, purpose="search"), event("deny", 1, asset_id="b")]
    trace = traced(asset(), consents=[event("allow"), *later])
    assert trace.decision is None
    assert words(trace) == [
        "allow since 2026-06-30T11:00:00Z; deny from 2026-06-30T13:00:00Z, after as_of"
    ]


def test_reasons_are_per_contributor_and_purpose() -> None:
    events = [event("allow", purpose="train_gen"), event("conditional", who="c-2")]
    row = asset(contributors=split_shares(("c-1", 5_000), ("c-2", 5_000)))
    found = [(c.contributor_id, c.purpose, c.reason) for c in traced(row, None, events).consents]
    assert found == [
        ("c-1", Purpose.TRAIN_GEN, None),
        ("c-1", Purpose.INFERENCE, "consent.missing"),
        ("c-2", Purpose.TRAIN_GEN, "consent.conditional"),
        ("c-2", Purpose.INFERENCE, "consent.conditional"),
    ]
    silent = traced(asset(), deal_with_rights(inference="unless-denied"), events[:1])
    assert silent.decision is None
    assert [c.reason for c in silent.consents] == [None, None]


@pytest.mark.parametrize(
    ("changes", "fault", "seen"),
    [
        ({"valid_until": ENDS - timedelta(1)}, "release.expired", "valid_until=2028-12-31"),
        ({"revoked_at": AS_OF}, "release.revoked", "revoked_at=2026-06-30 12:00:00+00:00"),
        (
            {"subject_signed": False},
            "release.unsigned",
            "signed_at=2025-05-01, subject_signed=no, photographer_signed=yes",
        ),
        ({"ml_use": "unknown"}, "release.purpose_not_covered", "ml_use=unknown"),
        (
            {"shoot_until": date(2027, 1, 1)},
            "release.blanket_range",
            "shoot_from=2025-01-01, shoot_until=2027-01-01",
        ),
        (
            {"witness_ref": "c-1"},
            "release.witness",
            "witness_ref=c-1, subject_ref=subject of r-2",
        ),
    ],
)
def test_release_faults_are_per_release(changes: Row, fault: str, seen: str) -> None:
    bad = release(release_id="r-2", **changes)
    one_of_two = asset(people_count=2, minors=False, release_ids=["r-1", "r-2"])
    trace = traced(one_of_two, releases=[release(), bad])
    assert [(line.is_valid, line.faults) for line in trace.releases] == [
        (True, ()),
        (False, (fault,)),
    ]
    [finding] = [f for f in trace.findings if f.reason == fault]
    assert finding.evidence[-1] == f"r-2: {seen}"
    # A fault of a release that is not needed is shown, but gives no reason.
    spare = traced(
        asset(people_count=1, minors=False, release_ids=["r-1", "r-2"]), releases=[release(), bad]
    )
    assert spare.decision is None
    assert [line.faults for line in spare.releases] == [(), (fault,)]


def test_releases_are_judged_independently_of_the_asset() -> None:
    row = asset(people_count=0, property=True, release_ids=["p-1", "none", "x-1", "p-1"])
    other = release(release_id="x-1", kind="else")
    trace = traced(row, releases=[property_release(), other])
    assert [(line.release_id, line.is_valid, line.faults) for line in trace.releases] == [
        ("p-1", True, ()),
        ("none", False, ("release.unknown_id",)),
        ("x-1", False, ()),
    ]
    guarded = deal_with_rights(minors="guardian-release")
    child = asset(people_count=2, minors=True, release_ids=["r-1", "r-2"])
    minor = release(release_id="r-2", minor=True, subject_signed=None)
    trace = traced(child, guarded, releases=[release(), minor])
    assert [line.faults for line in trace.releases] == [(), ("release.guardian_missing",)]


def signal(value: Permission = Permission.DENY, purpose: Purpose = Purpose.TRAIN_GEN) -> Signal:
    return Signal(Origin.FILE, purpose, value, "", "XMP plus:DataMining", "0" * 64, "", "DMI-X")


def with_file(row: Row, reading: Reading, **given: Any) -> RowTrace:
    terms = given.pop("terms", None) or deal()
    trace = traced(row, terms, **given)
    cleared = cast("ClearedRow", trace.row)
    resolution = resolve_rights(cleared, reading, terms, AS_OF.date())
    decision = (
        refused_asset("a-1", resolution.reasons, resolution.detail) if resolution.reasons else None
    )
    file = file_trace(cleared, "f" * 64, reading, resolution, terms, AS_OF.date())
    found = add_file_trace(trace, file, decision)
    # The reasons of the single statements are those of all statements together.
    alone = {reason for item in file.statements for reason in item.reasons}
    assert alone == set(resolution.reasons)
    assert {item.overridden_by for item in file.overridden} == {
        item.agreement for item in resolution.overrides
    }
    return found


def test_conflict_names_both_sides() -> None:
    claim = FileAssertion(
        AssertionKind.MODEL_RELEASE, "MR-UMR", "XMP plus:ModelReleaseStatus", "0" * 64
    )
    reading = Reading((signal(), signal(Permission.ALLOW, Purpose.SEARCH)), (claim,))
    trace = with_file(asset(grant_train_gen="allow"), reading)
    seen = {finding.reason: finding.evidence for finding in trace.findings}
    no = "XMP plus:DataMining = DMI-X (train_gen deny)"
    assert seen == {
        Reason.FILE_DENIED: (no,),
        Reason.CONFLICT_GRANT: (f"{no}, but the catalogue has grant_train_gen=allow",),
        Reason.CONFLICT_MODEL_RELEASE: (
            "XMP plus:ModelReleaseStatus = MR-UMR, but the catalogue has people_count=0",
        ),
    }
    assert trace.file is not None
    assert [item.needed for item in trace.file.statements] == [True, False, True]


def test_copyright_owners_conflict_with_one_another() -> None:
    claims = tuple(
        FileAssertion(AssertionKind.COPYRIGHT, owner, where, "0" * 64)
        for owner, where in (("One Agency", "EXIF Copyright"), ("Another", "XMP dc:rights"))
    )
    trace = with_file(asset(), Reading(claims=claims))
    [finding] = trace.findings
    assert finding.reason == Reason.CONFLICT_COPYRIGHT
    assert finding.evidence == ("EXIF Copyright = One Agency", "XMP dc:rights = Another")


def test_overriding_agreement_is_shown_with_the_denial() -> None:
    events = [event("allow", agreement_ref="AG-9")]
    trace = with_file(asset(), Reading((signal(),)), consents=events)
    assert trace.decision is None and trace.file is not None
    [item] = trace.file.overridden
    assert (item.value, item.overridden_by, item.reasons) == ("deny", "AG-9", ())


def test_faults_and_hostile_values_stay_on_one_line() -> None:
    fault = ReadingFault(Origin.FILE, "XMP", "\x1b[2Jtorn\n[red]", "0" * 64)
    trace = with_file(asset(title="\u202e\x07"), Reading(faults=(fault,)))
    [finding] = trace.findings
    assert finding.reason == Reason.FILE_UNREADABLE
    assert all(text.isprintable() for text in finding.evidence)


def test_failed_row_has_its_own_trace() -> None:
    dead = trace_failed_row(failed_asset("a-1", Reason.ROW_INVALID, "rule: column = ''"))
    assert dead.outcome == "dead_letter" and not dead.rule_checks
    assert combined_outcome([traced(asset()), dead]) == "dead_letter"
