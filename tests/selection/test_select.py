"""Selection: quality, duplicates and cap, in this order, whatever the order of the input."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from pipelines.selection.select import Selection, refusals_in_order, select_samples
from pipelines.storage.columns import values_of
from schemas.deal_terms import SelectTerms
from tests.selection.candidates import COLOURS, AllAgree, Candidate, candidate, look, table_of
from tests.selection.test_dedupe import crowd


def reasons(terms: SelectTerms, *items: Candidate) -> dict[str, tuple[str, str]]:
    found = select_samples(table_of(items), terms, AllAgree(items))
    return {row.asset_id: (row.reasons[0], row.detail) for row in found.refusals}


def chosen_of(items: Sequence[Candidate], found: Selection) -> list[str]:
    return [items[at].asset_id for at in found.chosen.tolist()]


@given(st.integers(0, 10_000), st.sampled_from(["none", "exact", "near"]), st.integers(1, 40))
def test_order_does_not_matter(seed: int, dedupe: str, cap: int) -> None:
    dice = random.Random(seed)
    items = crowd(dice, 40)
    terms = SelectTerms(dedupe=dedupe, max_assets=cap)  # type: ignore[arg-type]
    first = select_samples(table_of(items), terms, AllAgree(items))
    others = dice.sample(items, len(items))
    second = select_samples(table_of(others), terms, AllAgree(others))
    names = chosen_of(items, first)
    assert chosen_of(others, second) == names
    refusals = refusals_in_order(table_of(items), first, terms)
    assert refusals_in_order(table_of(others), second, terms).equals(refusals)
    assert len(first.chosen) <= cap
    refused = values_of(refusals["asset_id"], str)
    assert refused == sorted(refused)
    assert sorted([*names, *refused]) == sorted(item.asset_id for item in items)
    assert set(refusals["outcome"].to_pylist()) <= {"refused"}
    assert set(refusals["stage"].to_pylist()) <= {"select"}


def test_cap_keeps_the_smallest_hashes() -> None:
    items = [candidate(f"asset {n}", look(n * 2**100, bytes([n] * COLOURS))) for n in range(200)]
    terms = SelectTerms(dedupe="exact", max_assets=17)
    found = select_samples(table_of(items), terms, AllAgree(items))
    by_hash = sorted(items, key=lambda item: item.hash)
    assert chosen_of(items, found) == [item.asset_id for item in by_hash[:17]]
    rows = refusals_in_order(table_of(items), found, terms).to_pylist()
    assert [row["asset_id"] for row in rows] == sorted(item.asset_id for item in by_hash[17:])
    assert {(*row["reasons"], row["detail"]) for row in rows} == {
        ("select.over_cap", "the deal takes 17 assets")
    }


def test_too_small_original_does_not_exclude_its_duplicate() -> None:
    """The earlier of two near-duplicates is too small, so the later one is delivered."""
    small = candidate("a", look(1, bytes(COLOURS)), date(2001, 1, 1), short_side=99)
    large = candidate("b", look(1, bytes(COLOURS)), date(2002, 1, 1), short_side=100)
    refused = reasons(SelectTerms(min_short_side=100), small, large)
    assert refused == {"a": ("select.too_small", "shorter side 99 px, 100 required")}


def test_kinds_of_dedupe() -> None:
    same = look(1, bytes(COLOURS))
    items = (
        candidate("a", same, date(2001, 1, 1), media="x"),
        candidate("b", same, None, media="x"),
        candidate("c", same, date(2003, 1, 1), media="y"),
    )
    assert reasons(SelectTerms(dedupe="none"), *items) == {}
    assert reasons(SelectTerms(dedupe="exact"), *items) == {"b": ("duplicate.exact", "kept: a")}
    assert reasons(SelectTerms(dedupe="near"), *items) == {
        "b": ("duplicate.exact", "kept: a"),
        "c": (
            "duplicate.near",
            "kept: a; hash differs in 0 of 256 bits, agreement 1.000, difference 0 of 255",
        ),
    }
    terms = SelectTerms(dedupe="near")
    refusals = select_samples(table_of(list(items)), terms, AllAgree(items)).refusals
    assert [refusal.kept_asset_id for refusal in refusals] == ["a", "a"]


def test_selection_without_candidates() -> None:
    found = select_samples(table_of([]), SelectTerms(), AllAgree([]))
    assert (chosen_of([], found), found.refusals) == ([], [])
