"""What a quote says is what screening, the answer key and a run afterwards say."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.demo.metadata_only import make_metadata_only
from pipelines.ledger.allocation import Allocator
from pipelines.quote import scan
from pipelines.quote.money import Keys, divide_price, spread_of, top_of
from pipelines.quote.tally import PersonTally, Sizes, Tally
from schemas.price_terms import PriceTerms
from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import SmallLibrary, in_process, make_library_of_two

ASSETS = 3_000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quoted") / "demo"
    make_metadata_only(folder, seed=5, assets=ASSETS)
    return folder


def quote(catalogue: Path, *deals: Path, more: tuple[object, ...] = ()) -> list[Any]:
    named = [word for deal in deals for word in ("--deal", deal)]
    words = ("--catalogue", catalogue, *named, "--as-of", AS_OF, "--workers", 1, "--json", *more)
    ended = in_process("quote", *words)
    assert ended.code == 0, ended.err
    found: list[Any] = ended.json["quotes"]
    return found


NAMES = {"deal.toml": "main", "deal-images.toml": "images", "deal-strict.toml": "strict"}


def test_several_deals_against_the_answer_key(demo: Path) -> None:
    quotes = quote(demo / "catalogue", *(demo / name for name in NAMES))
    for found, name in zip(quotes, NAMES.values(), strict=True):
        wanted: Any = pq.read_table(demo / "answer_key.parquet")[f"reasons_{name}"].to_pylist()
        counts: dict[str, int] = {}
        alone: dict[str, int] = {}
        for reasons in wanted:
            for code in reasons:
                counts[code] = counts.get(code, 0) + 1
            if len(reasons) == 1:
                alone[reasons[0]] = alone.get(reasons[0], 0) + 1
        assert {line["reason"]: line["assets"] for line in found["reasons"]} == counts
        assert {x["reason"]: x["alone"] for x in found["reasons"] if x["alone"]} == alone
        assert found["cleared"]["assets"] == wanted.count([]) and found["assets"] == ASSETS
        by_asset: dict[Any, Any] = dict(
            zip(
                pq.read_table(demo / "answer_key.parquet")["asset_id"].to_pylist(),
                wanted,
                strict=True,
            )
        )
        for line in found["reasons"]:
            assert line["reason"] in by_asset[line["example"]]
        for lines in found["by"].values():
            for line in lines:
                assert sum(line["alone"].values()) <= line["refused"]
        media = found["by"]["media_type"]
        assert sum(x["cleared"] for x in media) == found["cleared"]["assets"]
        assert sum(x["refused"] for x in media) == found["refused"]


def test_consents_of_later_about_one_asset_reach_it(tmp_path: Path) -> None:
    """They have no effect yet, so that no index has them; the catalogue's checks want them met."""
    make_metadata_only(tmp_path / "demo", seed=5, assets=600)
    [found] = quote(tmp_path / "demo" / "catalogue", tmp_path / "demo" / "deal.toml")
    wanted: Any = pq.read_table(tmp_path / "demo" / "answer_key.parquet")["reasons_main"]
    assert found["cleared"]["assets"] == wanted.to_pylist().count([])


@pytest.mark.parametrize(
    ("key", "value"),
    [("sensitive", "accept"), ("ai_generated", "label"), ("minors", "guardian-release")],
)
def test_what_a_relaxed_key_adds(key: str, value: str, demo: Path, tmp_path: Path) -> None:
    deal = tmp_path / "deal.toml"
    text = (demo / "deal.toml").read_text()
    rights = f'{key} = "{value}"\n'
    relaxed = re.sub(rf"(?m)^{key} = .*\n", "", text)
    relaxed = (
        relaxed.replace("[rights]\n", f"[rights]\n{rights}")
        if "[rights]\n" in relaxed
        else f"{relaxed}\n[rights]\n{rights}"
    )
    deal.write_text(relaxed)
    before, after = quote(demo / "catalogue", demo / "deal.toml", deal)
    [line] = [one for one in before["keys"] if one["key"] == f"rights.{key}"]
    added = after["cleared"]["assets"] - before["cleared"]["assets"]
    assert line["would_add"]["assets"] == added > 0


