"""A strict default that refuses everything, or much, says so itself, in `check` and `package`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import SmallLibrary, in_process


@pytest.fixture
def library(tmp_path: Path) -> SmallLibrary:
    return SmallLibrary(tmp_path)


def without_source(library: SmallLibrary, count: int) -> None:
    library.add(count)
    for row in library.rows[-count:]:
        del row["digital_source_type"]


def said(library: SmallLibrary) -> tuple[list[Any], str, str]:
    """What `package` and `check` say: the same defaults, as JSON and for people."""
    ended = library.package("--json")
    folder = library.folder
    words = ["check", "--catalogue", folder / "catalogue", "--deal", folder / "deal.toml"]
    checked = in_process(*words, "--as-of", AS_OF, "--json")
    defaults = ended.json["strict_defaults"]
    assert checked.json["strict_defaults"] == defaults
    people = library.package().out
    return defaults, people, in_process(*words, "--as-of", AS_OF).out


def test_a_column_that_no_catalogue_has(library: SmallLibrary) -> None:
    without_source(library, 142)
    [found], packaged, checked = said(library)
    assert found["reason"] == "source.unstated"
    assert found["absent"] == "assets.digital_source_type"
    assert (found["assets"], found["alone"], found["of"]) == (142, 142, 142)
    assert (found["key"], found["value"]) == ("rights.unknown_source", "refuse")
    assert found["accepting"] == ["accept"]
    line = found["line"]
    assert line == (
        "source.unstated: no asset has assets.digital_source_type. 142 of 142 assets refused, 142 "
        'by this alone. rights.unknown_source = "refuse" is the default; "accept" lets through: '
        "assets with no information on how they were made."
    )
    for text in (packaged, checked):
        assert line in " ".join(text.split())


def test_a_large_share_and_a_small_one(library: SmallLibrary) -> None:
    library.add(17)
    without_source(library, 2)
    library.add(1, licence_class="editorial")
    [found], *_ = said(library)
    assert (found["reason"], found["absent"], found["assets"]) == ("source.unstated", "", 2)


def test_a_deal_that_decided(library: SmallLibrary) -> None:
    """What the deal's own value refuses, or a rule besides, is no surprise of a default."""
    without_source(library, 5)
    for row in library.rows:
        row["status"] = "withdrawn"
    found, *_ = said(library)
    assert [(item["reason"], item["alone"]) for item in found] == [("source.unstated", 0)]
    library.deal += '\n[rights]\nunknown_source = "accept"\n'
    assert said(library)[0] == []
