"""Selection: quality, duplicates, cap, in this order and for any order of what comes in."""

from __future__ import annotations

import random
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from pipelines.selection.select import select_samples
from schemas.deal_terms import SelectTerms
from schemas.decision import Outcome

from .looks import COLOURS, candidate, look
from .test_dedupe import crowd


def reasons(terms: SelectTerms, *items: object) -> dict[str, tuple[str, str]]:
    found = select_samples(list(items), terms)  # type: ignore[arg-type]
    return {row.asset_id: (row.reasons[0], row.detail) for row in found.refusals}


@given(st.integers(0, 10_000), st.sampled_from(["none", "exact", "near"]), st.integers(1, 40))
def test_order_does_not_matter(seed: int, dedupe: str, cap: int) -> None:
    dice = random.Random(seed)
    items = crowd(dice, 40)
    terms = SelectTerms(dedupe=dedupe, max_assets=cap)  # type: ignore[arg-type]
    first = select_samples(items, terms)
    assert select_samples(dice.sample(items, len(items)), terms) == first
    assert len(first.chosen) <= cap
    assert len(first.chosen) + len(first.refusals) == len(items)
    names = {item.asset_id for item in first.chosen} | {row.asset_id for row in first.refusals}
    assert names == {item.asset_id for item in items}
    assert all(row.outcome is Outcome.REFUSED for row in first.refusals)


def test_the_cap_takes_the_smallest_hashes() -> None:
    items = [candidate(f"asset {n}", look(n * 2**100, bytes([n] * COLOURS))) for n in range(200)]
    found = select_samples(items, SelectTerms(dedupe="exact", max_assets=17))
    by_hash = sorted(items, key=lambda item: item.hash)
    assert found.chosen == by_hash[:17]
    assert {row.reasons for row in found.refusals} == {("select.over_cap",)}
    assert {row.detail for row in found.refusals} == {"the deal takes 17 assets"}


def test_a_small_one_is_not_what_a_large_one_is_dropped_for() -> None:
    """The senior of two alike is too small, so that the junior is delivered."""
    small = candidate("a", look(1, bytes(COLOURS)), date(2001, 1, 1), short_side=99)
    large = candidate("b", look(1, bytes(COLOURS)), date(2002, 1, 1), short_side=100)
    told = reasons(SelectTerms(min_short_side=100), small, large)
    assert told == {"a": ("select.too_small", "shorter side 99 px, 100 asked")}


def test_kinds_of_dedupe() -> None:
    same = look(1, bytes(COLOURS))
    items = (
        candidate("a", same, date(2001, 1, 1), digest="x"),
        candidate("b", same, None, digest="x"),
        candidate("c", same, date(2003, 1, 1), digest="y"),
    )
    assert reasons(SelectTerms(dedupe="none"), *items) == {}
    assert reasons(SelectTerms(dedupe="exact"), *items) == {"b": ("duplicate.exact", "kept: a")}
    assert reasons(SelectTerms(dedupe="near"), *items) == {
        "b": ("duplicate.exact", "kept: a"),
        "c": ("duplicate.near", "kept: a"),
    }


def test_nothing_to_choose_from() -> None:
    found = select_samples([], SelectTerms())
    assert (found.chosen, found.refusals) == ([], [])
