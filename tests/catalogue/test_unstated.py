"""Columns in which an empty cell lets an asset pass are counted and said by both commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.catalogue.account import Reading, TableCount, account_for
from pipelines.catalogue.named_people import count_people
from pipelines.catalogue.read import open_catalogue, read_table
from pipelines.catalogue.unstated import LENIENT_COLUMNS, count_unstated
from schemas.catalogue import CONTRIBUTORS_SCHEMA, RELEASES_SCHEMA, TABLES
from schemas.deal import parse_deal
from schemas.rights import Purpose
from tests.cases.values_common import DEAL, Row, asset, release, said, write_csv
from tests.end_to_end.small_library import COLUMNS, in_process

pytestmark = pytest.mark.long

PAGE = Path(__file__).parents[2] / "docs" / "catalogue.md"
# The values of rows that say everything.
STATED: Row = {
    "licence_code": "CC-BY-4.0",
    "exclusive": "false",
    "exclusive_purposes": "search",
    "exclusive_from": "2020-01-01",
    "exclusive_until": "2020-02-01",
    "territories_in": "WORLD",
    "territories_out": "FR",
    "valid_from": "2020-01-01",
    "valid_until": "2040-01-01",
    **{f"grant_{purpose.value}": "allow" for purpose in Purpose},
    "people_count": "1",
    "minors": "false",
    "property": "false",
    "sensitive": "false",
    "release_ids": "R-1;R-2",
    "digital_source_type": "digitalCapture",
    "keywords": "dog",
    "sha256": "ab" * 32,
    "bytes": "5",
    "width": "5",
    "height": "5",
    "duration_ms": "5",
}
LENIENT_DEAL = (
    DEAL
    + """
[rights]
unknown_people_count = "accept"
unknown_property = "accept"
unknown_source = "accept"
shoot_range = "when-given"
missing_credit = "accept"
[select]
keywords_none = ["retired"]
"""
)


def test_a_no_that_is_dated_later_is_counted(tmp_path: Path) -> None:
    consents = [
        said(given_at="2020-01-01"),
        said(given_at="2062-01-01", value="deny"),
        said(given_at="2062-01-01", value="unknown", purpose="search"),
        said(given_at="2062-01-01", value="allow", purpose="search"),
        said(given_at="2026-06-30", value="deny", purpose="search"),  # on the day itself
    ]
    printed = check(tmp_path, {**rows(), "consents": consents}, LENIENT_DEAL)
    assert "consents.given_at: 2 that do not say yes are dated after" in " ".join(printed.split())
    printed = check(tmp_path, {**rows(), "consents": consents[:1]}, LENIENT_DEAL)
    assert "dated after" not in printed


def rows() -> dict[str, list[Row]]:
    return {
        "assets": [asset("A-1", **STATED), asset("A-2", **STATED)],
        "contributors": [{"contributor_id": "c-1"}],
        "consents": [said(asset_id=f"A-{n}", basis="explicit") for n in (1, 2)],
        "releases": [
            release(valid_until="2040-01-01", revoked_at="2040-01-01T00:00:00Z"),
            release("R-2", valid_until="2040-01-01", revoked_at="2041-01-01T00:00:00Z"),
        ],
    }


def reading(folder: Path, tables: dict[str, list[Row]], deal: str) -> Reading:
    """What was read, without the catalogue's checks, which take most of the time."""
    write_csv(folder, **tables)
    catalogue = open_catalogue(str(folder))
    counts: dict[str, TableCount] = {}
    for name in TABLES:
        read_table(catalogue, name, None, counts)
    columns, joined = catalogue.columns, catalogue.joined_columns
    return account_for(catalogue.files, columns, counts, parse_deal(deal, "deal"), {}, joined)


def check(folder: Path, tables: dict[str, list[Row]], deal: str) -> str:
    write_csv(folder, **tables)
    (folder / "deal.toml").write_text(deal)
    words = ("--catalogue", folder, "--deal", folder / "deal.toml", "--as-of", "2026-06-30")
    ended = in_process("check", *words, "--files", "none")
    assert ended.code == 0, ended.err
    return ended.out


def unstated(folder: Path, tables: dict[str, list[Row]], deal: str) -> dict[str, Any]:
    found: Any = reading(folder, tables, deal).to_json()
    return {item["column"]: item for item in found["unstated"]}


def test_what_says_everything_has_no_line(tmp_path: Path) -> None:
    assert unstated(tmp_path, rows(), LENIENT_DEAL) == {}


def test_a_column_of_a_joined_file_is_not_absent(tmp_path: Path) -> None:
    for row in (whole := rows())["assets"]:
        del row["licence_code"]
    (tmp_path / "rights.csv").write_text("asset_id,licence_code\nA-1,CC-BY-4.0\nA-2,\n")
    (tmp_path / "mapping.toml").write_text('[[mapping.assets.joins]]\nfile = "rights.csv"\n')
    found = reading(tmp_path, whole, LENIENT_DEAL)
    assert found.unstated_lines() == [
        "rows without a value in a column: assets.licence_code 1 of 2"
    ]


# Read so only where another cell is empty as well, or about films alone: tested below.
DEPENDENT = {"exclusive_purposes", "exclusive_from", "exclusive_until", "minors", "duration_ms"}
INDEPENDENT = [
    column
    for columns in LENIENT_COLUMNS.values()
    for column in columns
    if column.name not in DEPENDENT and not column.name.startswith("grant_")
]


