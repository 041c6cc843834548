"""Near-duplicates are confirmed: copies are found, and nobody is dropped for a likeness."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pipelines.media.looks import look_of
from pipelines.selection.near import LEAST_COSINE, JudgedPair, Vectors, choose_kept
from pipelines.selection.select import Selection, select_samples
from pipelines.selection.semantic import semantic_pairs
from pipelines.steps.likeness import likeness_record, likeness_rows
from schemas.deal_terms import SelectTerms
from tests.bench.likeness import quality_of
from tests.bench.likeness_library import Asset, LibraryEvidence, candidates_table, make_library
from tests.bench.likeness_pictures import CHANGES, KINDS, film_frames, icon, scene
from tests.selection.candidates import COLOURS, AllAgree, Candidate, candidate, look, table_of

ANY_SIZE = SelectTerms(min_short_side=1)
BLACK = Image.new("RGB", (320, 240))


def select(*films: Sequence[Image.Image], terms: SelectTerms = ANY_SIZE) -> dict[str, str]:
    """Selects among pictures and films; returns the refused ones' reasons by number."""
    assets = [
        Asset(at, "", "", tuple(look_of(frame) for frame in frames))
        for at, frames in enumerate(films)
    ]
    found = select_samples(candidates_table(assets), terms, LibraryEvidence(assets))
    return {str(int(row.asset_id)): row.reasons[0] for row in found.refusals}


def test_a_small_library_is_judged_as_its_key_says() -> None:
    found = quality_of(make_library(260, 1))
    assert not found.wrong
    assert found.recall >= 0.95
    assert set(found.blank) == {"transparent"}


@pytest.mark.slow
def test_a_library_is_judged_as_its_key_says() -> None:
    found = quality_of(make_library(4_000, 2))
    assert found.precision >= 0.999
    assert found.recall >= 0.98


@pytest.mark.parametrize("kind", KINDS)
def test_different_works_of_one_kind_are_all_kept(kind: str) -> None:
    works = [[KINDS[kind](random.Random(f"works {kind} {number}"))] for number in range(25)]
    assert select(*works) == {}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_dropped(change: str) -> None:
    dice = random.Random(change)
    work = scene(dice)
    assert select([work], [CHANGES[change](work, dice)]) == {"1": "duplicate.near"}


def test_films_with_a_black_frame_in_the_middle_are_different_films() -> None:
    films = [film_frames(random.Random(number)) for number in range(3)]
    assert select(*films) == {}
    again = [CHANGES["saved again"](frame, random.Random(9)) for frame in films[1]]
    marked = [CHANGES["marked"](frame, random.Random(9)) for frame in films[2]]
    assert select(*films, again, marked) == {"3": "duplicate.near", "4": "duplicate.near"}


def test_films_with_one_frame_in_common_are_different_films() -> None:
    title, *others = (scene(random.Random(number)) for number in range(5))
    assert select([title, others[0], others[1]], [title, others[0], others[2]]) == {}
    assert select([title, BLACK, BLACK], [title, BLACK, others[0]]) == {}


def test_a_still_is_no_copy_of_its_film() -> None:
    frame = scene(random.Random(1))
    assert select([frame], [frame, frame, frame]) == {}


def test_blank_pictures_have_a_reason_of_their_own() -> None:
    white = Image.new("RGB", (320, 240), "white")
    grain = np.random.default_rng(1).normal(6, 1.5, (240, 320, 3)).clip(0, 255).astype(np.uint8)
    blank = [[white], [white], [Image.fromarray(grain)], [BLACK, BLACK, BLACK]]
    shown = [icon(random.Random(2))]
    assert select(*blank, shown) == dict.fromkeys("0123", "select.blank")
    accepted = ANY_SIZE.model_copy(update={"blank": "accept"})
    assert select(*blank, shown, terms=accepted) == {}


def named(*pairs: tuple[str, str]) -> SelectTerms:
    return SelectTerms(keep_both=[list(pair) for pair in pairs])


def same(names: str, **more: object) -> list[Candidate]:
    own = look(1, bytes(COLOURS))
    return [replace(candidate(name, own), **more) for name in names]  # type: ignore[arg-type]


def select_alike(items: Sequence[Candidate], terms: SelectTerms) -> tuple[Selection, list[str]]:
    found = select_samples(table_of(items), terms, AllAgree(items))
    return found, [row.asset_id for row in found.refusals]


def test_the_deal_keeps_both_of_a_pair_that_it_names() -> None:
    items = same("abc")
    assert select_alike(items, named())[1] == ["b", "c"]
    assert select_alike(items, named(("b", "a")))[1] == ["c"]
    assert select_alike(items, named(("a", "b"), ("c", "a")))[1] == ["c"]  # like b
    assert select_alike(items, named(("a", "b"), ("a", "c"), ("b", "c")))[1] == []


def test_a_pair_that_is_not_alike_is_reported() -> None:
    items = [*same("ab"), candidate("z", look(2**200 - 1, bytes([200] * COLOURS)))]
    terms = named(("a", "b"), ("a", "z"), ("a", "unknown"))
    found, _ = select_alike(items, terms)
    assert likeness_record(table_of(items), found.pairs, terms.keep_both) == {
        "pairs": 1,
        "possible_copies": 0,
        "keep_both_used": [["a", "b"]],
        "keep_both_without_effect": [["a", "z"], ["a", "unknown"]],
    }


