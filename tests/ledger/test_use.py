"""Rows of a buyer's statement are matched, or kept unmatched; none is lost and none is guessed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.catalogue.mapping import load_use_mapping
from pipelines.catalogue.use_statement import UseStatement, read_use_statement
from pipelines.ledger.use import AssetIndex, MatchedUse, Unmatched, match_use
from schemas.errors import InputError


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def entry(asset_id: str, media: str = "") -> dict[str, str]:
    commitment = digest(f"asset {asset_id}")
    return {
        "asset_id": asset_id,
        "asset_commitment": commitment,
        "key": commitment[:24],
        "media_sha256": digest(media or f"media {asset_id}"),
    }


ENTRIES = [entry("A-1"), entry("A-2"), entry("A-3", "twin"), entry("A-4", "twin")]
INDEX = AssetIndex(ENTRIES)
MAPPING = """
[use]
ignore = ["Remark"]
[use.columns]
asset_id = "Image No."
file_name = "File"
quantity = "Downloads"
"""
LINES = (
    "Image No.;File;Downloads;Remark\n"
    "A-1;;3;x\n"
    f";C:\\shards\\{ENTRIES[1]['key']}.jpg;2;x\n"
    f"A-1;{ENTRIES[1]['key']}.jpg;9;two assets\n"
    ";;5;nobody knows\n"
    "B-1;;4;not ours\n"
    "A-2;;0;x\n"
    "A-2;;many;x\n"
    "A-2;renamed.jpg;1;known by one of two\n"
)


def read(folder: Path, name: str, data: bytes, mapping: str = MAPPING) -> UseStatement:
    (folder / name).write_bytes(data)
    (folder / "use.toml").write_text(mapping, encoding="utf-8")
    return read_use_statement(folder / name, load_use_mapping(folder / "use.toml"))


def check_lines(statement: UseStatement) -> MatchedUse:
    assert statement.row_count == 8
    [failed] = statement.failed
    assert "many" in failed.detail
    found = match_use(statement.tables, INDEX)
    assert found.rows == 7
    assert found.quantities == {"A-1": 3, "A-2": 3}
    assert [(row.reason, row.quantity) for row in found.unmatched] == [
        (Unmatched.CONTRADICTION, 9),
        (Unmatched.NO_ID, 5),
        (Unmatched.UNKNOWN, 4),
        (Unmatched.QUANTITY, 0),
    ]
    return found


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_our_own_column_names_need_no_mapping(tmp_path: Path, separator: str) -> None:
    lines = [["quantity", "asset_id"], ["2", "A-1"], ["3", "A-4"]]
    data = "\n".join(map(separator.join, lines)).encode()
    statement = read(tmp_path, "use.csv", data, "")
    assert match_use(statement.tables, INDEX).quantities == {"A-1": 2, "A-4": 3}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_rows_of_a_csv_are_matched_or_kept(tmp_path: Path, encoding: str) -> None:
    found = check_lines(read(tmp_path, "Q3.csv", LINES.encode(encoding)))
    assert [row.position for row in found.unmatched] == [4, 5, 6, 7]  # the header is row 1


def test_a_workbook_of_two_sheets_needs_the_name_of_one(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Use"
    for line in LINES.splitlines():
        cells = line.split(";")
        sheet.append([int(c) if c.isdigit() else c or None for c in cells])
    book.create_sheet("Notes").append(["see contract"])
    book.save(tmp_path / "book.xlsx")
    data = (tmp_path / "book.xlsx").read_bytes()
    with pytest.raises(InputError, match="which sheet"):
        read(tmp_path, "Q3.xlsx", data)
    check_lines(read(tmp_path, "Q3.xlsx", data, MAPPING.replace("[use]", '[use]\nsheet = "Use"')))


def test_parquet_without_a_quantity_counts_rows(tmp_path: Path) -> None:
    table = pa.table({"asset": [e["asset_commitment"].upper() for e in ENTRIES[:2]] * 3})
    pq.write_table(table, tmp_path / "made.parquet", row_group_size=2)
    data = (tmp_path / "made.parquet").read_bytes()
    statement = read(tmp_path, "q.parquet", data, "")
    assert match_use(statement.tables, INDEX).quantities == {"A-1": 3, "A-2": 3}


def test_a_digest_that_two_assets_share_finds_neither() -> None:
    table = pa.table({"position": [1], "media_sha256": [digest("twin")]})
    assert [row.reason for row in match_use([table], INDEX).unmatched] == [Unmatched.UNKNOWN]


@pytest.mark.parametrize(
    ("data", "mapping", "message"),
    [
        (b"Title;Uses\nx;1\n", "", "no column that identifies assets"),
        (LINES.encode(), MAPPING.replace("Image No.", "Image"), "Image No."),
        (LINES.encode(), MAPPING + "[mapping]\n", "unknown key"),
        (LINES.encode(), MAPPING.replace("quantity", "amount"), "unknown key"),
        (b"asset_id,quantity;asset\n", "", "separator"),
    ],
)
def test_what_is_not_certain_is_refused(
    tmp_path: Path, data: bytes, mapping: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, "Q3.csv", data, mapping)


def uses(folder: Path, quantity: str, mapping: str = "") -> dict[str, int]:
    statement = read(folder, "use.csv", f"asset_id;quantity\nA-1;{quantity}\n".encode(), mapping)
    assert not statement.failed, statement.failed
    return match_use(statement.tables, INDEX).quantities


DECIMAL = "[use.csv]\ndecimal = '{}'\n"


@pytest.mark.parametrize("mapping", ["", DECIMAL.format(",")])
@pytest.mark.parametrize("quantity", ["1.000", "2.0", "12.", "1.000.000"])
def test_a_point_in_a_quantity_is_refused(tmp_path: Path, quantity: str, mapping: str) -> None:
    with pytest.raises(InputError, match=rf"a point in a number of uses.*'{quantity}'.*use\.csv"):
        uses(tmp_path, quantity, mapping)
    rows = [{"asset_id": "A-1", "quantity": quantity}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "made.parquet")
    with pytest.raises(InputError, match="a point in a number of uses"):
        read(tmp_path, "q.parquet", (tmp_path / "made.parquet").read_bytes(), mapping)


def test_the_mapping_says_what_a_point_in_a_quantity_is(tmp_path: Path) -> None:
    assert uses(tmp_path, "1.000", DECIMAL.format(".")) == {"A-1": 1}
    assert uses(tmp_path, "1,000", DECIMAL.format(",")) == {"A-1": 1}
    assert uses(tmp_path, "1000") == {"A-1": 1000}
    half = read(tmp_path, "u.csv", b"asset_id;quantity\nA-1;1.500\n", DECIMAL.format("."))
    assert ["1.500" in row.detail for row in half.failed] == [True]


CONTROLS = ["\0", "\x07", "\x1b", "\x7f", "\x85"]


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("name", ["asset_id", "file_name"])
@pytest.mark.parametrize("place", [0, 3, 99])
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_id_with_a_control_character_is_counted_and_not_paid(
    tmp_path: Path, control: str, name: str, place: int, form: str
) -> None:
    sound = {"asset_id": "A-1", "file_name": f"{ENTRIES[0]['key']}.jpg"}[name]
    odd = sound[:place] + control + sound[place:]
    rows = [{name: odd, "quantity": 2}, {name: sound, "quantity": 1}]
    if form == "csv":
        text = "".join(f"{row[name]};{row['quantity']}\n" for row in rows)
        data = f"{name};quantity\n{text}".encode()
    elif form == "jsonl":
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    else:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "made.parquet")
        data = (tmp_path / "made.parquet").read_bytes()
    found = match_use(read(tmp_path, f"use.{form}", data, "").tables, INDEX)
    assert (found.quantities, found.rows, found.matched_rows) == ({"A-1": 1}, 2, 1)
    [row] = found.unmatched
    assert (row.reason, row.ids, row.quantity) == (Unmatched.CONTROL, ((name, odd),), 2)


VALUES = {
    "asset_id": st.sampled_from(["A-1", "A-2", "A-3", "A-4", "B", ""]),
    "asset": st.sampled_from([e["asset_commitment"] for e in ENTRIES] + ["0" * 64, ""]),
    "key": st.sampled_from([e["key"] for e in ENTRIES] + ["0" * 24, ""]),
    "media_sha256": st.sampled_from([e["media_sha256"] for e in ENTRIES] + ["0" * 64, ""]),
    "file_name": st.sampled_from([f"x/{e['key']}.jpg" for e in ENTRIES] + ["me.jpg", ""]),
    "quantity": st.none() | st.integers(-2, 5),
}
ROWS = st.lists(st.fixed_dictionaries(VALUES), max_size=12)


def wanted(row: dict[str, object]) -> str | Unmatched:
    """The asset of a row, by comparing it with every entry; or why there is none."""
    given = [(name, row[name]) for name in VALUES if name != "quantity" and row[name]]
    led: set[str] = set()
    for name, value in given:
        hits = [
            e["asset_id"]
            for e in ENTRIES
            if value
            == {
                "asset_id": e["asset_id"],
                "asset": e["asset_commitment"],
                "key": e["key"],
                "media_sha256": e["media_sha256"],
                "file_name": f"x/{e['key']}.jpg",
            }[name]
        ]
        if len(hits) == 1:
            led.add(hits[0])
    if not given:
        return Unmatched.NO_ID
    if len(led) > 1:
        return Unmatched.CONTRADICTION
    if not led:
        return Unmatched.UNKNOWN
    if not isinstance(row["quantity"], int) or row["quantity"] <= 0:
        return Unmatched.QUANTITY
    return led.pop()


@given(rows=ROWS)
def test_every_row_counts_once_or_is_kept(rows: list[dict[str, object]]) -> None:
    columns = {name: [row[name] for row in rows] for name in VALUES}
    table = pa.table({"position": list(range(len(rows))), **columns})
    found = match_use([table.slice(0, 5), table.slice(5)], INDEX)
    outcomes = [wanted(row) for row in rows]
    assert [row.reason for row in found.unmatched] == [
        one for one in outcomes if isinstance(one, Unmatched)
    ]
    expected: Counter[str] = Counter()
    for row, one in zip(rows, outcomes, strict=True):
        if not isinstance(one, Unmatched):
            assert isinstance(row["quantity"], int)
            expected[one] += row["quantity"]
    assert found.quantities == expected
    assert found.rows == len(rows)
