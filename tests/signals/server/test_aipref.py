"""AI preferences: RFC 9651 dictionaries are read as the IETF drafts define."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.signals.server.aipref import parse_preferences, read_content_usage
from pipelines.signals.server.common import ServedFile
from schemas.rights import Permission, Purpose

PAGE = ServedFile("https://media.example/a.jpg")
GEN, SEARCH = Purpose.TRAIN_GEN, Purpose.SEARCH
Y, N, UNKNOWN = Permission.ALLOW, Permission.DENY, Permission.UNKNOWN


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        # The examples of draft-ietf-aipref-vocab.
        ("train-ai=y, search=n", {GEN: Y, SEARCH: N}),
        ('train-ai=y, train-ai, search=n, search="n"', {GEN: UNKNOWN, SEARCH: UNKNOWN}),
        ("train-ai;allow=n, train-ai=y", {GEN: Y}),
        ('train-ai;has;parameters="?";', None),
        ('train-ai;has;parameters="?"', {GEN: UNKNOWN}),
        ("", {}),
        ("train-ai=N", {GEN: UNKNOWN}),
        ("train-ai=(n)", {GEN: UNKNOWN}),
        ("train-ai=?0", {GEN: UNKNOWN}),
        ("train-ai=n,", None),
        ("TRAIN-AI=n", None),
        ("train-ai=n search=n", None),
        ('x=@1, y=%"a", train-ai=n', {GEN: N}),
        ("train-ai=\u0144", None),
        ("train-ai=n" + " " * 70_000, None),
        # Two labels for the same purpose: the denial counts.
        ("train-genai=n, train-ai=y", {GEN: N}),
        ("train-ai=y, train-genai=n", {GEN: N}),
    ],
)
def test_a_statement_gives_the_expected_preferences(
    statement: str, found: dict[Purpose, Permission] | None
) -> None:
    assert parse_preferences(statement) == found


def test_a_header_that_does_not_parse_is_unknown_for_every_category() -> None:
    signals = read_content_usage(PAGE, ["train-ai:n"]).signals
    assert {(signal.purpose, signal.value) for signal in signals} == {
        (GEN, UNKNOWN),
        (SEARCH, UNKNOWN),
    }
    assert {signal.said for signal in signals} == {"train-ai:n"}


def test_several_headers_are_one_dictionary() -> None:
    signals = read_content_usage(PAGE, ["train-ai=n", "", "train-ai=y", "search=n"]).signals
    assert {(signal.purpose, signal.value) for signal in signals} == {(GEN, Y), (SEARCH, N)}
    assert {signal.said for signal in signals} == {"train-ai=n, train-ai=y, search=n"}
    assert not read_content_usage(PAGE, ["", " "])


def test_if_headers_do_not_parse_together_each_denial_counts() -> None:
    signals = read_content_usage(PAGE, ["train-ai=n", "search=y", "a b"]).signals
    heard = {(signal.purpose, signal.value) for signal in signals}
    assert heard == {(GEN, N), (GEN, UNKNOWN), (SEARCH, UNKNOWN)}


@given(st.text(max_size=100) | st.text('train-ai=yn, ;"()?@:%*0123.\\', max_size=100))
def test_no_statement_makes_the_parser_raise(statement: str) -> None:
    parse_preferences(statement)


others = st.sampled_from(["search=y", "a", "b=(1 2);c", 'd="x"', "e=:aGk=:", "f=?1;g", "search=n"])


@given(st.lists(others, max_size=4), st.lists(others, max_size=4), st.sampled_from([",", " ,\t"]))
def test_a_denial_counts_in_any_dictionary(before: list[str], after: list[str], comma: str) -> None:
    found = parse_preferences(comma.join([*before, "train-ai=n", *after]))
    assert found is not None and found[GEN] is N
