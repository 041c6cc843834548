"""A no travels with the bytes: copies of refused files, contested files, and what lifts which."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.media.phash import PerceptualSignature
from pipelines.selection.select import select_samples
from schemas.deal_terms import Ruling, SelectTerms
from schemas.refused import REFUSED_FILES_SCHEMA, owners_text
from tests.media.near import is_near
from tests.selection.candidates import (
    COLOURS,
    AllAgree,
    Candidate,
    candidate,
    digest_of,
    look,
    table_of,
)

pytestmark = pytest.mark.long

NEAR, EXACT, NONE = (SelectTerms(dedupe=kind) for kind in ("near", "exact", "none"))


@dataclass(frozen=True)
class Refused:
    """A refused asset's file, as people would think of it."""

    asset_id: str
    media: str = ""  # "": it was not read
    listed: str = ""
    place: int = 0
    owners: tuple[str, ...] = ("c-2",)
    lasting: bool = False
    look: PerceptualSignature | None = None
    elsewhere: PerceptualSignature | None = None  # see Candidate
    old: bool = False  # whether only the middle frame's look was kept

    @property
    def files(self) -> set[str]:
        return {name for name in (self.media, self.listed) if name}


def _look(item: Refused) -> str:
    standing = item.elsewhere or item.look
    return standing.phash + standing.colour if standing and not item.old else ""


def refused_table(items: Sequence[Refused]) -> pa.Table:
    rows = [
        {
            "asset_id": item.asset_id,
            "reasons": "asset.legal_hold" if item.lasting else "consent.denied",
            "lasting": item.lasting,
            "owners": owners_text([{"contributor_id": n, "share_bp": 1} for n in item.owners]),
            "place": item.place,
            "listed_sha256": digest_of(item.listed).hex() if item.listed else "",
            "media_sha256": digest_of(item.media).hex() if item.media else "",
            "phash": item.look.phash if item.look else "",
            "colour": item.look.colour if item.look else "",
            "look": _look(item),
        }
        for item in sorted(items, key=lambda item: item.asset_id)
    ]
    return pa.Table.from_pylist(rows, schema=REFUSED_FILES_SCHEMA)


def reasons(
    items: Sequence[Candidate],
    refused: Sequence[Refused] = (),
    rulings: Sequence[Ruling] = (),
    terms: SelectTerms = EXACT,
) -> dict[str, str]:
    found = select_samples(table_of(items), terms, AllAgree(items), refused_table(refused), rulings)
    assert len(found.chosen) + len(found.refusals) == len(items)
    return {row.asset_id: row.reasons[0] for row in found.refusals}


