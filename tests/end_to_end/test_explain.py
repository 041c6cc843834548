"""`fairshard explain`: what the pipeline decides on one asset, on one screen of printable lines."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipelines.cli import main
from pipelines.commands.common import parse_as_of
from pipelines.explain.asset import AssetTrace, explain_asset
from pipelines.explain.fitting import WIDTH
from pipelines.explain.inputs import DecisionInputs, open_decision_inputs, read_small
from pipelines.explain.published import look_up_run
from pipelines.explain.record import asset_trace_json, run_warnings
from pipelines.explain.text import asset_trace_lines
from schemas.deal import load_deal
from tests.end_to_end.command import AS_OF, DEALS, Demo, fairshard, tables

Early = tuple[str, str, tuple[str, ...], str]

EARLY = ("read", "screen", "enrich")
DOCS = Path(__file__).parents[2] / "docs" / "explain.md"
_SCREEN_LINES = 45
_DIGEST = re.compile(r"sha256 [0-9a-f]{12}…")


def inquiry(demo: Demo, deal_id: str, catalogue: Path | None = None) -> DecisionInputs:
    deal = load_deal(demo.deal(deal_id))
    return open_decision_inputs(str(catalogue or demo.catalogue), deal, parse_as_of(AS_OF))


def decided(demo: Demo, deal_id: str) -> dict[str, list[Early | None]]:
    """Returns what the run decided before selection, by asset; None for assets that reached it."""
    found: dict[str, list[Early | None]] = {}
    for row in tables(demo.agency(deal_id) / "decisions").to_pylist():
        answer = (row["outcome"], row["stage"], tuple(row["reasons"]), row["detail"])
        found.setdefault(row["asset_id"], []).append(answer if row["stage"] in EARLY else None)
    return found


def explained_decisions(explained: AssetTrace) -> list[Early | None]:
    return [
        (str(d.outcome), str(d.stage), tuple(map(str, d.reasons)), d.detail)
        if (d := trace.decision)
        else None
        for trace in explained.rows
    ]


def codes(explained: AssetTrace) -> list[tuple[str, ...]]:
    """Returns the reasons of each row."""
    return [row[2] for row in explained_decisions(explained) if row]


def check_all(demo: Demo, deal_id: str, asset_ids: Iterable[str]) -> None:
    """Compares each asset's explanation with the run's decision and with the answer key."""
    query = inquiry(demo, deal_id)
    screening_tables = read_small(query)
    run, key = decided(demo, deal_id), demo.key["deals"][deal_id]["assets"]
    count = 0
    for asset_id in asset_ids:
        explained = explain_asset(asset_id, query, screening_tables=screening_tables)
        if "'profile." in str(run[asset_id]):
            # The needs of a profile are not rights, so `explain` reports these assets as cleared.
            assert explained_decisions(explained) == [None] * explained.row_count, asset_id
            continue
        found = explained_decisions(explained)
        assert sorted(map(str, found)) == sorted(map(str, run[asset_id])), asset_id
        if answer := key.get(asset_id):
            early = answer["stage"] in EARLY
            wanted = (
                (answer["outcome"], answer["stage"], sorted(answer["reasons"])) if early else None
            )
            for row in found:
                assert (row and (row[0], row[1], sorted(row[2]))) == wanted, asset_id
            assert len(found) == answer["rows"] == explained.row_count
        lines = list(asset_trace_lines(explained, query, None))
        reasons = len(explained.rows[0].findings)
        check_lines(lines, _SCREEN_LINES + 4 * max(0, reasons - 3))
        json.dumps(asset_trace_json(explained, query, None))
        count += 1
    assert count


def check_lines(lines: list[str], max_lines: int = _SCREEN_LINES) -> None:
    assert len(lines) <= max_lines
    assert all(line.isprintable() and len(line) <= WIDTH for line in lines), lines


@pytest.mark.parametrize("deal_id", DEALS)
def test_explain_decides_as_the_pipeline_does(demo: Demo, deal_id: str) -> None:
    """Covers one asset of every second role, under one deal in turn; the slow test covers all."""
    by_each_role = {role: name for name, role in demo.key["roles"].items()}
    turn = list(DEALS).index(deal_id)
    names = [name for _, name in sorted(by_each_role.items())][turn :: 2 * len(DEALS)]
    check_all(demo, deal_id, [name for name in names if name in decided(demo, deal_id)])


@pytest.mark.slow
@pytest.mark.parametrize("deal_id", DEALS)
def test_explain_decides_as_the_pipeline_does_for_every_asset(demo: Demo, deal_id: str) -> None:
    check_all(demo, deal_id, sorted(decided(demo, deal_id)))


def by_role(demo: Demo, role: str) -> str:
    return next(str(name) for name, planted in demo.key["roles"].items() if planted == role)


def explain(demo: Demo, asset_id: str, *more: object, deal_id: str = "demo-main") -> int:
    given = ["--catalogue", demo.catalogue, "--deal", demo.deal(deal_id), "--as-of", AS_OF]
    return main(["explain", asset_id, *map(str, [*given, *more])])


def examples() -> Iterator[tuple[str, str]]:
    """Yields the outputs in the docs, with their roles."""
    text = DOCS.read_text(encoding="utf-8")
    yield from re.findall(r"<!-- role: (\w+) -->\n```\n(.*?)```", text, re.DOTALL)


def test_docs_show_the_printed_text(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    shown = dict(examples())
    assert [text.split()[0] for text in shown.values()] == ["CLEARED", "REFUSED", "REFUSED"]
    for role, text in shown.items():
        assert explain(demo, by_role(demo, role)) == 0
        assert _DIGEST.sub("", capsys.readouterr().out) == _DIGEST.sub("", text)


def test_json_output_is_one_document(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    asset_id = by_role(demo, "file_against_grant")
    assert explain(demo, asset_id, "--json", "--out", demo.out) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["asset_id"], answer["verdict"], answer["warnings"]) == (asset_id, "refused", [])
    [row] = answer["rows"]
    assert [reason["code"] for reason in row["reasons"]] == ["file.denied", "conflict.grant"]
    assert "grant_train_gen=allow" in row["reasons"][1]["seen"][0]
    [no] = [item for item in row["file"]["statements"] if item["reasons"]]
    assert (no["purpose"], no["value"], len(no["sha256"])) == ("train_gen", "deny", 64)
    assert answer["run"]["decisions"][0]["stage"] == "enrich" and answer["run"]["place"] is None


def test_file_is_not_fetched_before_screening(
    demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any media, the catalogue's refusals are explained as before."""
    for path in demo.catalogue.glob("*.parquet"):
        shutil.copy(path, tmp_path)
    query = inquiry(demo, "demo-main", tmp_path)
    refused = explain_asset(by_role(demo, "withdrawn_and_missing"), query)
    assert codes(refused) == [("asset.withdrawn",)]
    assert "the catalogue alone refuses" in refused.no_file_reason
    film = by_role(demo, "film")
    assert codes(explain_asset(film, query)) == [("media.unavailable",)]
    unread = explain_asset(film, query, fetch=False)
    assert explained_decisions(unread) == [None]
    first, *_ = asset_trace_lines(unread, query, None)
    assert first.startswith("CLEARED SO FAR")


