"""The summary says which pairs the agency should look at."""

from __future__ import annotations

from pipelines.report.summary import likeness_lines


def test_possible_copies_and_pairs_without_effect_are_named() -> None:
    likeness = {
        "pairs": 9,
        "possible_copies": 1,
        "keep_both_used": [["a", "b"]],
        "keep_both_without_effect": [["c", "d"], ["e", "f"], ["g", "h"], ["i", "j"]],
    }
    assert likeness_lines(likeness, "deal/v0001/agency") == [
        "1 pair of different contributors are alike, possibly copies: deal/v0001/agency/likeness",
        "select.keep_both had no effect for c and d, e and f, g and h, and 1 more: they were not "
        "compared, or not alike",
    ]


def test_nothing_is_said_where_there_is_nothing_to_look_at() -> None:
    likeness = {"pairs": 3, "possible_copies": 0, "keep_both_without_effect": []}
    assert likeness_lines(likeness, "x") == likeness_lines({}, "x") == []
