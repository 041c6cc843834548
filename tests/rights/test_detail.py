"""Details of refusals: the values seen, on one line, with the names that matter."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.rights.formatting import one_line
from tests.rights.rights_cases import (
    Row,
    asset,
    deal,
    deal_with_rights,
    details,
    event,
    release,
    rights_index,
    split_shares,
)


def detail(row: Row, **joined: Any) -> str:
    terms = joined.pop("terms", deal())
    [line] = details([row], terms, rights_index(terms, **joined))
    return line


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "withdrawn"}, "status=withdrawn"),
        ({"licence_model": "x"}, "licence_model=x; licence_class=creative"),
        ({"territories_in": ["UK", "US", "NO"]}, "territories_in=[UK, US, NO]"),
        ({"grant_train_gen": "deny"}, "grant_train_gen=deny; grant_inference=not stated"),
        ({"people_count": None}, "people_count=not stated"),
        ({"contributors": split_shares(("c-1", 9))}, "contributors=[c-1:9]"),
        ({"release_ids": ["r-9"]}, "release_ids=[r-9]"),
        ({"status": "a\nb\u2028c\x1b[0m"}, r"status=a\nb\u2028c\x1b[0m"),
    ],
)
def test_detail_has_the_value_seen(changes: dict[str, Any], expected: str) -> None:
    assert expected in detail(asset(**changes))


def test_value_is_listed_once_for_several_reasons() -> None:
    line = detail(asset(people_count=2, minors=None))
    assert line.count("people_count=2") == line.count("release_ids=not stated") == 1


def test_consent_details_name_contributor_and_purpose() -> None:
    row = asset(contributors=split_shares(("c-1", 5_000), ("c-2", 5_000)))
    events = [
        event("allow", -90),
        event("deny", purpose="train_gen"),
        event("conditional", who="c-2", purpose="inference"),
    ]
    assert detail(row, consents=events).split("; ") == [
        "consent train_gen of c-1: withdrawn",
        "consent train_gen of c-2: none",
        "consent inference of c-2: conditional",
    ]
    assert "of c-1: unknown" in detail(asset(), consents=[event("unknown")])
    assert "of c-1: deny" in detail(asset(), consents=[event("deny")])


def test_accepted_missing_consent_is_not_listed() -> None:
    terms = deal_with_rights(inference="unless-denied")
    line = detail(asset(), terms=terms, consents=[event("deny", purpose="train_gen")])
    assert line == "consent train_gen of c-1: deny"


def test_names_cannot_break_the_line() -> None:
    row = asset(contributors=split_shares(("c\n; consent x of c-2: deny", 5_000), (None, 5_000)))
    line = detail(row)
    assert line.isprintable()
    assert r"of c\n; consent x of c-2: deny: none" in line
    assert "of not stated: none" in line


def test_release_details() -> None:
    row = asset(people_count=1, minors=False, release_ids=["r-1"])
    line = detail(row, releases=[release(ml_use="deny")])
    assert line == "people_count=1; release_ids=[r-1]"


def test_long_detail_values_are_shortened() -> None:
    assert one_line("x" * 300) == "x" * 300
    assert one_line("x" * 301) == "x" * 300 + "…"
    assert one_line(list(range(20))).endswith("18, 19]")
    assert one_line(list(range(21))).endswith("18, 19, … 21 in all]")
    assert len(detail(asset(territories_in=["UK"] * 100_000))) < 500


def test_no_refusals_give_no_details() -> None:
    assert details([], deal(), rights_index(deal())) == []
