"""Splits divide no contributor, shoot or cluster; the answer key is made apart, by sets."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.selection.near import JudgedPair
from pipelines.selection.splits import divide
from schemas.deal_terms import SplitTerms
from schemas.refused import owners_text

Asset = tuple[tuple[str, ...], int | None, int]

ASSETS = st.lists(
    st.tuples(
        st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=2, unique=True).map(tuple),
        st.one_of(st.none(), st.integers(1, 4)),
        st.integers(0, 60),
    ),
    min_size=1,
    max_size=40,
)
# Who is shown, by the asset's number; assets behind the last show nobody.
PEOPLE = st.lists(st.lists(st.sampled_from("PQRSTUVW"), max_size=2, unique=True), max_size=40)
PAIRS = st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=8)


def candidates_of(assets: list[Asset], people: list[list[str]] | None = None) -> pa.Table:
    """The columns of candidates that splits depend on; the last number stands for the file."""
    owners = [
        owners_text([{"contributor_id": who, "share_bp": 1} for who in few]) for few, _, _ in assets
    ]
    return pa.table(
        {
            "asset_id": [f"a-{at:02}" for at in range(len(assets))],
            "owners": owners,
            "people": pa.array(
                [*(people or []), *([[]] * len(assets))][: len(assets)], pa.list_(pa.string())
            ),
            "created_at": pa.array(
                [None if day is None else date(2024, 1, day) for _, day, _ in assets], pa.date32()
            ),
            "media_sha256": pa.array([bytes([file]) * 32 for _, _, file in assets], pa.binary(32)),
        }
    )


def together(
    assets: list[Asset], people: list[list[str]], pairs: list[tuple[int, int]], group: str
) -> set[frozenset[int]]:
    """Which assets must be in one split, by flooding from each along whatever they share."""
    undated = {who for few, day, _ in assets for who in few if day is None or group != "shoot"}
    shared: defaultdict[tuple[object, ...], set[int]] = defaultdict(set)
    for at, (few, day, file) in enumerate(assets):
        shared["file", file].add(at)
        for who in few:
            shared[("who", who) if who in undated else ("shoot", who, day)].add(at)
    for at, shown in enumerate(people[: len(assets)]):
        for person in shown:
            shared["person", person].add(at)
    for one, other in pairs:
        shared["pair", one, other] |= {one, other}
    parts = set()
    for at in range(len(assets)):
        found = {at}
        while more := {b for few in shared.values() if few & found for b in few} - found:
            found |= more
        parts.add(frozenset(found))
    return parts


@pytest.mark.parametrize("group", ["contributor", "shoot"])
@given(assets=ASSETS, people=PEOPLE, drawn=PAIRS, share=st.sampled_from([0, 500, 2_000, 5_000]))
def test_what_belongs_together_is_in_one_split(
    group: str,
    assets: list[Asset],
    people: list[list[str]],
    drawn: list[tuple[int, int]],
    share: int,
) -> None:
    pairs = [(a, b) for a, b in drawn if a < b < len(assets)]
    terms = SplitTerms(validation_bp=share, groups="publish", together=group)  # type: ignore[arg-type]
    judged = [JudgedPair(a, b) for a, b in pairs]
    chosen = np.arange(len(assets), dtype=np.intp)
    made = divide(candidates_of(assets, people), chosen, judged, terms, b"salt").to_pylist()
    parts = together(assets, people, pairs, group)
    for part in parts:
        assert len({made[at]["split"] for at in part}) == 1
        if len(part) * 10_000 > len(assets) * share:
            assert made[min(part)]["split"] == "train"
    assert any(row["split"] == "train" for row in made)
    for name in ("group", "cluster"):  # neither is wider than what belongs together
        for value in {row[name] for row in made}:
            own = {at for at, row in enumerate(made) if row[name] == value}
            assert any(own <= part for part in parts)
    files = [file for _, _, file in assets]
    for one, row in enumerate(made):
        for other in range(one):
            if files[one] == files[other] or (other, one) in pairs:
                assert row["cluster"] == made[other]["cluster"]
            if set(assets[one][0]) & set(assets[other][0]) and group == "contributor":
                assert row["group"] == made[other]["group"]


def test_about_the_share_is_for_validation_and_unknown_stays_unknown() -> None:
    assets: list[Asset] = [((f"c{at}",), None, at % 200) for at in range(2_000)]
    files = candidates_of(assets)
    ids = pa.array([at.to_bytes(32, "big") for at in range(2_000)], pa.binary(32))
    files = files.set_column(4, "media_sha256", ids)
    chosen = np.arange(2_000, dtype=np.intp)
    terms = SplitTerms(validation_bp=1_000)
    made = divide(files, chosen, None, terms, b"salt")
    assert made["group"].null_count == made["cluster"].null_count == 2_000
    assert 150 < made["split"].to_pylist().count("validation") < 250
    again = divide(files, chosen[::-1], None, terms, b"salt")["split"].to_pylist()[::-1]
    assert again == made["split"].to_pylist()  # in whatever order
    assert divide(files, chosen, None, terms, b"other")["split"] != made["split"]
    assert set(divide(files, chosen, None, SplitTerms(), b"s")["split"].to_pylist()) == {"train"}
