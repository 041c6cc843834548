"""Choices of assets that cover a catalogue."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.quote.candidates import Candidates
from pipelines.quote.cover import choose_by_labels, choose_cover
from pipelines.quote.spending import Limits
from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import SmallLibrary, in_process

LABELS = 6


def plain_greedy(of_asset: list[list[int]], weights: list[int], count: int) -> list[int]:
    """The obvious way: every gain computed again for every asset that is taken."""
    chosen: list[int] = []
    while len(chosen) < min(count, len(of_asset)):
        reached = {label for at in chosen for label in of_asset[at]}
        gains = {
            at: sum(weights[label] for label in own if label not in reached)
            for at, own in enumerate(of_asset)
            if at not in chosen
        }
        chosen.append(max(gains, key=lambda at: (gains[at], -at)))
    return chosen


@given(
    st.lists(st.sets(st.integers(0, LABELS - 1)).map(sorted), max_size=9),
    st.lists(st.integers(0, 9_000), min_size=LABELS, max_size=LABELS),
    st.integers(1, 10),
)
def test_lazy_evaluation_chooses_what_the_obvious_way_does(
    of_asset: list[list[int]], weights: list[int], count: int
) -> None:
    chosen = choose_by_labels(of_asset, weights, Limits(count), [0] * len(of_asset))
    assert chosen == plain_greedy(of_asset, weights, count)


def rows(first: int, last: int) -> pa.Table:
    """Assets of 40 contributors, of whom a few have most; every tenth has a rare keyword."""
    made = [
        {
            "asset_id": f"a-{n}",
            "contributors": [{"contributor_id": f"c-{n % 40 if n % 9 == 0 else 0}"}],
            "category": f"kind {n % 3}",
            "keywords": ["sky", f"rare {n // 20}"] if n % 10 == 0 else ["Sky"],
            "media_type": "image",
            "sha256": None,
        }
        for n in range(first, last)
    ]
    return pa.Table.from_pylist(made)


def test_parts_in_any_order_give_one_choice_that_covers_more_than_a_random_one() -> None:
    covers = []
    for cuts in ([0, 400], [0, 10, 250, 400], [250, 400, 0, 250]):
        whole = Candidates()
        for first, last in itertools.pairwise(cuts):
            if first < last:
                part = Candidates(300)
                part.add_rows(rows(first, last), np.ones(last - first, np.bool_), (0, first))
                whole.add(part)
        covers.append(choose_cover(whole, Limits(60)))
    one, *others = covers
    assert others == [one, one]
    assert (len(set(one.assets)), one.candidates) == (60, 300)
    assert one.share > one.random_share > one.first_share
    for reach in one.reach.values():
        assert reach.labels >= reach.chosen >= reach.random > 0


def library_of_labels(folder: Path) -> SmallLibrary:
    """Six pictures: of c-1 with the same labels, but for a-3; a-5 is withdrawn."""
    made = SmallLibrary(folder)
    made.add_contributor("c-2")
    for number in range(6):
        made.add(1, side=600, category="b" if number == 3 else "a", keywords=["x"])
    made.rows[2]["contributors"] = [{"contributor_id": "c-2", "share_bp": 10_000}]
    made.rows[5]["status"] = "withdrawn"
    made.write_catalogue()
    return made


def choose(library: SmallLibrary, *more: object) -> list[str]:
    folder = library.folder
    words = ("--catalogue", folder / "catalogue", "--deal", folder / "deal.toml", "--as-of", AS_OF)
    ended = in_process("quote", *words, "--json", *more)
    assert ended.code == 0, ended.err
    found: list[str] = ended.json["cover"]["assets"]
    return found


def test_what_is_chosen_and_listed(tmp_path: Path) -> None:
    library = library_of_labels(tmp_path)
    listed = tmp_path / "chosen.txt"
    chosen = choose(library, "--cover", 3, "--list", listed)
    assert len(chosen) == 3 and {"a-2", "a-3"} < set(chosen)
    assert listed.read_text() == "".join(f"{asset_id}\n" for asset_id in chosen)
    library.deal += f'\n[select]\nonly = "{listed}"\n'
    library.write_catalogue()
    assert choose(library, "--cover", 9) == chosen
    words = ("--catalogue", tmp_path / "catalogue", "--deal", tmp_path / "deal.toml")
    said = in_process("quote", *words, "--cover", 9).out
    assert "9 were asked for, but no more are cleared" in said
    assert max(map(len, said.splitlines())) <= 80


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--list", "x"), "Add --cover N"),
        (("--cover", "-1"), "from 1 to 100,000"),
        (("--cover", "100001"), "100,001"),
    ],
)
def test_choices_that_are_refused(more: tuple[str, ...], said: str, tmp_path: Path) -> None:
    library = SmallLibrary(tmp_path)
    library.add(1)
    library.write_catalogue()
    words = ("--catalogue", tmp_path / "catalogue", "--deal", tmp_path / "deal.toml")
    ended = in_process("quote", *words, *more)
    assert ended.code == 2 and said in ended.err


@pytest.mark.slow
def test_a_run_delivers_what_was_chosen(tmp_path: Path) -> None:
    library = library_of_labels(tmp_path)
    listed = tmp_path / "chosen.txt"
    chosen = choose(library, "--cover", 3, "--list", listed)
    library.deal += f'\n[select]\nonly = "{listed}"\n'
    packaged = library.package("--json")
    assert packaged.code == 0, packaged.err
    decided = pq.read_table(library.agency / "decisions").to_pylist()
    delivered = [row["asset_id"] for row in decided if row["outcome"] == "delivered"]
    assert sorted(delivered) == chosen
    library.deal = library.deal.replace("chosen.txt", "other.txt")
    (tmp_path / "other.txt").write_text("a-0\nunknown\n")
    packaged = library.package()
    assert packaged.code == 2 and "1 asset: 'unknown'" in packaged.err
