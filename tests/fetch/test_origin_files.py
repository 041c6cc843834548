"""Policy files on the media's origin: requested once per origin, and never trusted blindly."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tenacity import wait_fixed

from pipelines.fetch import http, http_request
from pipelines.fetch.fetch import fetch_with_evidence
from pipelines.fetch.hosts import HttpLocation
from pipelines.fetch.origin_files import OriginFileCache, fetch_origin_file
from pipelines.signals.server.evidence import OriginFile
from tests.fetch.web_server import Answer, Site, answer, in_turn, raw, serving

pytestmark = pytest.mark.long

ROBOTS, TDMREP = "/robots.txt", "/.well-known/tdmrep.json"
BODY = b"User-agent: *\nContent-Usage: train-ai=n\n"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http._with_retries, "wait", wait_fixed(0.01))


def fetch_from(site: Site, path: str = ROBOTS, max_bytes: int = 1_000) -> OriginFile:
    return fetch_origin_file(site.at(path), max_bytes)


def test_origin_file_is_found_or_absent() -> None:
    with serving({ROBOTS: answer(BODY)}) as site:
        assert fetch_from(site) == OriginFile(f"{site.origin}{ROBOTS}", 200, BODY, "")
        assert fetch_from(site, TDMREP) == OriginFile(f"{site.origin}{TDMREP}", 404, None, "")
        assert {headers["Accept-Encoding"] for headers in site.headers} == {"identity"}


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410, 451])
def test_statuses_that_mean_absent(status: int) -> None:
    with serving({ROBOTS: answer(b"", status)}) as site:
        assert (fetch_from(site).status, fetch_from(site).fault) == (status, "")


@pytest.mark.parametrize(
    ("status", "tries"), [(429, 3), (408, 3), (500, 3), (503, 3), (501, 1), (206, 1), (304, 1)]
)
def test_statuses_that_are_a_fault(status: int, tries: int) -> None:
    with serving({ROBOTS: answer(b"", status)}) as site:
        found = fetch_from(site)
        assert found.body is None and f"HTTP {status}" in found.fault
        assert site.request_counts[ROBOTS] == tries


def test_temporary_failure_is_retried() -> None:
    cut = answer(BODY[:10], 200, length=len(BODY))
    with serving({ROBOTS: in_turn(answer(b"", 500), cut, answer(BODY))}) as site:
        assert fetch_from(site).body == BODY


BOMB = gzip.compress(b"\0" * 10_000_000)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (answer(b"x" * 1_001), "more than the limit of 1000 bytes"),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_001), "more than the limit of 1000 bytes"),
        (answer(BODY, 200, length=999), "broke off"),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nUser-"), "broke off"),
        (raw(b"nonsense"), "no connection"),
        (raw(b""), "no connection"),
        (answer(BOMB[:500], 200, ("Content-Encoding", "gzip")), "encoded as gzip"),
        (raw(b"HTTP/1.1 200 OK\r\nbad line\r\n\r\n" + BODY), "cannot be parsed"),
    ],
)
def test_unreadable_bodies_are_a_fault(given: Answer, fault: str) -> None:
    with serving({ROBOTS: given}) as site:
        found = fetch_from(site)
    assert (found.status, found.body) == (None, None)
    assert fault in found.fault


def test_slow_or_missing_server_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_request, "_READ_TIMEOUT_S", 0.05)
    release = threading.Event()

    def hang(_count: int) -> bytes:
        release.wait(10)
        return b""

    with serving({ROBOTS: hang}) as site:
        found = fetch_from(site)
        release.set()
        assert "no connection (ReadTimeoutError)" in found.fault
    assert "no connection" in fetch_from(site, TDMREP).fault


def test_host_with_a_private_address_is_not_requested() -> None:
    with serving({ROBOTS: answer(BODY)}) as site:
        found = fetch_origin_file(HttpLocation("http", "localhost", site.port, ROBOTS, ()), 100)
        assert "private address" in found.fault
        assert not site.request_counts


def moved(target: str, status: int = 301) -> Answer:
    return answer(b"", status, ("Location", target))


def test_redirects_within_the_origin_are_followed() -> None:
    answers = {ROBOTS: moved("/1", 302), "/1": moved("2", 307), "/3": answer(BODY)}
    with serving(answers) as site:
        site.answers["/2"] = moved(f"{site.origin}/3#there", 308)
        assert fetch_from(site) == OriginFile(f"{site.origin}{ROBOTS}", 200, BODY, "")
        site.answers["/3"] = moved("/4")
        assert fetch_from(site).fault == "more than 3 redirects"
        assert "/4" not in site.request_counts
        site.answers["/1"] = answer(b"", 404)
        assert fetch_from(site).fault == "" and fetch_from(site).body is None
        site.answers["/1"] = answer(b"", 302)
        assert fetch_from(site).fault == "HTTP 302"


@pytest.mark.parametrize(
    "target",
    [
        *("https://127.0.0.1/x", "http://127.0.0.1:1/x", "//localhost/x", "file:///etc/passwd"),
        *("http://169.254.169.254/", "http://user@127.0.0.1/", "http://[", "/%2e%2e/x", "/a b"),
    ],
)
def test_redirects_to_other_origins_are_a_fault(target: str) -> None:
    with serving({ROBOTS: moved(target)}) as site:
        assert fetch_from(site).fault == "a redirect to another origin"
        assert site.request_counts == {ROBOTS: 1}


def test_origin_files_are_requested_once_per_origin() -> None:
    answers = {f"/{n}.jpg": answer(b"media") for n in range(100)}
    cache = OriginFileCache()
    with serving({**answers, ROBOTS: answer(BODY)}) as site:

        def one(number: int) -> tuple[OriginFile, ...]:
            fetched = fetch_with_evidence(site.at(f"/{number}.jpg"), 100, cache)
            assert fetched.evidence is not None
            return fetched.evidence.origin_files

        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(one, range(100)))
        assert len(found) == 1
        assert (site.request_counts[ROBOTS], site.request_counts[TDMREP]) == (1, 1)
        assert sum(site.request_counts.values()) == 102


def test_cache_is_bounded_and_separate_by_origin() -> None:
    cache = OriginFileCache(max_cached=2)
    with serving({ROBOTS: answer(BODY)}) as one, serving({}) as two:
        assert cache.files_for(one.at("/a"), ())[1].body == BODY
        assert cache.files_for(two.at("/a"), ())[1].body is None
        assert cache.files_for(one.at("/b"), ())[1].body == BODY
        assert one.request_counts[ROBOTS] == 2


def test_faults_are_cached() -> None:
    cache = OriginFileCache()
    with serving({ROBOTS: answer(b"", 501)}) as site:
        assert [cache.files_for(site.at("/a"), ())[1].fault for _ in range(5)] == ["HTTP 501"] * 5
        assert site.request_counts[ROBOTS] == 1


RSL_LINK = '<{}>; rel="license"; type="application/rsl+xml"'


def test_licences_are_fetched_from_the_same_origin_only() -> None:
    with serving({"/l.xml": answer(b"<rsl/>")}) as site, serving({}) as other:
        links = ["/l.xml", f"{other.origin}/l.xml", "/l.xml", "https://[", "/gone.xml"]
        headers = tuple(("Link", RSL_LINK.format(link)) for link in links)
        files = OriginFileCache().files_for(site.at("/a"), headers)
        assert [(file.url, file.status) for file in files[2:]] == [
            (f"{site.origin}/l.xml", 200),
            (f"{site.origin}/gone.xml", 404),
        ]
        assert site.request_counts["/l.xml"] == 1
        assert not other.request_counts


def test_number_of_fetched_licences_is_limited() -> None:
    body = "".join(f"License: /{n}.xml\n" for n in range(50)).encode()
    with serving({ROBOTS: answer(body)}) as site:
        assert len(OriginFileCache().files_for(site.at("/a"), ())) == 10
        assert len(site.request_counts) == 10
