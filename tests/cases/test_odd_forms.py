"""A no in an odd form is heard, or the run stops: line ends, words, separators, columns' names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.catalogue.read import open_catalogue, read_batches
from tests.cases.values_common import asset, csv_bytes, deal, decide, release, said, write_csv

LINE_ENDS = ("\n", "\r", "\r\n", "\v", "\f", "\x1e", "\x85", "\u2028", "\u2029")


def _catalogue(folder: Path, **tables: object) -> Path:
    rows = {
        "assets": [asset("A-1"), asset("A-2", "c-2")],
        "contributors": [{"contributor_id": f"c-{n}"} for n in (1, 2, 3)],
        "consents": [said("allow", f"c-{n}") for n in (1, 2, 3)],
    }
    return write_csv(folder, **rows | tables)  # type: ignore[arg-type]


@pytest.mark.parametrize("end", LINE_ENDS)
@pytest.mark.parametrize("file_end", ["\n", "\r\n", "\r"])
def test_no_quote_swallows_a_no_whatever_ends_its_lines(
    tmp_path: Path, end: str, file_end: str
) -> None:
    folder = _catalogue(tmp_path)
    good = csv_bytes([said("allow", f"c-{n}") for n in (1, 2)]).decode().replace("\r\n", file_end)
    bad = end.join(('c-3,all,allow,2024-01-01,"MSA', "c-2,all,deny,2026-03-01,,", 'clause 27",'))
    (folder / "consents.csv").write_bytes((good + bad + file_end).encode())
    found = decide(folder, deal(), gate=False)
    assert found.stopped
    assert "consents.csv" in found.stopped


@pytest.mark.parametrize("end", ["\v", "\u2028", "\x85"])
def test_a_text_over_several_lines_is_no_row(tmp_path: Path, end: str) -> None:
    folder = _catalogue(tmp_path, assets=[asset("A-1", title=f"one{end}two, three")])
    assert decide(folder, deal(), gate=False).cleared == ["A-1"]


@pytest.mark.parametrize("word", ["denied", "no", "none", "prohibited", "0", "restricted"])
@pytest.mark.parametrize("people", ["0", "1"])
def test_a_release_that_does_not_plainly_allow_is_a_no(
    tmp_path: Path, word: str, people: str
) -> None:
    releases = [release(), release("R-2", subject_ref="other", ml_use=word)]
    row = asset(people_count=people, release_ids="R-1;R-2")
    found = decide(_catalogue(tmp_path, assets=[row], releases=releases), deal(), gate=False)
    assert found.reasons == {"A-1": "release.purpose_not_covered"}
    alone = _catalogue(tmp_path, assets=[asset()], releases=releases[1:])
    assert "R-2" in decide(alone, deal(), gate=False).stopped


@pytest.mark.parametrize("word", ["", "unknown", "conditional"])
def test_a_release_that_says_nothing_is_no_denial(tmp_path: Path, word: str) -> None:
    releases = [release(), release("R-2", subject_ref="other", ml_use=word)]
    row = asset(people_count="1", release_ids="R-1;R-2")
    folder = _catalogue(tmp_path, assets=[row], releases=releases)
    assert decide(folder, deal(), gate=False).cleared == ["A-1"]


UNCLEAR = (
    *("dog\tx-ray", "dog\uff64x-ray", "dog\u2502x-ray", "dog\uff5cx-ray", "dog\u00a6x-ray"),
    *("dog\ufe50x-ray", "dog\u037ex-ray", "dog\ufe54x-ray", "dog\u2028x-ray", "dog\rx-ray"),
    *("dog\x1fx-ray", "dog \u2022 x-ray", "{x-ray}", '["x-ray"]', "{dog;x-ray}"),
)
SPELLED = (
    *(
        "X-RAY",
        "x\u2011ray",
        "x\u2010ray",
        "\uff58-ray",
        "x\uff0dray",
        "x-\u200bray",
        "x\u00ad-ray",
    ),
    *("x\u2212ray", "x\u2013ray", "#x-ray", "dog, x-ray", "dog|x-ray", "dog\tx-ray"),
)


@pytest.mark.parametrize("keywords", [*UNCLEAR, *(f"a;{word};b" for word in SPELLED)])
def test_an_excluded_keyword_is_found_in_any_form(tmp_path: Path, keywords: str) -> None:
    folder = _catalogue(tmp_path, assets=[asset("A-1", keywords=keywords)])
    terms = deal('[select]\nkeywords_none = ["x-ray"]\n')
    assert not decide(folder, terms, gate=False).cleared


@pytest.mark.parametrize("keywords", ["xray", "x ray;a", "x-rays;b", "Paris, France;dog"])
def test_other_keywords_are_let_pass(tmp_path: Path, keywords: str) -> None:
    folder = _catalogue(tmp_path, assets=[asset("A-1", keywords=keywords)])
    terms = deal('[select]\nkeywords_none = ["x-ray"]\n')
    assert decide(folder, terms, gate=False).cleared == ["A-1"]


@pytest.mark.parametrize(
    ("kind", "nothing"),
    [
        *((kind, nothing) for kind in ("csv", "jsonl", "parquet") for nothing in (None, "")),
        ("csv", "NULL"),
        ("jsonl", "NULL"),
    ],
)
def test_a_row_that_gives_nothing_is_skipped(
    tmp_path: Path, kind: str, nothing: str | None
) -> None:
    folder = _catalogue(tmp_path, assets=[asset("A-1"), asset("A-2", "c-2")])
    rows = [*(said("allow", f"c-{n}") for n in (1, 2)), said("deny", "c-2")]
    rows.insert(1, dict.fromkeys(rows[0], nothing))
    (folder / "consents.csv").unlink()
    if kind == "csv":
        (folder / "consents.csv").write_bytes(csv_bytes(rows))
    elif kind == "jsonl":
        (folder / "consents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), folder / "consents.parquet")
    assert decide(folder, deal(), gate=False).reasons == {"A-1": "", "A-2": "consent.withdrawn"}
    catalogue = open_catalogue(str(folder))
    [batch] = read_batches(catalogue.parts("consents")[0], catalogue.mapping)
    assert (len(batch.table), batch.blank_rows) == (3, 1)


def test_a_row_of_parquet_with_a_value_elsewhere_is_not_blank(tmp_path: Path) -> None:
    folder = _catalogue(tmp_path)
    (folder / "consents.csv").unlink()
    rows = [said("allow", "c-1") | {"x": ""}, dict.fromkeys(said(), None) | {"x": "c-2 says no"}]
    pq.write_table(pa.Table.from_pylist(rows), folder / "consents.parquet")
    assert "consents.parquet:2" in decide(folder, deal(), gate=False).stopped


@pytest.mark.parametrize(
    ("no", "withdrawn"),
    [
        ("2026-03-05 21:00:00+00", True),
        ("2026-03-05 23:30:00+02", True),  # 21:30 in UTC
        ("2026-03-05 21:30:00+02", False),
        ("2026-03-05", True),
    ],
)
def test_zones_as_postgresql_writes_them(tmp_path: Path, no: str, withdrawn: bool) -> None:
    consents = [said(given_at="2026-03-05T20:00:00Z"), said("deny", given_at=no)]
    folder = _catalogue(tmp_path, assets=[asset()], consents=consents)
    found = decide(folder, deal(), gate=False).reasons
    assert found == {"A-1": "consent.withdrawn" if withdrawn else ""}


TELLING = (
    *("no_ai", "AI", "ai_ok", "mlAllowed", "KI-Nutzung", "TDM", "do not use", "hold", "is_blocked"),
    *(
        "suspended",
        "deletedAt",
        "removed_at",
        "inactive",
        "gesperrt",
        "quarantine",
        "Mature Content",
    ),
    *(
        "ai_generated",
        "Prompt",
        "under_18",
        "end_date",
        "g\u00fcltig bis",
        "Excl.",
        "countries_out",
    ),
    *("Usage", "special instructions", "current status", "R\u00e9voqu\u00e9"),
)


@pytest.mark.parametrize("name", TELLING)
def test_a_column_that_may_hold_a_no_is_not_passed_over(tmp_path: Path, name: str) -> None:
    folder = _catalogue(tmp_path, assets=[asset("A-1") | {name: "x"}])
    assert name in decide(folder, deal(), gate=False).stopped


@pytest.mark.parametrize("table", ["contributors", "consents", "releases"])
@pytest.mark.parametrize(
    "name", ["status", "active", "opted_out", "void", "cancelled", "expires_at"]
)
def test_nor_is_one_of_a_small_table(tmp_path: Path, table: str, name: str) -> None:
    rows = {"contributors": {"contributor_id": "c-1"}, "consents": said(), "releases": release()}
    row = asset(people_count="1", release_ids="R-1")
    tables = {"assets": [row], "releases": [release()], table: [rows[table] | {name: "x"}]}
    assert name in decide(_catalogue(tmp_path, **tables), deal(), gate=False).stopped


@pytest.mark.parametrize("name", ["Collection", "Caption writer", "City", "Fee"])
def test_other_columns_are_named_only(tmp_path: Path, name: str) -> None:
    folder = _catalogue(tmp_path, assets=[asset("A-1") | {name: "x"}])
    assert decide(folder, deal(), gate=False).cleared == ["A-1"]


def test_a_pipe_among_the_tables_stops_the_run(tmp_path: Path) -> None:
    folder = _catalogue(tmp_path)
    (folder / "consents.csv").rename(folder / "consents-1.csv")
    os.mkfifo(folder / "consents-2.csv")
    assert "not a regular file" in decide(folder, deal(), gate=False).stopped


def test_a_link_to_itself_is_no_folder(tmp_path: Path) -> None:
    folder = _catalogue(tmp_path, assets=[asset("A-1")])
    (folder / "1.jpg").symlink_to("1.jpg")
    assert decide(folder, deal(), gate=False).cleared == ["A-1"]


# A database that writes a bit as a byte writes yes as 1: it shows nothing, and says something.
SAYING_CONTROLS = ("\x01", "\x02", "\x08", "\x0e", "\x19", "\x1b", "\x7f", " \x01 ", "\x01\x00")


@pytest.mark.parametrize("text", SAYING_CONTROLS)
@pytest.mark.parametrize(
    "column",
    [
        *("exclusive", "sensitive", "minors", "territories_out", "valid_until", "licence_code"),
        *("grant_train_gen", "release_ids"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_cell_of_control_characters_is_not_empty(
    tmp_path: Path, kind: str, column: str, text: str
) -> None:
    rows = [asset("A-1"), asset("A-2", "c-2", **{column: text})]
    folder = _catalogue(tmp_path, assets=rows)
    if kind != "csv":
        (folder / "assets.csv").unlink()
    if kind == "jsonl":
        (folder / "assets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist([dict(rows[1]), rows[0]]), folder / "assets.parquet")
    assert "A-2" not in decide(folder, deal(), gate=False).cleared


@pytest.mark.parametrize("text", ["\x00", "\x00\x00", "\x1a", "\u200b", " \t", "\xad"])
def test_what_fills_or_ends_a_file_is_empty(tmp_path: Path, text: str) -> None:
    folder = _catalogue(tmp_path, assets=[asset("A-1", exclusive=text)])
    assert decide(folder, deal(), gate=False).cleared == ["A-1"]