LOOKS = [look(n * (2**250 // 7), bytes([n * 30] * COLOURS)) for n in range(6)]
# Near to the look of the same number: 40 bits differ.
ALIKE = [look(int(own.phash, 16) ^ (2**40 - 1), bytes.fromhex(own.colour)) for own in LOOKS]


def test_the_looks_of_these_tests_are_what_they_should_be() -> None:
    for at, own in enumerate(LOOKS):
        assert is_near(own, ALIKE[at])
        others = [other for to, other in enumerate((*LOOKS, *ALIKE)) if to % len(LOOKS) != at]
        assert not any(is_near(own, other) for other in others)


@pytest.mark.parametrize("terms", [NEAR, EXACT, NONE])
@pytest.mark.parametrize(
    "other",
    [
        Refused("z", media="a"),
        Refused("z", listed="a"),
        Refused("z", place=7),
        Refused("z", media="another", listed="a", place=7),
    ],
)
def test_a_copy_of_a_refused_file_is_refused(other: Refused, terms: SelectTerms) -> None:
    own = replace(candidate("a", LOOKS[1], media="a"), place=7)
    assert reasons([own, candidate("b", LOOKS[2])], [other], terms=terms) == {
        "a": "duplicate.of_refused"
    }
    found = select_samples(table_of([own]), terms, AllAgree([own]), refused_table([other]))
    assert found.refusals[0].detail == "the file of z, refused: consent.denied"


def test_a_look_counts_only_where_looks_are_compared() -> None:
    items = [candidate("a", ALIKE[1]), candidate("b", LOOKS[2])]
    held = [Refused("z", media="other", look=LOOKS[1])]
    assert reasons(items, held, terms=NEAR) == {"a": "duplicate.like_refused"}
    assert reasons(items, held, terms=EXACT) == {}


def test_films_with_a_black_middle_are_like_a_refused_one_only_if_another_frame_is() -> None:
    black = look(0, bytes(COLOURS))
    films = [
        replace(candidate("a", black), elsewhere=ALIKE[1]),
        replace(candidate("b", black), elsewhere=LOOKS[2]),
        candidate("c", black),  # all of it is black
    ]
    held = Refused("z", media="other", look=black, elsewhere=LOOKS[1])
    assert reasons(films, [held], terms=NEAR) == dict.fromkeys("ac", "duplicate.like_refused")
    # Of a file that was removed by an earlier release, no other frame is known.
    assert reasons(films, [replace(held, old=True)], terms=NEAR) == dict.fromkeys(
        "abc", "duplicate.like_refused"
    )


def test_the_look_of_a_copy_counts_where_the_refused_file_was_not_read() -> None:
    items = [candidate("a", LOOKS[1], media="x"), candidate("b", ALIKE[1], media="y")]
    assert reasons(items, [Refused("z", listed="x")], terms=NEAR) == {
        "a": "duplicate.of_refused",
        "b": "duplicate.like_refused",
    }


def claimed(names: Sequence[str], media: str = "x") -> list[Candidate]:
    return [
        replace(candidate(name, LOOKS[1], media=media), owners=(f"c-{name}",)) for name in names
    ]


@pytest.mark.parametrize("terms", [NEAR, EXACT, NONE])
def test_what_two_offer_is_contested_and_what_three_offer_is_a_placeholder(
    terms: SelectTerms,
) -> None:
    other = candidate("z", LOOKS[2])
    assert reasons([*claimed("ab"), other], terms=terms) == dict.fromkeys(
        "ab", "duplicate.contested"
    )
    assert reasons([*claimed("abc"), other], terms=terms) == dict.fromkeys(
        "abc", "duplicate.placeholder"
    )


def test_one_contributor_may_have_a_file_twice() -> None:
    twice = [candidate("a", media="x"), candidate("b", media="x")]
    assert reasons(twice) == {"b": "duplicate.exact"}
    shared = [replace(item, owners=("c-1", "c-2")) for item in twice]
    assert reasons(shared) == {"b": "duplicate.exact"}
    assert reasons([shared[0], twice[1]]) == dict.fromkeys("ab", "duplicate.contested")


def test_what_looks_like_a_contested_file_is_refused_too() -> None:
    """Else whoever claims a file could get paid for it with a changed pixel."""
    items = [*claimed("ab"), replace(candidate("c", ALIKE[1]), owners=("c-b",))]
    assert reasons(items, terms=NEAR)["c"] == "duplicate.like_refused"


def ruling(owner: str, *, media: str = "", assets: str = "") -> Ruling:
    files = [digest_of(media).hex()] if media else list(assets)
    return Ruling(ref="R-1", owner=owner, files=files)


@pytest.mark.parametrize("terms", [NEAR, EXACT, NONE])
@pytest.mark.parametrize(
    "ruled", [ruling("c-b", media="x"), ruling("c-b", assets="ab"), ruling("c-b", assets="abc")]
)
def test_a_ruling_settles_whose_a_file_is(ruled: Ruling, terms: SelectTerms) -> None:
    items = claimed("ab")
    assert reasons(items, rulings=[ruled], terms=terms) == {"a": "duplicate.contested"}
    found = select_samples(table_of(items), terms, AllAgree(items), None, [ruled])
    assert found.rulings_used == {"R-1"}


def test_a_ruling_by_ids_says_nothing_of_a_later_claim() -> None:
    ruled = ruling("c-b", assets="ab")
    assert set(reasons(claimed("abc"), rulings=[ruled])) == set("abc")
    nobody = [ruling("c-z", media="x"), ruling("c-b", media="other")]
    assert set(reasons(claimed("ab"), rulings=[nobody[0]])) == set("ab")
    assert set(reasons(claimed("ab"), rulings=[nobody[1]])) == set("ab")
    items = claimed("ab")
    found = select_samples(table_of(items), EXACT, AllAgree(items), None, [nobody[1]])
    assert found.rulings_used == set()


def test_a_ruling_lifts_what_others_refuse_but_no_hold_and_no_no_of_the_owner() -> None:
    [own] = claimed("b")
    ruled = [ruling("c-b", media="x")]
    of_other = Refused("z", media="x", owners=("c-z",), look=LOOKS[1])
    for terms in (EXACT, NEAR):
        assert reasons([own], [of_other], terms=terms) == {"b": "duplicate.of_refused"}
        assert reasons([own], [of_other], ruled, terms) == {}
        for kept in (replace(of_other, lasting=True), replace(of_other, owners=("c-b", "c-z"))):
            assert reasons([own], [kept], ruled, terms) == {"b": "duplicate.of_refused"}


def expected(
    items: Sequence[Candidate], refused: Sequence[Refused], compares_looks: bool
) -> dict[str, str]:
    """What must come of it without rulings, slow and obvious."""
    media = {item.asset_id: item.media or item.asset_id for item in items}
    found: dict[str, str] = {}
    for item in items:
        offers = {other.owners for other in items if media[other.asset_id] == media[item.asset_id]}
        if any(media[item.asset_id] in no.files or item.place == no.place for no in refused):
            found[item.asset_id] = "duplicate.of_refused"
        elif len(offers) > 1:
            many = len(offers) > 2
            found[item.asset_id] = f"duplicate.{'placeholder' if many else 'contested'}"
    if compares_looks:
        looks = [no.look for no in refused if no.look] + [
            item.look for item in items if item.asset_id in found
        ]
        for item in items:
            if any(is_near(item.look, other) for other in looks):
                found.setdefault(item.asset_id, "duplicate.like_refused")
    return found


def world(dice: random.Random) -> tuple[list[Candidate], list[Refused]]:
    """Candidates and refused files that have places, bytes and looks in common, or not."""
    files = [(f"f{n}", dice.choice(LOOKS + ALIKE)) for n in range(14)]
    items = []
    for number in range(dice.randrange(1, 24)):
        name, own = dice.choice(files)
        if dice.random() < 0.5:
            name, own = f"own{number}", dice.choice(LOOKS + ALIKE)
        owners = tuple(sorted(dice.sample(["c-1", "c-2", "c-3"], dice.choice([1, 1, 2]))))
        made = candidate(f"a{number}", own, media=name)
        items.append(replace(made, owners=owners, place=dice.randrange(1, 200)))
    refused = []
    for number in range(dice.randrange(0, 5)):
        name, own = dice.choice(files)
        read = dice.random() < 0.7
        refused.append(
            Refused(
                f"z{number}",
                media=name if read else "",
                listed=dice.choice(files)[0] if dice.random() < 0.3 else "",
                place=dice.randrange(1, 200),
                look=own if read and dice.random() < 0.8 else None,
            )
        )
    return items, refused


def check(seed: int) -> None:
    dice = random.Random(seed)
    items, refused = world(dice)
    terms = SelectTerms(dedupe=dice.choice(["none", "exact", "near"]), min_short_side=1)
    due = expected(items, refused, terms.dedupe == "near")
    found = reasons(items, refused, terms=terms)
    rights = {
        name: code
        for name, code in found.items()
        if code not in ("duplicate.exact", "duplicate.near")
    }
    assert rights == due
    mixed = dice.sample(items, len(items))
    assert reasons(mixed, dice.sample(refused, len(refused)), terms=terms) == found


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_no_copy_goes_out(seed: int) -> None:
    check(seed)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(st.integers(0, 2**32))
def test_no_copy_goes_out_of_many(seed: int) -> None:
    check(seed)


def test_many_candidates_and_refused_files() -> None:
    dice = np.random.default_rng(1)
    items = [candidate(f"a{n}", look(int(n) * 2**200, bytes(COLOURS))) for n in range(2_000)]
    held = dice.choice(2_000, 300, replace=False).tolist()
    found = reasons(items, [Refused(f"z{n}", media=f"a{n}") for n in held])
    assert found == {f"a{n}": "duplicate.of_refused" for n in held}
