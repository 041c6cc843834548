"""Choosing assets by stored embeddings, and for a budget."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.features.store import FeatureTable
from pipelines.quote import looks
from pipelines.quote.cover import choose_by_labels
from pipelines.quote.looks import Whole, choose_by_looks, reach_of, to_whole
from pipelines.quote.spending import Limits
from pipelines.storage.open import open_store
from pipelines.storage.tables import write_table
from schemas.features import EMBEDDINGS_SCHEMA as SCHEMA
from schemas.features import EmbeddingRow
from schemas.media import MEDIA_SCHEMA, MediaRow
from tests.end_to_end.command import AS_OF, CommandResult
from tests.end_to_end.small_library import SmallLibrary, in_process

Cosines = npt.NDArray[np.int64]


def unit_vectors(count: int, dimensions: int, seed: int) -> Whole:
    made = np.random.default_rng(seed).standard_normal((count, dimensions), np.float32)
    return to_whole(made / np.linalg.norm(made, axis=1, keepdims=True))


def cosines_of(vectors: Whole) -> Cosines:
    """All cosines by whole numbers of 64 bits, in the steps in which choices are made."""
    whole = vectors.astype(np.int64)
    found: Cosines = np.maximum(whole @ whole.T, 0) // 1_024
    return found


def worth_of(cosines: Cosines, chosen: list[int]) -> int:
    return int(cosines[chosen].max(axis=0).sum()) if chosen else 0


def plain_greedy(cosines: Cosines, count: int) -> list[int]:
    """The obvious way: every gain computed again for every asset that is taken."""
    chosen: list[int] = []
    while len(chosen) < min(count, len(cosines)):
        gains = {
            at: worth_of(cosines, [*chosen, at]) for at in range(len(cosines)) if at not in chosen
        }
        chosen.append(max(gains, key=lambda at: (gains[at], -at)))
    return chosen


@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 13), st.integers(0, 99))
def test_lazy_evaluation_chooses_what_the_obvious_way_does(
    count: int, dimensions: int, wanted: int, seed: int
) -> None:
    vectors = unit_vectors(count, dimensions, seed)
    chosen = choose_by_looks(vectors, Limits(wanted), [0] * count)
    assert chosen == plain_greedy(cosines_of(vectors), wanted)


def test_buckets_are_halves_and_each_is_covered_by_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "BUCKET", 40)
    vectors = unit_vectors(150, 8, 1)
    buckets = list(looks._buckets(vectors))
    assert sorted(map(len, buckets)) == [37, 37, 38, 38]
    assert sorted(np.concatenate(buckets).tolist()) == list(range(150))
    apart = np.zeros((150, 150), np.bool_)
    for bucket in buckets:
        apart[np.ix_(bucket, bucket)] = True
    cosines = np.where(apart, cosines_of(vectors), 0)
    assert choose_by_looks(vectors, Limits(30), [0] * 150) == plain_greedy(cosines, 30)


def test_products_in_single_precision_are_exact() -> None:
    for vectors in (unit_vectors(50, 768, 2), to_whole(np.full((2, 1_024), 1 / 32, np.float32))):
        single = vectors.astype(np.float32)
        exact = vectors.astype(np.int64) @ vectors.astype(np.int64).T
        assert ((single @ single.T).astype(np.int64) == exact).all()


def test_many_clusters_are_reached_better_than_by_chance() -> None:
    dice = np.random.default_rng(3)
    # Half of the assets are of one kind, and the first ones of the catalogue as well.
    kinds = np.concatenate([np.zeros(1_500, np.int64), dice.integers(0, 40, 1_500)])
    made = dice.standard_normal((40, 32))[kinds] + 0.3 * dice.standard_normal((3_000, 32))
    vectors = to_whole((made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32))
    chosen = choose_by_looks(vectors, Limits(80), [0] * 3_000)
    drawn = sorted(dice.choice(3_000, 80, replace=False).tolist())
    reach = reach_of("m", vectors, chosen, drawn, list(range(80)))
    assert reach.chosen > reach.random > reach.first
    assert reach.far > reach.random_far > reach.first_far
    assert len({kinds[at] for at in chosen}) == 40 > len({kinds[at] for at in drawn})


_PRICES = {"image": 3, "video": 7}
_Media = st.lists(st.sampled_from(sorted(_PRICES)), min_size=1, max_size=7)


def affordable(costs: list[int], limits: Limits) -> list[list[int]]:
    every = (
        list(one)
        for size in range(min(limits.count, len(costs)) + 1)
        for one in itertools.combinations(range(len(costs)), size)
    )
    return [one for one in every if sum(costs[at] for at in one) <= (limits.budget_minor or 0)]


@given(_Media, st.integers(3, 30), st.integers(1, 8), st.integers(0, 99))
def test_a_budget_is_kept_and_well_spent(
    media: list[str], budget: int, count: int, seed: int
) -> None:
    limits = Limits(count, budget, _PRICES)
    costs = limits.costs(media)
    dice = np.random.default_rng(seed)
    of_asset = [sorted(set(dice.integers(0, 6, 3).tolist())) for _ in media]
    weights = dice.integers(1, 50, 6).tolist()
    cosines = cosines_of(vectors := unit_vectors(len(media), 3, seed))

    def of_labels(chosen: list[int]) -> int:
        return sum(weights[one] for one in {one for at in chosen for one in of_asset[at]})

    def of_looks(chosen: list[int]) -> int:
        return worth_of(cosines, chosen)

    for value, chosen in (
        (of_labels, choose_by_labels(of_asset, weights, limits, costs)),
        (of_looks, choose_by_looks(vectors, limits, costs)),
    ):
        possible = affordable(costs, limits)
        assert sorted(chosen) in possible
        # Half of 1 - 1/e of the best choice (Leskovec and others 2007).
        assert value(chosen) >= 0.316 * max(map(value, possible))
        spent = sum(costs[at] for at in chosen)
        left = [cost for at, cost in enumerate(costs) if at not in chosen]
        assert len(chosen) == count or not left or min(left) > budget - spent


def quote(library: SmallLibrary, *more: object) -> CommandResult:
    folder = library.folder
    words = ("--catalogue", folder / "catalogue", "--deal", folder / "deal.toml", "--as-of", AS_OF)
    return in_process("quote", *words, *more)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--budget", "5000"), "price.pool of 10.00 is one sum for everything that is delivered"),
        (("--asset-price", "2.50", "--cover", 1), "Add --budget"),
        (("--asset-price", "2.50"), "--asset-price without --cover or --budget"),
        (("--budget", "2", "--asset-price", "2.50"), "does not pay for a single asset"),
        (("--budget", "5.001", "--asset-price", "2"), "--budget: USD has 2 decimals"),
        (("--budget", "5", "--asset-price", "0"), "--asset-price is zero"),
        (("--budget", "5", "--asset-price", "video=1"), "The deal takes: image"),
        (("--budget", "5", "--asset-price", "1", "--asset-price", "image=2"), "given twice"),
        (("--cover", 1, "--by", "embeddings"), "--by embeddings without --out"),
        (("--by", "embeddings"), "--by without --cover or --budget"),
    ],
)
def test_choices_that_are_refused(more: tuple[object, ...], said: str, tmp_path: Path) -> None:
    library = SmallLibrary(tmp_path)
    library.add(1)
    library.write_catalogue()
    ended = quote(library, *more)
    assert ended.code == 2 and said in " ".join(ended.err.split())


def test_what_a_budget_pays_for(tmp_path: Path) -> None:
    library = SmallLibrary(tmp_path)
    library.add(5, category="a")
    library.write_catalogue()
    more = ("--budget", "10", "--asset-price", "2.60", "--list", tmp_path / "list")
    ended = quote(library, *more)
    assert "they cost 7.80 of 10.00 USD:\n    3 pictures at 2.60\n" in ended.out
    assert 'price.pool is "10.00"; for these, "7.80"' in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    chosen = quote(library, *more, "--json").json["cover"]
    assert chosen["cost_minor"] == 780 and chosen["by_media"] == {"image": 3}
    assert (tmp_path / "list").read_text().split() == chosen["assets"]


def store_looks(library: SmallLibrary, model: str, digests: list[str]) -> None:
    """Stores embeddings as a run does: of one kind, but for the last."""
    table = FeatureTable(open_store(str(library.out)), "embeddings", model, SCHEMA, EmbeddingRow)
    last = len(digests) - 1
    vectors = [[0.6, 0.8, 0.0] if at < last else [0.0, 0.0, 1.0] for at in range(len(digests))]
    pairs = zip(digests, vectors, strict=True)
    table.save(0, 9, [{"media_sha256": one, "embedding": vector} for one, vector in pairs])


def test_embeddings_are_found_by_what_versions_read_and_the_catalogue_states(
    tmp_path: Path,
) -> None:
    library = SmallLibrary(tmp_path)
    library.add(7)
    # The file of a-3 is known by the catalogue alone; what it states of a-1 is out of date.
    library.rows[3]["sha256"] = "3" * 64
    library.rows[1]["sha256"] = "3" * 64
    library.rows[2]["status"] = "withdrawn"
    library.write_catalogue()
    store_looks(library, "few", [digit * 64 for digit in "16"])
    store_looks(library, "many", [digit * 64 for digit in "0123"])
    rows: list[MediaRow] = [
        {"asset_id": f"a-{n}", "media_uri": "", "media_sha256": n * 64, "sidecars_sha256": ""}
        for n in "0125"
    ]
    write_table(
        open_store(str(library.out)),
        "other/v0001/agency/media/media-00000.parquet",
        pa.Table.from_pylist(rows, schema=MEDIA_SCHEMA),
    )
    more = ("--by", "embeddings", "--out", library.out)
    said = quote(library, *more, "--cover", 9).out
    assert "9 were asked for, but no more are cleared and have an embedding" in said
    assert "chosen among 3 of 6 cleared assets, of those that have an embedding" in said
    assert "compared by stored embeddings of many" in said
    assert max(map(len, said.splitlines())) <= 80
    cover = quote(library, *more, "--cover", 2, "--json").json["cover"]
    assert "a-3" in cover["assets"] and {*cover["assets"]} < {"a-0", "a-1", "a-3"}
    assert cover["embeddings"]["chosen"] == 1 > cover["embeddings"]["first"]
    elsewhere = quote(library, "--cover", 2, "--by", "embeddings", "--out", tmp_path / "empty")
    assert elsewhere.code == 2 and "No cleared asset has a stored embedding" in elsewhere.err
    library.deal += '\n[rights]\ninference = "pack-without"\n'
    library.write_catalogue()
    assert "takes some without consent" in " ".join(quote(library, *more, "--cover", 2).err.split())


@pytest.mark.slow
def test_a_run_delivers_what_was_chosen_by_embeddings(tmp_path: Path) -> None:
    library = SmallLibrary(tmp_path)
    library.add(6, side=600)
    library.rows[1]["status"] = "withdrawn"
    assert (ended := library.package()).code == 0, ended.err
    listed = tmp_path / "list"
    more = ("--cover", 2, "--by", "embeddings", "--out", library.out, "--list", listed)
    cover = quote(library, *more, "--json").json["cover"]
    assert cover["candidates"] == 5 and "a-1" not in cover["assets"]
    assert cover["embeddings"]["model"].startswith("fairshard-demo@")
    library.deal += f'\n[select]\nonly = "{listed}"\n'
    assert (ended := library.package()).code == 0, ended.err
    decided = pq.read_table(library.out / "small" / "v0002" / "agency" / "decisions").to_pylist()
    delivered = sorted(row["asset_id"] for row in decided if row["outcome"] == "delivered")
    assert delivered == cover["assets"] == listed.read_text().split()
