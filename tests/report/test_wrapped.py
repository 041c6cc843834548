"""Texts are wrapped at spaces alone, and the table of what is not stated groups columns."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipelines.catalogue.account import Reading, TableCount
from pipelines.catalogue.inventory import FileCounts
from pipelines.catalogue.preset_needs import UnknownFact
from pipelines.catalogue.unstated import Unstated
from pipelines.report.unstated import NotStated, not_stated, show_not_stated
from pipelines.report.wrapped import wrapped_lines

WIDTH = 80
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=99)


@given(st.lists(WORDS, max_size=30), st.integers(1, 120), st.sampled_from(["", "  label   "]))
def test_no_word_is_lost_or_broken(words: list[str], width: int, label: str) -> None:
    lines = wrapped_lines(" ".join(words), width, label)
    assert [word for line in lines for word in line.split()] == [*label.split(), *words]
    for line in lines:
        assert len(line) <= max(width, len(label) + 40) or len(line[len(label) :].split()) == 1
    assert all(line.startswith(" " * len(label)) for line in lines[1:])


def reading() -> Reading:
    unstated = (
        Unstated("assets.width", True, 5, 5, "described rightly"),
        Unstated("assets.height", True, 5, 5, "described rightly"),
        Unstated("assets.people_count", True, 5, 5, "acceptable"),
        Unstated("assets.sha256", False, 2, 5, "described rightly"),
        Unstated("consents.basis", True, 3, 3, "not given by silence"),
    )
    rows = {"consents": TableCount(named=(("denials_after_as_of", 2),))}
    return Reading(FileCounts((), 0, 0, 0, ()), (), rows, unstated)


def fact(what: str, table: str) -> UnknownFact:
    return UnknownFact(what, table, "Agency does not say it", "a sentence")


def test_columns_with_the_same_rows_and_meaning_are_together() -> None:
    assert not_stated(reading(), ()) == [
        NotStated(("width", "height"), "assets", "all 5\nabsent", "described rightly"),
        NotStated(("people_count",), "assets", "all 5\nabsent", "acceptable"),
        NotStated(("sha256",), "assets", "2 of 5", "described rightly"),
        NotStated(("basis",), "consents", "all 3\nabsent", "not given by silence"),
    ]


def test_a_second_table_supplies_what_an_export_does_not_say() -> None:
    facts = [fact("assets.people_count", "rights.csv"), fact("assets.minors", "rights.csv")]
    found = not_stated(reading(), [*facts, fact("releases", "releases")])
    supplied = [(item.columns, item.supplied_by) for item in found]
    assert supplied == [
        (("width", "height"), "rights.csv"),
        (("people_count",), "rights.csv"),
        (("sha256",), "assets"),
        (("basis",), "consents"),
        (("minors",), "rights.csv"),
        (("releases",), "releases"),
    ]
    assert [item.meaning for item in found[-2:]] == ["unknown: Agency does not say it"] * 2


def test_the_table_fits_the_console() -> None:
    out = io.StringIO()
    facts = [fact("assets.digital_source_type", "a second table with a long name.csv")]
    show_not_stated(Console(file=out, width=WIDTH), reading(), facts)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "Not stated: consents.given_at: 2 that do not say yes" in out.getvalue()