def test_pairs_say_by_what_they_were_judged_and_whose_they_are() -> None:
    items = [*same("a"), *same("b", owners=("c-2",)), *same("c")]
    found, _ = select_alike(items, named(("a", "c")))
    rows = likeness_rows(table_of(items), found.pairs)
    assert rows[0] == {
        "asset_id": "a",
        "other_asset_id": "b",
        "outcome": "duplicate.near",
        "possible_copy": True,
        "contributors": ["c-1"],
        "other_contributors": ["c-2"],
        "hash_bits": 0,
        "agreement_milli": 1000,
        "difference": 0,
        "cosine_milli": None,
    }
    assert [(row["outcome"], row["possible_copy"]) for row in rows[1:]] == [
        ("select.keep_both", False),
        ("duplicate.near", True),
    ]


def unit(cosine: float) -> tuple[float, ...]:
    return (cosine, float(np.sqrt(1 - cosine**2)))


def test_embeddings_that_are_far_apart_keep_both() -> None:
    for cosine, dropped in ((LEAST_COSINE / 1000 - 0.01, []), (LEAST_COSINE / 1000 + 0.01, ["b"])):
        items = [*same("a", embedding=unit(1)), *same("b", embedding=unit(cosine))]
        found, refused = select_alike(items, SelectTerms())
        assert refused == dropped
        assert [pair.cosine for pair in found.pairs] == [round(1000 * cosine)] * len(dropped)
    # Where no model may see an asset, its pixels decide alone.
    items = [*same("a", embedding=unit(1)), *same("b")]
    assert select_alike(items, SelectTerms())[1] == ["b"]


def embedded(dice: np.random.Generator, count: int, dimensions: int) -> Vectors:
    """Embeddings in one half of the space, as a model's are, and some near others."""
    made = dice.standard_normal((count, dimensions)) + 1.0
    for at in range(0, count - 1, 3):
        made[at + 1] = made[at] + dice.uniform(0.05, 0.7) * dice.standard_normal(dimensions)
    vectors: Vectors = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float16)
    return vectors


def test_semantic_pairs_are_those_that_a_comparison_of_all_finds() -> None:
    vectors = embedded(np.random.default_rng(3), 1_500, 64)
    items = [candidate(f"a{at:04d}") for at in range(len(vectors))]
    items = [
        replace(item, embedding=tuple(vector)) for item, vector in zip(items, vectors, strict=True)
    ]
    found = semantic_pairs(np.arange(len(items)), AllAgree(items), 0.95)
    cosines = vectors.astype(np.float32) @ vectors.astype(np.float32).T
    due = {(a, b) for a, b in zip(*np.nonzero(np.triu(cosines >= 0.95, 1)), strict=True)}
    assert {(pair.kept, pair.other) for pair in found} <= due
    assert len(found) >= 0.98 * len(due) > 100


def test_semantic_duplicates_are_dropped_where_the_deal_says_so() -> None:
    looks = [look(at * 2**250 // 9, bytes([60 * at] * COLOURS)) for at in range(3)]
    vectors = (unit(1), unit(0.97), unit(0.5))
    items = [
        replace(candidate(name, own), embedding=vector)
        for name, own, vector in zip("abc", looks, vectors, strict=True)
    ]
    assert select_alike(items, SelectTerms(dedupe="near"))[1] == []
    found, refused = select_alike(items, SelectTerms(dedupe="semantic"))
    assert refused == ["b"]
    [refusal] = found.refusals
    assert (refusal.reasons, refusal.detail) == (
        ("duplicate.semantic",),
        "kept: a; cosine 0.970",
    )
    stricter = SelectTerms.model_validate({"dedupe": "semantic", "semantic_cosine": "0.98"})
    assert select_alike(items, stricter)[1] == []
    kept = SelectTerms(dedupe="semantic", keep_both=[["a", "b"]])
    assert select_alike(items, kept)[1] == []
    without = [replace(item, embedding=()) for item in items]
    assert select_alike(without, SelectTerms(dedupe="semantic"))[1] == []


def test_pairs_that_are_not_certain_keep_both_and_are_reported_of_different_contributors() -> None:
    items = [*same("ab"), *same("c", owners=("c-2",))]
    table, ranked = table_of(items), np.arange(3)
    pairs = [
        JudgedPair(0, 1, bits=4, agreement=900, difference=9, is_certain=False),
        JudgedPair(0, 2, bits=4, agreement=900, difference=9, is_certain=False),
    ]
    found = choose_kept(ranked, pairs, ())
    assert found.originals == [None, None, None]
    [row] = likeness_rows(table, found.pairs)
    assert (row["asset_id"], row["other_asset_id"]) == ("a", "c")
    assert (row["outcome"], row["possible_copy"]) == ("uncertain", True)


def test_of_several_kept_ones_the_closest_is_named() -> None:
    far = JudgedPair(0, 2, bits=4, agreement=900, difference=9)
    close = JudgedPair(1, 2, bits=4, agreement=950, difference=9)
    assert choose_kept(np.arange(3), [far, close], ()).originals == [None, None, close]
    equal = JudgedPair(1, 2, bits=4, agreement=900, difference=9)
    assert choose_kept(np.arange(3), [far, equal], ()).originals == [None, None, far]
