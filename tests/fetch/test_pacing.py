"""Waiting as servers ask for it, no faster than they are asked, under a name of one's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import wait_fixed

from pipelines.fetch import http
from pipelines.fetch.fetch import fetch
from pipelines.fetch.hosts import HttpLocation
from pipelines.fetch.locate import SourcePolicy, resolve_media_uri
from pipelines.fetch.origin_files import fetch_origin_file
from pipelines.fetch.pacing import HttpClient, Pacer, http_client, retry_after_s
from schemas.errors import BadRecord, InputError
from tests.fetch.web_server import Answer, Site, answer, in_turn, serving

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
OK = answer(b"a picture")


@pytest.fixture(autouse=True)
def fresh_pacer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(http._with_retries, "wait", wait_fixed(0.01))
    monkeypatch.setattr(http, "_pacer", Pacer())
    return iter(())


def busy(status: int, retry_after: str, *headers: tuple[str, str]) -> Answer:
    return answer(b"", status, ("Retry-After", retry_after), *headers)


def timed(location: HttpLocation) -> tuple[bytes, float]:
    start = time.monotonic()
    return fetch(location, 100), time.monotonic() - start


@pytest.mark.parametrize("status", [429, 503])
def test_a_number_of_seconds_is_waited_for(status: int) -> None:
    with serving({"/a": in_turn(busy(status, "1"), OK)}) as site:
        data, took = timed(site.at("/a"))
    assert data == b"a picture" and 1 <= took < 3


def test_more_often_than_other_failures_are_repeated() -> None:
    with serving({"/a": in_turn(*[busy(429, "1")] * 4, OK)}) as site:
        data, took = timed(site.at("/a"))
        assert site.request_counts["/a"] == 5
    assert data == b"a picture" and took >= 4


def test_a_date_is_compared_with_the_servers_own() -> None:
    server_now = datetime(2001, 1, 1, tzinfo=UTC)
    until = format_datetime(server_now + timedelta(seconds=1), usegmt=True)
    date = ("Date", format_datetime(server_now, usegmt=True))
    with serving({"/a": in_turn(busy(503, until, date), OK)}) as site:
        data, took = timed(site.at("/a"))
    assert data == b"a picture" and 1 <= took < 3


def test_longer_than_the_bound_is_a_failed_asset() -> None:
    with serving({"/a": busy(429, "86400")}) as site:
        start = time.monotonic()
        with pytest.raises(BadRecord, match="HTTP 429, Retry-After 86,400 s") as caught:
            fetch(site.at("/a"), 100)
        assert time.monotonic() - start < 1 and site.request_counts["/a"] == 1
    assert caught.value.reason == "media.unavailable"


def test_all_waits_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_WAITS_S", 2.5)
    with serving({"/a": busy(429, "1")}) as site:
        with pytest.raises(BadRecord, match="HTTP 429"):
            fetch(site.at("/a"), 100)
        assert site.request_counts["/a"] == 3


@pytest.mark.parametrize("value", ["0", "", "soon", "-1", "1.5", "Wed, 99 Foo 2026", "9" * 40])
def test_what_asks_for_no_wait_fails_as_before(value: str) -> None:
    with serving({"/a": busy(429, value)}) as site:
        with pytest.raises(BadRecord, match="HTTP 429"):
            fetch(site.at("/a"), 100)
        assert site.request_counts["/a"] == 3


def test_every_thread_waits_for_the_host() -> None:
    with serving({"/a": in_turn(busy(429, "1"), OK), "/b": OK}) as site:
        start = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(fetch, site.at("/a"), 100)
            while not site.request_counts["/a"]:
                time.sleep(0.01)
            time.sleep(0.1)  # until the answer is read
            assert fetch(site.at("/b"), 100) == b"a picture"
            assert time.monotonic() - start >= 1
            assert first.result() == b"a picture"


def test_files_about_rights_are_waited_for() -> None:
    robots = answer(b"Content-Signal: ai-train=no")
    with serving({"/robots.txt": in_turn(busy(503, "1"), robots)}) as site:
        found = fetch_origin_file(site.at("/robots.txt"), 100)
    assert (found.status, found.fault) == (200, "")


def test_a_rate_is_kept_by_all_threads() -> None:
    with serving({"/a": OK}) as site:
        client = HttpClient(requests_per_minute=600)
        location = HttpLocation("http", "127.0.0.1", site.port, "/a", ("127.0.0.1",), client)
        start = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(lambda _: fetch(location, 100), range(8))) == {b"a picture"}
        assert time.monotonic() - start >= 0.7


def agents(site: Site) -> set[str]:
    return {headers["User-Agent"] for headers in site.headers}


def test_who_asks() -> None:
    with serving({"/a": OK, "/robots.txt": answer(status=404)}) as site:
        fetch(site.at("/a"), 100)
        (own,) = agents(site)
        assert own.startswith("fairshard/")
        site.headers.clear()
        client = http_client("example-stock/1.0 (+https://example.com/bot)", 0, 2)
        policy = SourcePolicy(hosts=(site.origin,), client=client)
        location = resolve_media_uri(f"{site.origin}/a", "/", policy)
        fetch(location, 100)
        assert isinstance(location, HttpLocation)
        assert location.client == client
        assert agents(site) == {"example-stock/1.0 (+https://example.com/bot)"}


@pytest.mark.parametrize("agent", ["a\r\nX: y", "é", " a", "a ", "a" * 201, "\t"])
def test_user_agents_that_are_refused(agent: str) -> None:
    with pytest.raises(InputError, match="The user agent is not valid"):
        http_client(agent, 0, 1)


@given(st.integers(0, 10**6), st.booleans(), st.datetimes(datetime(1971, 1, 1)))
def test_both_forms_say_the_same(seconds: int, by_date: bool, start: datetime) -> None:
    start = start.replace(microsecond=0, tzinfo=UTC)
    text = str(seconds)
    if by_date:
        try:
            text = format_datetime(start + timedelta(seconds=seconds), usegmt=True)
        except OverflowError:
            return
    assert retry_after_s({"Retry-After": text}, start) == seconds


def test_a_date_that_has_passed() -> None:
    past = format_datetime(NOW - timedelta(hours=1), usegmt=True)
    assert retry_after_s({"Retry-After": past}, NOW) == 0
    assert retry_after_s({}, NOW) is None
