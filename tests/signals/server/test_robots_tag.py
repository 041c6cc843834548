"""`X-Robots-Tag`, beyond the conformance cases."""

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


def test_every_rule_denies_its_purposes() -> None:
    assert denied("noai") == denied("noimageai") == NO_AI
    assert denied("noindex") == denied("none") == denied("noimageindex") == FINDING
    assert denied("noindex, noai") == set(Purpose)
    assert denied("noindex", "noai") == set(Purpose)
    assert denied() == denied("") == denied("nofollow, noarchive, nosnippet, index, all") == set()


def test_each_header_gives_signals_with_its_own_text_and_digest() -> None:
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
def test_text_that_only_looks_like_a_rule_denies_nothing(value: str) -> None:
    assert denied(value) == set()


words = st.sampled_from(
    ["noindex", "nofollow", "max-snippet: 5", "max-image-preview: large", "googlebot: all", "", " "]
)
spelled = st.sampled_from(["noai", "NOAI", " NoAi ", "bot: noai", "a:b:noai", '"noai"', "noai;"])


@given(st.lists(words, max_size=6), spelled, st.lists(words, max_size=6))
def test_noai_counts_among_other_rules(before: list[str], no: str, after: list[str]) -> None:
    assert denied(",".join([*before, no, *after])) >= NO_AI


@given(st.text(max_size=300))
def test_no_header_makes_the_reader_raise(value: str) -> None:
    denied(value)


def test_a_very_long_header_is_read() -> None:
    assert denied(":,; " * 16_000 + "noai") == NO_AI
