"""TDMRep: path patterns, precedence, and invalid files."""

from __future__ import annotations

import json
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.signals.server.common import ServedFile
from pipelines.signals.server.patterns import canonical_target, matches_pattern, path_pattern
from pipelines.signals.server.tdmrep import read_tdmrep
from schemas.rights import Permission, Purpose
from schemas.signal import Reading

FILE_URL = "https://media.example/.well-known/tdmrep.json"


def read(file: object, target: str = "/a/b.jpg", *reservations: str) -> Reading:
    body = file if isinstance(file, bytes | None) else json.dumps(file).encode()
    return read_tdmrep(
        ServedFile(f"https://media.example{target}"), reservations, (), body, FILE_URL
    )


def values(reading: Reading) -> set[Permission]:
    purposes = {signal.purpose for signal in reading.signals}
    mining = {Purpose.DATA_MINING, Purpose.TRAIN_GEN, Purpose.TRAIN_NONGEN}
    assert purposes == (mining if reading.signals else set())
    return {signal.value for signal in reading.signals}


def rule(location: str, reservation: object, **more: object) -> dict[str, object]:
    return {"location": location, "tdm-reservation": reservation, **more}


def test_the_example_in_the_report() -> None:
    """Section 5.1 of TDMRep: three groups of files."""
    policy = "https://provider.com/policies/policy.json"
    file = [
        rule("/directory-a/", 1),
        rule("/directory-b/html/", 1, **{"tdm-policy": policy}),
        rule("/directory-b/images/*.jpg", 0),
    ]
    assert values(read(file, "/directory-a/x.pdf")) == {Permission.DENY}
    assert values(read(file, "/directory-b/html/x.html")) == {Permission.CONDITIONAL}
    assert values(read(file, "/directory-b/images/x.jpg")) == {Permission.ALLOW}
    assert values(read(file, "/directory-c/")) == set()


@pytest.mark.parametrize(
    ("pattern", "target", "fits"),
    [
        # How Google interprets robots.txt, "URL matching based on path values", which the report
        # refers to.
        ("/fish", "/fish.html", True),
        ("/fish", "/fish/salmon.html", True),
        ("/fish", "/Fish.asp", False),
        ("/fish", "/catfish", False),
        ("/fish*", "/fishheads/yummy.html", True),
        ("/fish/", "/fish/?id=anything", True),
        ("/fish/", "/fish", False),
        ("/*.php", "/folder/any.php.file.html", True),
        ("/*.php", "/windows.PHP", False),
        ("/*.php$", "/folder/filename.php", True),
        ("/*.php$", "/filename.php?parameters", False),
        ("/*.php$", "/filename.php5", False),
        ("/fish*.php", "/fishheads/catfish.php?parameters", True),
        ("/fish*.php", "/Fish.PHP", False),
        # RFC 9309, section 2.2.3, and TDMRep.
        ("/path/foo-%24", "/path/foo-$", True),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html", True),
        ("/this/path/exactly$", "/this/path/exactly", True),
        ("/this/path/exactly$", "/this/path/exactly/not", False),
        ("/this/*/exactly", "/this/path/exactly", True),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz", True),
        ("/foo/bar/\u30c4", "/foo/bar/%E3%83%84", True),
        ("/a%3cd.html", "/a%3Cd.html", True),
        ("/a%2fb.html", "/a/b.html", False),
        ("", "/anything", True),
        ("*", "/anything", True),
        ("fish", "/fish", True),
        ("$", "/", False),
        ("/a*a$", "/a", False),
        ("/a*a$", "/aa", True),
    ],
)
def test_pattern_examples_from_the_specifications(pattern: str, target: str, fits: bool) -> None:
    assert matches_pattern(pattern, canonical_target(target)) is fits


def fits_slowly(pattern: str, target: str) -> bool:
    """Matches by the definition: character by character, trying every length of every `*`."""

    @cache
    def from_(p: int, t: int) -> bool:
        if p == len(pattern):
            return True
        if pattern[p] == "$" and p == len(pattern) - 1:
            return t == len(target)
        if pattern[p] == "*":
            return any(from_(p + 1, rest) for rest in range(t, len(target) + 1))
        return t < len(target) and pattern[p] == target[t] and from_(p + 1, t + 1)

    return from_(0, 0)


@settings(max_examples=500)
@given(
    st.text("ab*", max_size=8).map(lambda text: f"/{text}"),
    st.sampled_from(["", "$"]),
    st.text("ab", max_size=10).map(lambda text: f"/{text}"),
)
def test_patterns_match_as_the_definition_says(start: str, end: str, target: str) -> None:
    assert matches_pattern(start + end, target) is fits_slowly(start + end, target)


def test_patterns_built_to_be_slow_are_matched() -> None:
    target = "/" + "a" * 8_000
    assert not matches_pattern("/" + "*a" * 4_000 + "*b", target)
    assert matches_pattern("/" + "*a" * 4_000 + "$", target)
    rules = [rule("/" + "*a" * 500 + f"b{index}$", 1) for index in range(500)]
    assert values(read([*rules, rule("/", 0)], target)) == {Permission.ALLOW}


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/a", "/a"),
        ("https://media.example/a?b*$", "/a?b*$"),
        ("HTTP://Media.Example:8080", "/"),
        ("https://other.example/a", None),
        ("/redirect?to=https://other.example/", "/redirect?to=https://other.example/"),
        ("https://[", "https://["),
    ],
)
def test_a_location_may_be_a_whole_url(location: str, path: str | None) -> None:
    assert path_pattern(location, "media.example") == path


def test_a_query_neither_hides_a_denial_nor_is_shown() -> None:
    file = [rule("/a/*.jpg$", 1), rule("/", 0)]
    # Without its query the path is reserved; with it, the second rule would permit it.
    reading = read(file, "/a/b.jpg?sig=5ec4e7")
    assert values(reading) == {Permission.DENY, Permission.ALLOW}
    assert "5ec4e7" not in repr(reading)


@pytest.mark.parametrize("value", [2, -1, "yes", None, [], {}, False, 1.5, "", "10", 1e999])
def test_values_other_than_1_and_0_are_unset(value: object) -> None:
    assert values(read([rule("/", value)])) == {Permission.UNKNOWN}
    assert values(read([rule("/", value), rule("/", 1)])) == {Permission.DENY}


@pytest.mark.parametrize("value", [1, 1.0, "1", " 1 ", True])
def test_every_spelling_of_1_is_a_reservation(value: object) -> None:
    assert values(read([rule("/", value)])) == {Permission.DENY}


def test_a_repeated_name_does_not_hide_a_denial() -> None:
    both = b'[{"location": "/", "tdm-reservation": 1, "TDM-RESERVATION": 0}]'
    assert values(read(both)) == {Permission.DENY}


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"null", b"1", b'"[]"', b"[1]", b"<html>", b"\xff[", b"9" * 5_000),
        *(b'[{"tdm-reservation": 1}]', b'[{"location": 1}]', b"[" * 100_000),
    ],
)
def test_an_invalid_file_is_a_fault(body: bytes) -> None:
    reading = read(body)
    assert not reading.signals
    (fault,) = reading.faults
    assert fault.where == FILE_URL and fault.detail.startswith("not a TDMRep file: ")


def test_a_header_counts_even_if_the_file_is_invalid() -> None:
    reading = read(b"<html>", "/", "1")
    assert values(reading) == {Permission.DENY} and len(reading.faults) == 1


@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_no_bytes_make_the_reader_raise(body: bytes) -> None:
    read(body)
