"""Captions from an endpoint: what is sent, what is believed, and what hostile answers do."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from typing import Any

import pytest
from PIL import Image
from tenacity import wait_none

from pipelines.fetch import http
from pipelines.vision.caption_text import CaptionFailure
from pipelines.vision.captioner_http import (
    KEY_VARIABLE,
    HttpCaptioner,
    check_endpoint,
    load_endpoint,
    parse_endpoint,
)
from schemas.deal_captions import EndpointTerms
from schemas.errors import InputError
from tests.vision.chat_server import Chat, always, chatting, in_turn, says

SECRET = "sk-very-secret"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http._with_retries, "wait", wait_none())
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def terms(chat: Chat, **changes: Any) -> EndpointTerms:
    return EndpointTerms(hosts=[chat.host], **changes)


def captioner(chat: Chat, **changes: Any) -> HttpCaptioner:
    return load_endpoint(chat.name, terms(chat, **changes))


def pictures(count: int = 1) -> list[Image.Image]:
    return [Image.new("RGB", (40, 30), (at * 20, 90, 200)) for at in range(count)]


def test_a_picture_and_the_prompt_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    with chatting(always(says("A blue field."))) as chat:
        made = captioner(chat, prompt="What is it?", max_tokens=7)
        assert made.caption(pictures()) == ["A blue field."]
        assert SECRET not in repr(made)
    [request] = chat.requests
    [said, shown] = request["messages"][0]["content"]
    assert (request["model"], request["max_tokens"], request["temperature"]) == ("vlm", 7, 0)
    assert said == {"type": "text", "text": "What is it?"}
    data = shown["image_url"]["url"].removeprefix("data:image/jpeg;base64,")
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (40, 30)
    assert chat.headers[0]["Authorization"] == f"Bearer {SECRET}"


def _number_of(request: Any) -> int:
    """Returns which of the pictures a request shows, by its colour."""
    url = request["messages"][0]["content"][1]["image_url"]["url"]
    shown = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    return round(shown.convert("RGB").tobytes()[0] / 20)


def test_captions_are_in_the_order_of_the_pictures_and_no_more_are_asked_at_once() -> None:
    def slowly(count: int) -> tuple[int, dict[str, str], bytes]:
        time.sleep(0.02 * (count % 3))
        return 200, {}, says(str(count))

    with chatting(slowly) as chat:
        told = captioner(chat, concurrency=3).caption(pictures(9))
    nearest = [_number_of(request) for request in chat.requests]
    assert sorted(nearest) == list(range(9)) and 2 <= chat.most_at_once <= 3
    assert [int(str(text)) - 1 for text in told] == [nearest.index(at) for at in range(9)]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (says("a boat \n\n at\tsea\x00\x1b[31m"), "a boat at sea [31m"),
        (says("e\u0301\u202e gnihton"), "é gnihton"),
        (says("mail me at boss@example.com"), "mail me at boss@example.com"),  # flagged later
        (says("3 < 4 & 5 > 2"), "3 < 4 & 5 > 2"),
        (says(""), ""),
        (says("a <b>boat</b>"), "markup"),
        (says("a boat <script src=x>"), "markup"),
        (says("&lt;a boat&gt;"), "markup"),
        (says("a <\u200bb>boat"), "markup"),  # what is left out makes it so, or is a joiner
        (says("a <\u200db>boat"), "markup"),
        (says("a </\u00adb> boat"), "markup"),
        (says("a &lt\u037e boat"), "markup"),  # so does NFC
        (says("می\u200cخواهم"), "می\u200cخواهم"),
        (says("x" * 4001), "4,001 characters"),
        (says("a boat at", "length"), "cut off"),
        (says("a boat at", "content_filter"), "filter left out"),
        (says(None), "not a chat completion"),
        (says(["a boat"]), "not a chat completion"),
        (b"<html>busy</html>", "not a chat completion"),
        (b'{"choices": []}', "not a chat completion"),
        (b'{"error": "x"}', "not a chat completion"),
        (b"[1]", "not a chat completion"),
        (b"[" * 100_000, "not a chat completion"),
        (b'{"choices": [' + b"9" * 5000 + b"]}", "not a chat completion"),
        (b"\xff\xfe", "not a chat completion"),
        (b"", "not a chat completion"),
        (says("x" * 300_000), "more than the limit of 262144 bytes"),
    ],
)
def test_what_becomes_of_an_answer(body: bytes, said: str) -> None:
    with chatting(always(body)) as chat:
        [found] = captioner(chat).caption(pictures())
    if isinstance(found, CaptionFailure):
        assert said in found.detail and "\n" not in found.detail
    else:
        assert found == said


@pytest.mark.parametrize("status", [400, 401, 404, 302, 418])
def test_a_refusal_is_a_failure_and_is_not_repeated(status: int) -> None:
    with chatting(always(b"secret detail", status, Location="http://10.0.0.1/")) as chat:
        [found] = captioner(chat).caption(pictures())
    assert isinstance(found, CaptionFailure) and f"HTTP {status}" in found.detail
    assert len(chat.requests) == 1 and "secret" not in found.detail


def test_a_busy_server_is_asked_again() -> None:
    busy = always(b"", 503)
    wait = always(b"", 429, Retry_After="1")
    with chatting(in_turn(busy, wait, always(says("a boat")))) as chat:
        assert captioner(chat).caption(pictures()) == ["a boat"]
    assert len(chat.requests) == 3
    with chatting(busy) as chat:
        [found] = captioner(chat).caption(pictures())
    assert isinstance(found, CaptionFailure) and len(chat.requests) == 3


def test_a_silent_server_is_not_waited_for_beyond_the_limit() -> None:
    done = threading.Event()

    def hang(_: int) -> tuple[int, dict[str, str], bytes]:
        done.wait(20)
        return 200, {}, says("late")

    with chatting(hang) as chat:
        started = time.monotonic()
        [found] = captioner(chat, timeout_s=1).caption(pictures())
        taken = time.monotonic() - started
        done.set()
    assert isinstance(found, CaptionFailure) and taken < 10


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"prompt": "Other?"}, False),
        ({"version": "2026-11"}, False),
        ({"max_tokens": 9}, False),
        ({"timeout_s": 9, "concurrency": 2}, True),
        ({"hosts": ["http://127.0.0.1:9", "http://127.0.0.1:8"]}, True),
    ],
)
def test_the_identity_depends_on_what_the_answers_depend_on(
    change: dict[str, Any], same: bool
) -> None:
    name, hosts = "http://127.0.0.1:9/v1#org/vlm 7B", ["http://127.0.0.1:9"]
    one = parse_endpoint(name, EndpointTerms(hosts=hosts)).identity
    assert one.startswith("org-vlm-7B@-@sha256-")
    other = parse_endpoint(name, EndpointTerms(**{"hosts": hosts, **change})).identity
    assert (one == other) == same
    # Versions that look alike in the identity's readable part.
    alike = {
        parse_endpoint(name, EndpointTerms(hosts=hosts, version=version)).identity
        for version in ("a b", "a-b")
    }
    assert len(alike) == 2
    for changed in ("http://127.0.0.1:9/v2#org/vlm 7B", "http://127.0.0.1:9/v1#vlm"):
        assert parse_endpoint(changed, EndpointTerms(hosts=hosts)).identity != one


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("https://vlm.example/v1#m", "not among the listed hosts"),
        ("http://127.0.0.1:8/v1#m", "not among the listed hosts"),
        ("http://127.0.0.1:9/v1", "the model's name after # is missing"),
        ("http://user:pw@127.0.0.1:9/v1#m", "a user name in the URL"),
        ("http://127.0.0.1:9/v1?key=x#m", "a query in the address"),
        ("http://0x7f.1:9/v1#m", "not valid"),
    ],
)
def test_only_addresses_on_listed_hosts_are_taken(name: str, said: str) -> None:
    with pytest.raises(InputError, match="The captioner's address is not valid") as caught:
        parse_endpoint(name, EndpointTerms(hosts=["http://127.0.0.1:9"]))
    assert said in str(caught.value)


def test_a_private_address_must_be_listed_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    with chatting(always(says("a boat"))) as chat:
        host = f"http://localhost:{chat.port}"
        made = load_endpoint(f"{host}/v1#vlm", EndpointTerms(hosts=[host]))
        [found] = made.caption(pictures())
    assert isinstance(found, CaptionFailure) and "private address" in found.detail
    assert not chat.requests


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (always(b'{"data": [{"id": "vlm"}, {"id": "b"}]}'), ""),
        (always(b"", 404), ""),
        (always(b"not JSON"), ""),
        (always(b'{"data": [{"id": "other"}]}'), "It has: other"),
        (always(b'{"data": [{"id": "\\u001b[2J"}, {"id": "other"}]}'), "It has: other"),
        (always(b"", 401), KEY_VARIABLE),
        (always(b"", 500), "HTTP 500"),
        (always(b"x" * 5_000_000), "more than the limit"),
    ],
)
def test_the_endpoint_is_checked_before_a_run(models: Any, said: str) -> None:
    with chatting(always(says("")), models) as chat:
        endpoint = parse_endpoint(chat.name, terms(chat))
        if not said:
            check_endpoint(endpoint)
        else:
            with pytest.raises(InputError) as caught:
                check_endpoint(endpoint)
            assert said in str(caught.value)


def test_an_endpoint_that_is_not_there_is_refused() -> None:
    with chatting(always(says(""))) as chat:
        endpoint = parse_endpoint(chat.name, terms(chat))
    with pytest.raises(InputError, match="The captioner's endpoint cannot be used"):
        check_endpoint(endpoint)


@pytest.mark.parametrize("key", ["a\nb", "a b", "ключ", "x" * 5000])
def test_a_key_that_is_no_header_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(InputError, match="The captioner's key is not valid") as caught:
        load_endpoint("http://127.0.0.1:9/v1#m", EndpointTerms(hosts=["http://127.0.0.1:9"]))
    assert key not in str(caught.value)


def test_a_key_that_the_server_repeats_is_in_no_caption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    with chatting(always(says(f"a boat, asked for by Bearer {SECRET}"))) as chat:
        [found] = captioner(chat).caption(pictures())
    assert isinstance(found, CaptionFailure) and SECRET not in found.detail


def test_request_bodies_are_json() -> None:
    with chatting(always(says("x"))) as chat:
        captioner(chat, prompt='Say "x"\nand no more.').caption(pictures())
    assert json.dumps(chat.requests[0]["messages"][0]["content"][0]["text"]).count("\\n") == 1