def test_processes_agree(demo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    for path in (demo / "catalogue").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    whole = pq.read_table(folder / "assets.parquet")
    (folder / "assets.parquet").unlink()
    (folder / "assets").mkdir()
    for at in range(3):
        pq.write_table(whole.slice(at * 1_000, 1_000), folder / "assets" / f"{at}.parquet")
    [one] = quote(folder, demo / "deal.toml")
    monkeypatch.setattr(scan, "_FEW_ROWS", 0)
    [several] = quote(folder, demo / "deal.toml", more=("--workers", 2))
    [whole_quote] = quote(demo / "catalogue", demo / "deal.toml")
    assert one == several == whole_quote


def test_a_quote_for_people(demo: Path) -> None:
    words = ("--catalogue", demo / "catalogue", "--deal", demo / "deal.toml", "--as-of", AS_OF)
    said = in_process("quote", *words, "--top", 3).out
    for line in said.splitlines():
        assert len(line) <= 80, line
    note = said[said.index("No media were read") :].splitlines()
    assert len(note) > 2 and all(line == line.rstrip() for line in note)
    for words_said in ("Quote for deal demo-main", "alone", "What the deal could relax", "median"):
        assert words_said in said


ONE = {"currency": "USD", "pool": "1000.01"}
PRICES: list[dict[str, Any]] = [
    {},
    {"allocation": "weighted", "agency_share": "0.35"},
    {"allocation": "two_factor", "two_factor": {"proportional": "0.3"}},
    {"minimum": "20.00", "cap": "0.4", "deductions": [{"name": "fee", "share": "0.1"}]},
    {
        "allocation": "weighted",
        "levels": [{"name": "gold", "contributors": ["c-1"]}, {"name": "rare", "assets": ["A-3"]}],
        "agency_classes": [
            {"agency_share": "0.1", "level": "gold"},
            {"agency_share": "0.25", "level": "rare"},
            {"agency_share": "0.5", "level": "other"},
        ],
    },
]


def tally_of(rows: list[dict[str, Any]], people: list[str], odd: frozenset[str]) -> Tally:
    """What screening would count of cleared rows, row by row."""
    tally = Tally()
    tally.masks[0] = Sizes(len(rows))
    sums: dict[int, list[int]] = {}
    for row in rows:
        weight = row["weight"]
        parts = tally.weights
        tally.weights = (
            parts[0] + weight,
            int(np.gcd(parts[1], weight)),
            min(parts[2] or weight, weight),
            max(parts[3], weight),
        )
        for who, share in zip(row["contributor_ids"], row["shares_bp"], strict=True):
            place = 2 * people.index(who) + (row["media_type"] == "video")
            if row["asset_id"] in odd:
                tally.odd_lines.append((row["asset_id"], who, row["media_type"], share, weight))
                continue
            own = sums.setdefault(place, [0, 0, 0])
            own[0] += 1
            own[1] += share
            own[2] += share * weight
    none = np.zeros(0, np.int64)
    columns = np.array([sums[place] for place in sums]).reshape(-1, 3).T
    places = np.array(list(sums))
    tally.people.append(
        PersonTally(places, columns[0], columns[0] * 0, columns[1], columns[2], none, none)
    )
    return tally


@pytest.mark.parametrize("terms", PRICES, ids=str)
@pytest.mark.parametrize("own", ["", "0.2"])
def test_money_is_what_the_ledger_allocates(terms: dict[str, Any], own: str) -> None:
    price = PriceTerms.model_validate(ONE | terms)
    dice = np.random.default_rng(3)
    people = [f"c-{n}" for n in range(1, 6)]
    rows = []
    for number in range(30):
        two = [str(name) for name in dice.choice(people, 2, replace=False)]
        two = ["c-2", "c-3"] if number == 3 else two  # of whom none is in another level
        share = int(dice.integers(1, 9_999))
        single = number % 3 == 0
        rows.append(
            {
                "asset_id": f"A-{number}",
                "media_type": "video" if number % 4 == 0 else "image",
                "contributor_ids": two[:1] if single else two,
                "shares_bp": [10_000] if single else [share, 10_000 - share],
                "weight": int(dice.integers(1, 40)) * 6,
                "samples": 1,
                "key": f"k-{number:03}",
                "media_sha256": "0" * 64,
                "decision_sha256": "0" * 64,
            }
        )
    contributors = pa.table(
        {
            "contributor_id": people,
            **{
                n: pa.nulls(5, pa.string())
                for n in ("display_name", "country", "currency", "payee_ref")
            },
            "agency_share": [own or None, *[None] * 4],
        }
    )
    shares = {"c-1": Fraction(own)} if own else {}
    allocator = Allocator(price, date(2026, 6, 30), shares)
    allocator.add(pa.Table.from_pylist(rows))
    carried = {"c-2": Fraction(1, 3), "c-4": Fraction(-1, 2)}
    _, pool = allocator.allocate(price.pool_minor, carried, b"salt")
    odd = frozenset(asset for level in price.levels for asset in level.assets)
    tally = tally_of(rows, people, odd)
    quoted = divide_price(
        price, date(2026, 6, 30), tally, contributors, Keys(b"salt", carried, known=True)
    )
    assert quoted.division.credits == pool.division.credits
    assert quoted.agency_minor == pool.agency_minor
    assert quoted.division.carried == pool.division.carried


@pytest.mark.long
def test_a_run_afterwards_says_the_same(tmp_path: Path) -> None:
    library = make_library_of_two(tmp_path / "library")
    library.rows[4]["status"] = "withdrawn"
    library.add(1, side=600)
    (library.folder / "catalogue" / "6.jpg").write_bytes(b"not a picture")
    library.add(1, media_uri="0.jpg")
    library.deal += '\n[limits]\ndead_letter_share = "0.5"\n'
    library.rows[5]["bytes"] = (library.folder / "catalogue" / "5.jpg").stat().st_size
    packaged = library.package("--json")
    assert packaged.code == 0, packaged.err
    [found] = quote(
        library.folder / "catalogue", library.folder / "deal.toml", more=("--out", library.out)
    )
    steps = packaged.json["steps"]
    assert steps["screen"]["passed"] == 7
    assert found["cleared"]["assets"] == steps["write"]["passed"] == 5
    assert found["files"] == {"version": "v0001", "same_terms": True, "excluded": 2}
    counts: dict[str, int] = {}
    for step in steps.values():
        counts |= step["refused_by_reason"] | step["dead_letters_by_reason"]
    assert {x["reason"]: x["assets"] for x in found["reasons"]} == counts
    money = found["money"]
    assert money["exact"]
    for name in ("agency_minor", "contributors_minor", "pool_minor"):
        assert money[name] == packaged.json[name]
    lines = pq.read_table(library.agency / "pool" / "pool_lines-00000.parquet").to_pylist()
    wanted = {line["contributor_id"]: line["credit_minor"] for line in lines}
    assert {item["contributor"]: item["minor"] for item in money["top"]} == wanted
    assert found["cleared"]["bytes"] == library.rows[5]["bytes"]
    named = ("--asset", library.rows[5]["asset_id"], "--effective", AS_OF, "--as-of", AS_OF)
    removed = in_process("revoke", "--out", library.out, *named, "--reason", "takedown")
    assert removed.code == 0, removed.err
    [found] = quote(
        library.folder / "catalogue", library.folder / "deal.toml", more=("--out", library.out)
    )
    assert found["files"] == {"version": "v0001", "same_terms": True, "excluded": 2}
    assert found["cleared"]["assets"] == 4


def test_what_would_stop_a_run_stops_a_quote(tmp_path: Path) -> None:
    library = SmallLibrary(tmp_path)
    library.add(2)
    library.rows[1]["contributors"] = [{"contributor_id": "c-1", "share_bp": 1}]
    library.write_catalogue()
    words = ("--catalogue", tmp_path / "catalogue", "--deal", tmp_path / "deal.toml")
    for command in ("quote", "check"):
        ended = in_process(command, *words)
        assert ended.code == 2 and "splits_sum: 1 of 2 rows" in ended.err


def test_nothing_cleared_is_no_success(tmp_path: Path) -> None:
    library = SmallLibrary(tmp_path)
    library.add(2, status="withdrawn")
    library.write_catalogue()
    words = ("--catalogue", tmp_path / "catalogue", "--deal", tmp_path / "deal.toml")
    ended = in_process("quote", *words, "--json")
    assert ended.code == 1
    assert "nothing would be delivered" in ended.json["quotes"][0]["money"]["error"]


def test_spread() -> None:
    credits = {f"c-{n:02}": n for n in range(1, 21)}
    found = spread_of(credits)
    assert (found.people, found.least, found.median, found.most) == (20, 1, 10, 20)
    assert (found.mean, found.top_tenth_share) == (10, round(39 / 210, 4))
    assert top_of({"b": 1, "a": 1, "c": 5}, 2) == [("c", 5), ("a", 1)]


def test_assets_without_a_name_are_not_counted_as_cleared(tmp_path: Path) -> None:
    """`package` says the same of such assets: tests/end_to_end/test_rights_files.py."""
    library = SmallLibrary(tmp_path)
    library.add(1)
    library.add(1, licence_code="CC-BY-4.0", credit="Ann B.")
    library.add(1, licence_code="CC-BY-4.0")
    library.write_catalogue()
    [found] = quote(tmp_path / "catalogue", tmp_path / "deal.toml")
    assert found["cleared"]["assets"] == 2
    [line] = found["reasons"]
    assert (line["reason"], line["alone"], line["example"]) == ("licence.attribution", 1, "a-2")
    [key] = [one for one in found["keys"] if one["key"] == "rights.missing_credit"]
    assert key["would_add"]["assets"] == 1
