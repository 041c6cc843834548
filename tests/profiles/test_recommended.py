"""The draw between models' and contributors' captions, by a rule that is written here again."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.profiles.captions import choose_caption, draws_synthetic, share_of_synthetic
from tests.profiles.rows import caption

SOURCES = ("title", "description", "keywords", "model", "zero-shot")
OWN = ("title", "description")


def assets() -> list[str]:
    return [hashlib.sha256(str(at).encode()).hexdigest() for at in range(2_000)]


@pytest.mark.parametrize("share", [0, 2_000, 9_500, 10_000])
def test_the_share_of_samples_has_the_models_caption(share: int) -> None:
    said = [caption(source, f"by {source}", at / 10) for at, source in enumerate(SOURCES)]
    found = [choose_caption(said, share, asset)["source"] for asset in assets()]
    assert abs(found.count("model") - share / 5) < 60
    assert set(found) <= {"model", "description"}  # of the contributor's, the better one
    assert found == [choose_caption(said, share, asset)["source"] for asset in assets()]


@given(
    given=st.lists(
        st.tuples(st.sampled_from(SOURCES), st.integers(-9, 9), st.booleans()),
        min_size=1,
        max_size=5,
        unique_by=lambda one: one[0],
    ),
    share=st.integers(0, 10_000),
    asset=st.integers(0, 2**64).map(lambda number: f"{number:064x}"),
)
def test_the_rule(given: list[tuple[str, int, bool]], share: int, asset: str) -> None:
    given.sort(key=lambda one: SOURCES.index(one[0]))
    said: list[Any] = [
        caption(
            source,
            f"by {source}",
            score / 10,
            flags=["person"] if flagged and source in ("model", "zero-shot") else [],
        )
        for source, score, flagged in given
    ]
    chosen = choose_caption(said, share, asset)
    model_s = [one for one in said if one["source"] == "model" and not one["flags"]]
    own = [one for one in said if one["source"] in OWN]
    drawn = int(hashlib.sha256(b"fairshard/caption\x00" + asset.encode()).hexdigest()[:16], 16)
    if model_s and own:
        assert share_of_synthetic(said, share) == share
        kind = model_s if drawn % 10_000 < share else own
    else:
        assert share_of_synthetic(said, share) == (10_000 if model_s else 0)
        kind = model_s or own or said
    assert chosen in kind
    if kind is not said:
        assert chosen["score"] == max(one["score"] for one in kind)


@given(asset=st.integers(0, 2**64).map(lambda number: f"{number:064x}"))
def test_the_draw_is_below_the_share(asset: str) -> None:
    """The first eight bytes of the digest, modulo 10,000; both sides of the edge."""
    digest = hashlib.sha256(b"fairshard/caption\x00" + asset.encode()).hexdigest()
    drawn = int(digest[:16], 16) % 10_000
    assert not draws_synthetic(asset, drawn) and draws_synthetic(asset, drawn + 1)
    assert not draws_synthetic(asset, 0) and draws_synthetic(asset, 10_000)


@pytest.mark.parametrize(
    ("sources", "flagged", "share"),
    [
        (["title"], [], 0),
        (["keywords"], [], 0),
        (["title", "zero-shot"], [], 0),
        (["keywords", "zero-shot"], [], 0),
        (["model"], [], 10_000),
        (["keywords", "model"], [], 10_000),  # keywords are no sentence
        (["model", "zero-shot"], [], 10_000),
        (["title", "model"], [], 3_000),
        (["description", "model"], [], 3_000),
        (["title", "model"], ["model"], 0),
        (["model"], ["model"], 0),
    ],
)
def test_the_share_is_that_of_the_kinds_that_are_there(
    sources: list[str], flagged: list[str], share: int
) -> None:
    said = [
        caption(source, f"by {source}", 0.5, flags=["person"] if source in flagged else [])
        for source in sources
    ]
    assert share_of_synthetic(said, 3_000) == share
