"""`X-Robots-Tag`, beyond the rows of the conformance table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.signals.server.common import ServedFile
from pipelines.signals.server.robots_tag import read_robots_tag
from schemas.rights import Permission, Purpose
from schemas.signal import raw_sha256

PAGE = ServedFile("https://media.example/a.jpg")
NO_AI = {Purpose.DATA_MINING, Purpose.INFERENCE, Purpose.TRAIN_GEN, Purpose.TRAIN_NONGEN}
FINDING = {Purpose.INDEX, Purpose.SEARCH}


def denied(*values: str) -> set[Purpose]:
    reading = read_robots_tag(PAGE, values)
    assert {signal.value for signal in reading.signals} <= {Permission.DENY}
    return {signal.purpose for signal in reading.signals}


def test_every_rule() -> None:
    assert denied("noai") == denied("noimageai") == NO_AI
    assert denied("noindex") == denied("none") == denied("noimageindex") == FINDING
    assert denied("noindex, noai") == set(Purpose)
    assert denied("noindex", "noai") == set(Purpose)
    assert denied() == denied("") == denied("nofollow, noarchive, nosnippet, index, all") == set()


def test_a_header_names_itself_and_its_own_digest() -> None:
    signals = read_robots_tag(PAGE, ["noindex", "GPTBot: NoAI"]).signals
    assert {signal.said for signal in signals} == {"noindex", "GPTBot: NoAI"}
    assert {signal.sha256 for signal in signals} == {
        raw_sha256("noindex"),
        raw_sha256("GPTBot: NoAI"),
    }


@pytest.mark.parametrize(
    "value",
    [
        "max-image-preview: none",
        "max-image-preview:none, max-snippet: -1",
        "googlebot: max-image-preview: none",
        "unavailable_after: Wed, 03 Dec 2025 13:09:53 GMT",
        "noindexing, nonesuch, xnoai, noai-",
    ],
)
def test_what_only_looks_like_a_rule(value: str) -> None:
    assert denied(value) == set()


words = st.sampled_from(
    ["noindex", "nofollow", "max-snippet: 5", "max-image-preview: large", "googlebot: all", "", " "]
)
spelled = st.sampled_from(["noai", "NOAI", " NoAi ", "bot: noai", "a:b:noai", '"noai"', "noai;"])


@given(st.lists(words, max_size=6), spelled, st.lists(words, max_size=6))
def test_a_no_is_heard_among_anything(before: list[str], no: str, after: list[str]) -> None:
    assert denied(",".join([*before, no, *after])) >= NO_AI


@given(st.text(max_size=300))
def test_nothing_raises(value: str) -> None:
    denied(value)


def test_a_header_as_long_as_can_be() -> None:
    assert denied(":,; " * 16_000 + "noai") == NO_AI