def test_run_decision_is_looked_up(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    delivered = by_role(demo, "person")
    assert explain(demo, delivered, "--out", demo.out) == 0
    out = capsys.readouterr().out
    assert "Run demo-main/v0001: delivered in shard demo-main-" in out and "warning" not in out
    assert explain(demo, by_role(demo, "exact_second"), "--out", demo.out) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("CLEARED, NOT DELIVERED")
    assert "refused in the step Select samples: duplicate.exact" in " ".join(lines[2:6])
    query = inquiry(demo, "demo-main")
    run = look_up_run(str(demo.out), "demo-main", delivered)
    place = next(
        (row["shard"], row["key"])
        for row in tables(demo.agency("demo-main") / "decisions").to_pylist()
        if row["asset_id"] == delivered
    )
    assert place == (run.decisions[0].shard, run.decisions[0].key)
    assert asset_trace_json(explain_asset(delivered, query, fetch=False), query, run)["run"][
        "place"
    ] == {"shard": place[0], "key": place[1]}
    other = DecisionInputs(
        load_deal(demo.deal("demo-strict")),
        query.catalogue,
        parse_as_of("2027-01-01"),
        query.policy,
        query.limits,
    )
    explained = explain_asset(delivered, other, fetch=False)
    assert len(run_warnings(explained, other, run)) == 2
    refused = explain_asset(by_role(demo, "withdrawn"), query)
    assert "decided differently" in run_warnings(refused, query, run)[0]


@pytest.fixture
def hostile(demo: Demo, tmp_path: Path) -> Path:
    """Returns the demo's tables, with texts in one asset that attack the terminal."""
    for path in demo.catalogue.glob("*.parquet"):
        shutil.copy(path, tmp_path)
    assets = pq.read_table(tmp_path / "assets.parquet")
    row: dict[str, Any] = assets.slice(0, 1).to_pylist()[0]
    nasty = "\x1b]0;owned\x07\x1b[2J[red]:boom:\u202e" + "x" * 5_000
    row |= {"asset_id": "hostile", "title": nasty, "licence_code": nasty, "status": nasty}
    row |= {"contributors": [{"contributor_id": nasty, "share_bp": 10_000}]}
    row |= {"release_ids": [nasty, *(f"r-{i}" for i in range(100))], "media_uri": nasty}
    added = pa.Table.from_pylist([row], assets.schema)
    pq.write_table(pa.concat_tables([assets, added]), tmp_path / "assets.parquet")
    return tmp_path


def test_hostile_values_never_reach_the_terminal(demo: Demo, hostile: Path) -> None:
    arguments = ("--catalogue", hostile, "--deal", demo.deal("demo-main"), "--as-of", AS_OF)
    ended = fairshard("explain", "hostile", *arguments)
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert all(line.isprintable() and len(line) <= WIDTH for line in lines)
    assert "[red]:boom:" in ended.out  # shown literally, not as markup
    assert "licence.unknown_code" in ended.out and "and 93 more" in ended.out
    answer = fairshard("explain", "hostile", *arguments, "--json").json
    assert answer["verdict"] == "refused"


def test_bad_input_is_reported(
    demo: Demo, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    known = next(name for name in demo.key["roles"] if name.startswith("DEMO-"))
    for asset_id, more, message in (
        (known.lower(), (), f"Did you mean {known}"),
        ("\udcff[red]\x1b[0m", (), "no such asset"),
        (known, ("--as-of", "soon"), "Not a date or instant"),
        (known, ("--out", tmp_path), "no published run"),
        (known, ("--mapping", tmp_path / "none.toml"), "mapping"),
    ):
        assert explain(demo, asset_id, *more) == 2
        error = capsys.readouterr().err
        assert message in error and error.rstrip("\n").isprintable(), error


def test_row_without_an_id_is_found_by_its_locator(demo: Demo) -> None:
    rows = tables(demo.agency("demo-main") / "dead_letters").to_pylist()
    place = next(row["asset_id"] for row in rows if row["asset_id"] not in demo.key["roles"])
    explained = explain_asset(place, inquiry(demo, "demo-main"))
    assert codes(explained) == [("row.unreadable",)]


def test_row_that_stops_the_run_gives_a_warning(demo: Demo, tmp_path: Path) -> None:
    text = demo.deal("demo-main").read_text(encoding="utf-8")
    strict = tmp_path / "deal.toml"
    strict.write_text(re.sub(r"divert = .*", "divert = []", text), encoding="utf-8")
    query = open_decision_inputs(str(demo.catalogue), load_deal(strict), parse_as_of(AS_OF))
    explained = explain_asset(by_role(demo, "splits_short"), query)
    assert "catalogue checks stop" in explained.warnings[0]
    assert codes(explained) == [("splits.not_whole",)]
    check_lines(list(asset_trace_lines(explained, query, None)))


def test_rows_beyond_the_limit_are_counted(demo: Demo, tmp_path: Path) -> None:
    for path in demo.catalogue.glob("*.parquet"):
        shutil.copy(path, tmp_path)
    assets = pq.read_table(tmp_path / "assets.parquet")
    film = by_role(demo, "film")
    one = assets.filter(pc.equal(assets["asset_id"], pa.scalar(film)))
    pq.write_table(pa.concat_tables([assets, *[one] * 40]), tmp_path / "assets.parquet")
    query = inquiry(demo, "demo-main", tmp_path)
    explained = explain_asset(film, query)
    assert (explained.row_count, len(explained.rows)) == (41, 20)
    assert set(codes(explained)) == {("asset.duplicate_id",)}
    lines = list(asset_trace_lines(explained, query, None))
    check_lines(lines)
    assert "and 38 more rows" in lines