def test_each_column_is_said_when_it_is_gone_and_when_a_cell_is_empty(tmp_path: Path) -> None:
    whole = rows()
    for column in INDEPENDENT:
        absent = {
            name: [
                {k: v for k, v in row.items() if (name, k) != (column.table, column.name)}
                for row in found
            ]
            for name, found in whole.items()
        }
        said_of = unstated(tmp_path, absent, LENIENT_DEAL)[column.key]
        assert (said_of["is_absent"], said_of["empty"], said_of["of"]) == (True, 2, 2), column.key
        assert column.key in said_of["line"] and "is absent: 2" in said_of["line"]
        partly = {name: [dict(row) for row in found] for name, found in whole.items()}
        partly[column.table][1][column.name] = ""
        said_of = unstated(tmp_path, partly, LENIENT_DEAL)[column.key]
        assert (said_of["is_absent"], said_of["empty"], said_of["of"]) == (False, 1, 2), column.key


def test_grants_matter_for_the_purposes_that_a_deal_needs(tmp_path: Path) -> None:
    tables = rows()
    for row in tables["assets"]:
        for purpose in Purpose:
            del row[f"grant_{purpose.value}"]
    found = unstated(tmp_path, tables, LENIENT_DEAL)
    assert set(found) == {"assets.grant_train_gen", "assets.grant_inference"}


def test_cells_that_depend_on_others(tmp_path: Path) -> None:
    tables = rows()
    first, second = tables["assets"]
    first |= {"exclusive": "", "exclusive_from": "", "minors": "", "people_count": "0"}
    second |= {"exclusive_until": "", "minors": "", "duration_ms": ""}
    found = unstated(tmp_path, tables, LENIENT_DEAL)
    # Of two empty `minors`, the second is of an asset with people, and refuses it.
    counts = {name: item["empty"] for name, item in found.items()}
    assert counts == {"assets.exclusive": 1, "assets.exclusive_from": 1, "assets.minors": 1}


def test_a_strict_deal_leaves_out_what_it_refuses(tmp_path: Path) -> None:
    tables = rows()
    for row in tables["assets"]:
        row |= {"people_count": "", "digital_source_type": "", "keywords": "", "minors": "false"}
    assert unstated(tmp_path, tables, DEAL) == {}
    assert len(unstated(tmp_path, tables, LENIENT_DEAL)) == 3


def test_a_constant_of_the_mapping_states_a_column(tmp_path: Path) -> None:
    tables = rows()
    for row in tables["assets"]:
        del row["sensitive"]
    assert "assets.sensitive" in unstated(tmp_path, tables, DEAL)
    (tmp_path / "mapping.toml").write_text('[mapping.assets.constants]\nsensitive = "false"\n')
    assert "assets.sensitive" not in unstated(tmp_path, tables, DEAL)


def test_people_read_the_lines(tmp_path: Path) -> None:
    tables = rows()
    for row in tables["assets"]:
        del row["territories_out"]
    tables["releases"][0]["valid_until"] = tables["releases"][0]["revoked_at"] = ""
    out = check(tmp_path, tables, f'{DEAL}\n[rights]\nmissing_credit = "accept"\n')
    assert all(len(line) <= COLUMNS for line in out.splitlines() if str(tmp_path) not in line)
    words = " ".join(out.split())
    assert "territories_out assets all 2 read as excluded from" in words
    assert "valid_until releases 1 of 2 read as valid without an end" in words
    assert "mapping.TABLE.columns.COLUMN" in out


def test_people_whom_releases_name_are_counted(tmp_path: Path) -> None:
    contributors = pa.Table.from_pylist([{"contributor_id": "C-1"}], schema=CONTRIBUTORS_SCHEMA)
    table: list[Row] = [
        {"release_id": "1", "kind": "model", "subject_ref": "Ada", "witness_ref": "c-1"},
        {"release_id": "2", "kind": "model", "subject_ref": "ADA", "witness_ref": "Bob"},
        {"release_id": "3", "kind": "model", "subject_ref": None, "witness_ref": None},
    ]
    found = count_people(contributors, pa.Table.from_pylist(table, schema=RELEASES_SCHEMA))
    assert found == {"subjects": 1, "witnesses": 2, "witnesses_known_otherwise": 1}
    table[1]["subject_ref"] = "Adq"
    found = count_people(contributors, pa.Table.from_pylist(table, schema=RELEASES_SCHEMA))
    assert found["subjects"] == 2


def test_empty_tables_are_counted() -> None:
    for name, schema in TABLES.items():
        assert sum(count_unstated(name, schema.empty_table()).values()) == 0


@pytest.mark.parametrize("name", LENIENT_COLUMNS)
def test_the_docs_name_every_column(name: str) -> None:
    section = PAGE.read_text().split("### Cells that are empty", 1)[1].split("\n### ", 1)[0]
    for column in LENIENT_COLUMNS[name]:
        known = column.name if not column.name.startswith("grant_") else "grant_*"
        assert f"`{known}`" in section, column.key


@pytest.mark.long
def test_both_commands_say_the_same(demo: Any, tmp_path: Path) -> None:
    kept = json.loads((demo.agency("demo-main") / "reading.json").read_bytes())["catalogue"]
    words = ("--catalogue", demo.catalogue, "--deal", demo.deal("demo-main"))
    checked = in_process("check", *words, "--as-of", "2026-06-30", "--json").json["reading"]
    assert kept["unstated"] == checked["unstated"] and kept["unstated"]
    assert kept["rows"]["releases"] == checked["rows"]["releases"]
    assert demo.summaries["demo-main"]["catalogue"] == kept
    docs = (demo.agency("demo-main") / "expectations" / "index.html").read_text()
    assert "rows without a value in a column: assets.licence_code " in docs
