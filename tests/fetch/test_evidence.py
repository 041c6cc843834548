"""Fetching keeps the rights statements that the server sends with a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tenacity import wait_fixed

from pipelines.fetch import http
from pipelines.fetch.fetch import fetch, fetch_with_evidence
from pipelines.fetch.hosts import HttpLocation
from pipelines.fetch.locate import FileLocation
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.signals.server.common import strictest
from pipelines.signals.server.evidence import HttpEvidence
from pipelines.signals.server.http import read_http
from schemas.errors import BadRecord
from schemas.rights import Permission, Purpose
from tests.fetch.web_server import answer, in_turn, raw, serving

DATA = b"a picture" * 1_000


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http._with_retries, "wait", wait_fixed(0.01))


def evidence_of(location: HttpLocation) -> HttpEvidence:
    fetched = fetch_with_evidence(location, len(DATA), OriginFileCache())
    assert fetched.data == DATA
    assert fetched.evidence is not None
    return fetched.evidence


def value(evidence: HttpEvidence, purpose: Purpose = Purpose.TRAIN_GEN) -> Permission | None:
    signals = read_http(evidence).signals
    return strictest(signal.value for signal in signals if signal.purpose is purpose)


def test_file_from_disk_has_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(DATA)
    root = str(tmp_path.resolve())
    fetched = fetch_with_evidence(FileLocation(root, f"{root}/a"), len(DATA), OriginFileCache())
    assert (fetched.data, fetched.evidence) == (DATA, None)


def test_headers_are_kept_in_order_and_separate() -> None:
    two = (("X-Robots-Tag", "noindex"), ("Via", "a"), ("x-robots-tag", "NoAI"))
    with serving({"/a": answer(DATA, 200, *two)}) as site:
        evidence = evidence_of(site.at("/a?sig=5ec4e7"))
        assert evidence.headers == (("Content-Length", str(len(DATA))), *two)
        assert evidence.url == f"{site.origin}/a?sig=5ec4e7"
        assert evidence.fault == ""
        assert site.request_counts == {
            "/a?sig=5ec4e7": 1,
            "/robots.txt": 1,
            "/.well-known/tdmrep.json": 1,
        }
    reading = read_http(evidence)
    assert {s.purpose for s in reading.signals} == set(Purpose)
    assert "5ec4e7" not in repr(reading)


@pytest.mark.parametrize(
    "header",
    [("X-Robots-Tag", "NoAI"), ("TDM-Reservation", "1"), ("Content-Usage", "train-ai=n")],
)
def test_denying_header_is_read(header: tuple[str, str]) -> None:
    with serving({"/a": answer(DATA, 200, header)}) as site:
        assert value(evidence_of(site.at("/a"))) is Permission.DENY


def test_folded_header_is_read() -> None:
    folded = ("Content-Usage", "search=y,\r\n\t train-ai=n")
    with serving({"/a": answer(DATA, 200, folded)}) as site:
        evidence = evidence_of(site.at("/a"))
    assert evidence.headers[1] == ("Content-Usage", "search=y, train-ai=n")
    assert value(evidence) is Permission.DENY


def test_all_policy_files_of_the_origin_are_read() -> None:
    licence = (
        b'<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license>'
        b'<prohibits type="usage">search</prohibits></license></content></rsl>'
    )
    robots = b"License: http://127.0.0.1:%d/rsl.xml\nContent-Signal: ai-input=no"
    with serving({"/a": answer(DATA), "/rsl.xml": answer(licence)}) as site:
        site.answers["/robots.txt"] = answer(robots % site.port)
        body = b'[{"location": "/a", "tdm-reservation": 1}]'
        site.answers["/.well-known/tdmrep.json"] = answer(body)
        evidence = evidence_of(site.at("/a"))
    assert [file.url.removeprefix(site.origin) for file in evidence.origin_files] == [
        "/.well-known/tdmrep.json",
        "/robots.txt",
        "/rsl.xml",
    ]
    assert value(evidence, Purpose.SEARCH) is Permission.DENY
    assert value(evidence, Purpose.INFERENCE) is Permission.DENY
    assert value(evidence, Purpose.DATA_MINING) is Permission.DENY
    assert value(evidence, Purpose.INDEX) is None


def test_headers_are_those_of_the_successful_answer() -> None:
    down = answer(b"", 503, ("X-Robots-Tag", "noindex"))
    with serving({"/a": in_turn(down, answer(DATA, 200, ("Server", "x")))}) as site:
        evidence = evidence_of(site.at("/a"))
        assert site.request_counts["/a"] == 2
        assert dict(evidence.headers).keys() == {"Content-Length", "Server"}
        # An answer that breaks off before its first byte is also requested again.
        cut = answer(b"", 200, ("X-Robots-Tag", "noindex"), length=9)
        site.answers["/b"] = in_turn(cut, answer(DATA, 200, ("Server", "y")))
        assert dict(evidence_of(site.at("/b")).headers)["Server"] == "y"


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ([f"X-{n}: y" for n in range(95)], "more than 90 headers"),
        ([f"X-{n}: {'y' * 30_000}" for n in range(3)], "headers of more than 65536 bytes"),
        (["a line without", "X-Robots-Tag: noai"], "headers that cannot be parsed"),
        (["Spaced : out", "X-Robots-Tag: noai"], "headers that cannot be parsed"),
    ],
)
def test_unreliable_headers_are_a_fault(headers: list[str], fault: str) -> None:
    head = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(DATA)}", *headers])
    with serving({"/a": raw(head.encode() + b"\r\n\r\n" + DATA)}) as site:
        evidence = evidence_of(site.at("/a"))
        assert fetch(site.at("/a"), len(DATA)) == DATA  # shards are still written from it
    assert (evidence.headers, evidence.fault) == ((), fault)
    assert [found.detail for found in read_http(evidence).faults] == [fault]


@pytest.mark.parametrize(
    ("target", "reason"),
    [("/none", "HTTP 404"), ("/moved", "redirects are not followed"), ("/long", "more than")],
)
def test_failed_fetch_requests_no_policy_files(target: str, reason: str) -> None:
    answers = {"/moved": answer(b"", 302, ("Location", "/a")), "/long": answer(DATA + b"x")}
    with serving(answers) as site:
        with pytest.raises(BadRecord, match=reason):
            evidence_of(site.at(target))
        assert site.request_counts == {target: 1}
