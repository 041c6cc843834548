"""All server statements together: every conformance case, and random input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.signals.server.common import strictest
from pipelines.signals.server.evidence import HttpEvidence, OriginFile
from pipelines.signals.server.http import read_http
from schemas.reasons import Reason
from schemas.rights import Permission, Purpose
from schemas.signal import Origin, Reading, raw_sha256
from tests.signals.case import Case
from tests.signals.server.cases_http import CASES, HOST, RSL_URL, URL, read, robots, tdmrep

_REFUSES = {
    Permission.DENY: Reason.SERVER_DENIED,
    Permission.CONDITIONAL: Reason.SERVER_CONDITIONAL,
}
NAMES = ("X-Robots-Tag", "tdm-reservation", "tdm-policy", "Content-Usage", "Link", "Server")


def value_of(reading: Reading, purpose: Purpose) -> Permission | None:
    return strictest(signal.value for signal in reading.signals if signal.purpose is purpose)


def reason_of(reading: Reading, purpose: Purpose) -> Reason | None:
    value = value_of(reading, purpose)
    if value in _REFUSES:
        return _REFUSES[value]
    return Reason.SERVER_UNREADABLE if reading.faults else None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_conformance_case_gives_the_expected_value_and_reason(case: Case) -> None:
    reading = case.read()
    assert value_of(reading, case.purpose) is case.value
    assert reason_of(reading, case.purpose) is case.reason
    check_texts(reading)


def test_the_conformance_table_is_large_and_its_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 50


def check_texts(reading: Reading) -> None:
    """Asserts that every text is one short printable line without the signature of the URL."""
    for signal in reading.signals:
        assert signal.origin is Origin.SERVER
        for text in (signal.said, signal.where, signal.who):
            assert text.isprintable() and len(text) <= 200 and "5ec4e7" not in text
    for fault in reading.faults:
        assert fault.origin is Origin.SERVER and fault.detail
        for text in (fault.detail, fault.where):
            assert text.isprintable() and len(text) <= 200 and "5ec4e7" not in text


@pytest.mark.parametrize(
    "header",
    [("X-Robots-Tag", "NoAI"), ("TDM-Reservation", "1"), ("Content-Usage", "train-ai=n")],
)
def test_a_denial_that_a_common_library_misses(header: tuple[str, str]) -> None:
    assert value_of(read((header,)), Purpose.TRAIN_GEN) is Permission.DENY


def test_a_signal_has_host_place_text_and_digest() -> None:
    (signal,) = read((("Content-Usage", "train-ai=n"),)).signals
    assert (signal.who, signal.where) == ("media.example", "http Content-Usage")
    assert (signal.said, signal.sha256) == ("train-ai=n", raw_sha256("train-ai=n"))
    body = b'[{"location": "/", "tdm-reservation": 1}]'
    signal = read(files=(tdmrep(body),)).signals[0]
    assert signal.where == f"{HOST}/.well-known/tdmrep.json"
    assert signal.sha256 == raw_sha256(body)
    assert signal.said == "location=/ tdm-reservation=1"


def test_several_vocabularies_are_merged() -> None:
    headers = (("X-Robots-Tag", "noindex"), ("Content-Usage", "train-ai=n"))
    reading = read(headers, (robots("Content-Usage: search=y"), tdmrep("[")))
    assert value_of(reading, Purpose.SEARCH) is Permission.DENY
    assert value_of(reading, Purpose.TRAIN_GEN) is Permission.DENY
    assert len(reading.faults) == 1


def test_a_link_to_another_origin_is_shown_without_its_query() -> None:
    link = ("Link", '<https://o.example/l?key=5ec4e7>; rel=license; type="application/rsl+xml"')
    reading = read((link,))
    assert {signal.said for signal in reading.signals} == {"https://o.example/l"}
    assert {signal.purpose for signal in reading.signals} == set(Purpose)


values = st.text(max_size=80) | st.sampled_from(
    ["noai", "1", "0", "train-ai=n", "max-snippet:", "<", '"', "unavailable_after: a, b", ";,:="]
)
headers = st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=6)
PATHS = ("/robots.txt", "/.well-known/tdmrep.json", "/license.xml")
bodies = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(
        st.sampled_from(
            [b"User-agent: *\n", b"Content-Usage: ", b"/p* ", b"train-ai=n", b"\n", b"License: ",
             RSL_URL.encode(), b"<rsl xmlns='https://rslstandard.org/rsl'>", b"<content url='/'>",
             b"<license>", b"</license>", b"</content></rsl>", b"[", b"]", b'{"location": "/"',
             b"}", b',"tdm-reservation":', b"1", b"null", b"\xff", b"\x00"]
        ),
        max_size=12,
    ).map(b"".join),
)  # fmt: skip
origin_files = st.lists(
    st.builds(OriginFile, st.sampled_from([HOST + path for path in PATHS]), st.just(200), bodies,
              st.just("")),
    max_size=3,
)  # fmt: skip
urls = st.just(URL) | st.text(max_size=60) | st.text(max_size=20).map(lambda t: f"{HOST}/{t}")


@given(urls, headers, origin_files)
def test_no_input_raises_and_every_text_is_printable(
    url: str, found: list[tuple[str, str]], files: list[OriginFile]
) -> None:
    reading = read_http(HttpEvidence(url, tuple(found), tuple(files)))
    for signal in reading.signals:
        assert signal.said.isprintable() and len(signal.said) <= 200
    for fault in reading.faults:
        assert fault.detail.isprintable() and len(fault.detail) <= 200


planted = st.sampled_from(
    [("X-Robots-Tag", "noai"), ("x-robots-tag", "bot: x, NOAI"), ("TDM-Reservation", "1"),
     ("tdm-reservation", " 1 ")]
)  # fmt: skip


@given(headers, planted, st.integers(0, 6), origin_files)
def test_a_planted_denial_is_never_lost(
    found: list[tuple[str, str]], denial: tuple[str, str], at: int, files: list[OriginFile]
) -> None:
    found.insert(at, denial)
    reading = read_http(HttpEvidence(URL, tuple(found), tuple(files)))
    value = value_of(reading, Purpose.TRAIN_GEN)
    # Only a policy weakens a reservation, and the result still refuses.
    assert value in (Permission.DENY, Permission.CONDITIONAL)


noise = st.text(st.characters(exclude_characters="\r\n"), max_size=60)


@given(st.lists(noise, max_size=8), st.integers(0, 8))
def test_a_planted_denial_in_robots_txt_is_never_lost(lines: list[str], at: int) -> None:
    lines.insert(at, "Content-Usage: /pictures/2024/a.jpg train-ai=n")
    body = "\n".join(lines).encode("utf-8", "surrogatepass")
    assert value_of(read(files=(robots(body),)), Purpose.TRAIN_GEN) is Permission.DENY
