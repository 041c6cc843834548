"""The basis of consents: words, windows, and what is counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.catalogue.consent_basis import (
    EXPLICIT,
    NEVER,
    SILENCE,
    TERMS,
    UNSTATED,
    basis_lines,
    consent_bases,
    count_bases,
)
from pipelines.catalogue.mapping import load_mapping
from pipelines.catalogue.read import open_catalogue, read_table
from schemas.catalogue import CONSENTS_SCHEMA
from tests.cases.values_common import Row, asset, said, write_csv
from tests.rights.rights_cases import event, microseconds

TICK = timedelta(microseconds=1)


def table(*rows: Row) -> pa.Table:
    return pa.Table.from_pylist(list(rows), CONSENTS_SCHEMA)


def window_end(**values: Any) -> int:
    return int(consent_bases(table(event("allow", **values))).window_ends[0])


@settings(max_examples=200, deadline=None)
@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(0, 40_000))
def test_a_window_ends_with_its_last_day_in_the_west(notice: date, days: int) -> None:
    # A day that begins at midnight twelve hours west of UTC begins at noon there.
    next_day = datetime.combine(notice + timedelta(days=days + 1), datetime.min.time(), UTC)
    noon = next_day.replace(hour=12)
    end = window_end(basis="silence", notice_at=notice, window_days=days)
    assert end == microseconds(noon - TICK)


@pytest.mark.parametrize(
    ("notice", "days"),
    [
        (None, 30),
        (date(2026, 1, 1), None),
        (date(2026, 1, 1), -1),
        (date(2026, 1, 1), 2**31 - 1),
        (None, None),
    ],
)
def test_a_window_without_an_end_never_ends(notice: date | None, days: int | None) -> None:
    assert window_end(basis="silence", notice_at=notice, window_days=days) == NEVER


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("explicit", EXPLICIT),
        ("terms", TERMS),
        ("silence", SILENCE),
        (None, UNSTATED),
        ("explicjt", UNSTATED),
        ("implicit", UNSTATED),
        ("licence", UNSTATED),
        # One letter changed, left out, added or moved.
        ("silense", SILENCE),
        ("silnce", SILENCE),
        ("silencee", SILENCE),
        ("sielnce", SILENCE),
    ],
)
def test_words_for_a_basis(word: str | None, code: int) -> None:
    assert consent_bases(table(event("allow", basis=word))).codes.tolist() == [code]
    noticed = event("allow", basis=word, notice_at=date(2026, 1, 1))
    expected = code if code in (EXPLICIT, TERMS) else SILENCE
    assert consent_bases(table(noticed, event("deny"))).codes.tolist() == [expected, UNSTATED]


def test_columns_may_be_absent() -> None:
    bare = table(event("allow")).select(["contributor_id", "value"])
    found = consent_bases(bare)
    assert found.codes.tolist() == [UNSTATED] and found.window_ends.tolist() == [NEVER]


def test_other_spellings_are_read(tmp_path: Path) -> None:
    write_csv(
        tmp_path,
        assets=[asset("A-1")],
        contributors=[{"contributor_id": "c-1"}],
        consents=[
            said() | {"how": how, "sent": sent, "window_days": days}
            for how, sent, days in (
                (" Explicit ", "", ""),
                ("T&C", "", ""),
                ("SILENCE", "2026-03-01T23:30:00-08:00", "30.0"),
                ("none", "", ""),
                ("by mail", "", ""),
            )
        ],
    )
    path = tmp_path / "mapping.toml"
    path.write_text(
        '[mapping.consents.columns]\nbasis = "how"\nnotice_at = "sent"\n'
        '[mapping.consents.values]\nbasis = { "T&C" = "terms" }\n'
    )
    read = read_table(open_catalogue(str(tmp_path), load_mapping(path)), "consents")
    assert read["basis"].to_pylist() == ["explicit", "terms", "silence", None, "by mail"]
    # The day of the notice is the one in its own zone.
    assert read["notice_at"].to_pylist() == [None, None, date(2026, 3, 1), None, None]
    assert read["window_days"].to_pylist() == [None, None, 30, None, None]


def test_what_has_no_effect_is_counted_and_named() -> None:
    silent: Row = {"basis": "silence", "notice_at": date(2026, 5, 1)}
    rows = [
        event("allow", **silent, window_days=30),  # over
        event("allow", **silent, window_days=90),
        event("allow", **silent),
        event("allow", basis="silence"),
        event("deny", basis="silence"),  # a no whatever it rests on
        event("allow", basis="post"),
        event("deny", basis="post"),
        event("allow", basis="e-mail"),
        event("allow", basis="explicit"),
    ]
    counts = count_bases(table(*rows), microseconds(datetime(2026, 6, 30, tzinfo=UTC)))
    assert counts == {
        "silence_without_window": 2,
        "silence_in_window": 1,
        "unknown_basis post": 2,
        "unknown_basis e-mail": 1,
    }
    lines = basis_lines(counts | {"denials_after_as_of": 0})
    assert lines[0].startswith(
        "consents.basis: 3 with a word that is none of explicit, terms, silence "
        "('post' 2, 'e-mail' 1)."
    )
    assert [line.split(" silence ")[1] for line in lines[1:]] == [
        "have no effect: notice_at or window_days is not given",
        "have no effect yet: their window is not over at the as-of time",
    ]
    assert basis_lines({"denials_after_as_of": 3}) == []
