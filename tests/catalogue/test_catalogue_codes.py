"""The values of a column may be listed in a file of codes; a code that is not there stops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.catalogue.read import open_catalogue, read_table
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import asset, csv_bytes, jsonl_bytes, raw_catalogue, read_all

pytestmark = pytest.mark.long

CODES = '[mapping.assets.codes.{}]\nfile = "codes.csv"\n'
STATES = b"code,value\n01,active\nX,withdrawn\n7,active\n"


def catalogue(folder: Path, rows: list[dict[str, Any]], codes: bytes, mapping: str) -> Path:
    raw_catalogue(folder, "assets.csv", csv_bytes(rows))
    (folder / "codes.csv").write_bytes(codes)
    (folder / "mapping.toml").write_text(mapping, encoding="utf-8")
    return folder


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "dictionary", "binary"])
def test_codes_become_values(kind: str, tmp_path: Path) -> None:
    rows = [asset(i, status=code) for i, code in enumerate(["01", "X", "7", " X "])]
    folder = catalogue(tmp_path, rows, STATES, CODES.format("status"))
    if kind == "jsonl":
        rows[2]["status"] = 7
        (folder / "assets.jsonl").write_bytes(jsonl_bytes(rows))
    if kind in ("parquet", "dictionary", "binary"):
        table = pa.Table.from_pylist(rows)
        index = table.schema.get_field_index("status")
        status = table["status"].combine_chunks()
        if kind == "dictionary":
            table = table.set_column(index, "status", status.dictionary_encode())
        if kind == "binary":
            table = table.set_column(index, "status", status.cast(pa.binary()))
        pq.write_table(table, folder / "assets.parquet")
    if kind != "csv":
        (folder / "assets.csv").unlink()
    table, dead = read_all(folder)
    assert table["status"].to_pylist() == ["active", "withdrawn", "active", "withdrawn"]
    assert dead == []
    files = open_catalogue(str(folder)).files
    assert dict(files.tables)["files of codes"] == 1


def test_items_of_lists_have_codes(tmp_path: Path) -> None:
    rows = [asset(1, territories_in="UK; FR"), asset(2, territories_in="")]
    folder = catalogue(
        tmp_path,
        rows,
        b"Nr;Land\nUK;GB\nFR;FR\n",
        CODES.format("territories_in")
        + 'columns = { code = "Nr", value = "Land" }\ncsv.separator = ";"\n',
    )
    assert read_all(folder)[0]["territories_in"].to_pylist() == [["GB", "FR"], None]
    rows[1]["territories_in"] = "FR;XX"
    (folder / "assets.csv").write_bytes(csv_bytes(rows))
    with pytest.raises(InputError, match=r"assets.csv:3: territories_in = 'XX', not in codes.csv"):
        read_all(folder)


@pytest.mark.parametrize("code", ["1", "active", "x", "Q"])
def test_a_code_that_is_not_listed_stops_the_run(code: str, tmp_path: Path) -> None:
    rows = [asset(1, status="01"), asset(2, status=code)]
    folder = catalogue(tmp_path, rows, STATES, CODES.format("status"))
    with pytest.raises(InputError, match=rf"assets.csv:3: status = '{code}', not in") as caught:
        read_all(folder)
    if code in ("1", "x"):
        assert "Is it" in str(caught.value)


@pytest.mark.parametrize("values", [[["01"]], [b"\xff"], [1.5]])
def test_a_column_that_cannot_hold_codes_stops_the_run(values: list[Any], tmp_path: Path) -> None:
    folder = catalogue(tmp_path, [], STATES, CODES.format("status"))
    table = pa.Table.from_pylist([asset(1)]).drop_columns(["status"])
    pq.write_table(table.append_column("status", pa.array(values)), folder / "assets.parquet")
    (folder / "assets.csv").unlink()
    with pytest.raises(InputError, match="code"):
        read_all(folder)


def test_an_absent_cell_has_no_code(tmp_path: Path) -> None:
    rows = [asset(1, minors="J"), asset(2, minors="NULL"), asset(3, minors="-")]
    codes = b"code,value\nJ,true\nN,false\n-,false\n"
    folder = catalogue(tmp_path, rows, codes, CODES.format("minors"))
    assert read_all(folder)[0]["minors"].to_pylist() == [True, None, False]


REFUSED = [
    (b"code,value\n01,active\n01,withdrawn\n", "'01' is 'active' and 'withdrawn'"),
    (b"code,value\n,active\n", "lacks a code"),
    (b"code,value\n01,active,x\n", r"codes\.csv:2: 3 columns"),
    (b"code,meaning\n01,active\n", "lacks the column value"),
    (b"code,value\n01,caf\xe9\n02,b\xe9b\xe9\n", "encoding"),
]


@pytest.mark.parametrize(("codes", "why"), REFUSED)
def test_a_file_of_codes_must_be_certain(codes: bytes, why: str, tmp_path: Path) -> None:
    rows = [asset(1, status="01")]
    folder = catalogue(tmp_path, rows, codes, CODES.format("status"))
    with pytest.raises(InputError, match=why):
        read_all(folder)


@pytest.mark.parametrize(
    ("mapping", "why"),
    [
        (CODES.format("statsu"), "Did you mean status"),
        (CODES.format("contributors"), "splits cannot be mapped"),
        ("[mapping.assets.codes.status]\n", "names no file"),
        (CODES.format("status").replace("codes.csv", "code.csv"), "that is not there"),
        (f"{CODES.format('status')}[mapping.assets.values.status]\na = 'b'\n", "in values and in"),
        (CODES.format("status") + "dates = { code = 'dmy' }", "unknown key"),
    ],
)
def test_an_invalid_statement_is_refused(mapping: str, why: str, tmp_path: Path) -> None:
    folder = catalogue(tmp_path, [asset(1, status="01")], STATES, mapping)
    with pytest.raises(InputError, match=why):
        read_all(folder)


def test_codes_count_in_the_digest_and_may_serve_two_columns(tmp_path: Path) -> None:
    mapping = CODES.format("minors") + CODES.format("sensitive")
    rows = [asset(1, minors="J", sensitive="N")]
    folder = catalogue(tmp_path, rows, b"code,value\nJ,true\nN,false\n", mapping)
    before = open_catalogue(str(folder)).digest
    table = read_table(open_catalogue(str(folder)), "assets")
    assert (table["minors"].to_pylist(), table["sensitive"].to_pylist()) == ([True], [False])
    (folder / "codes.csv").write_bytes(b"code,value\nJ,true\nN,true\n")
    assert open_catalogue(str(folder)).digest != before
    assert json.dumps(open_catalogue(str(folder)).files.to_json())
