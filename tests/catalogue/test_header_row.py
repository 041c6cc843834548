"""Titles and notes above the row with the names of the columns: `header_row`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from openpyxl import Workbook

from pipelines.catalogue.read import open_catalogue
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import asset, csv_bytes, jsonl_bytes, raw_catalogue, read_all

ROWS = [asset(1, contributors="c-1:10000"), asset(2, contributors="c-1:10000", people_count="two")]


def stated(row: object) -> str:
    return f"[mapping.assets]\nheader_row = {row}\n"


def workbook(above: list[list[object]]) -> bytes:
    made = Workbook()
    sheet = made.worksheets[0]
    names = list(ROWS[1])
    for row in [*above, names, *([one.get(name) for name in names] for one in ROWS)]:
        sheet.append(row)
    sink = io.BytesIO()
    made.save(sink)
    return sink.getvalue()


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("above", ["Library of 2026\n\n", 'Export,"of ; 2026"\nasset_id,x\n'])
def test_what_is_above_the_header_of_csv_is_not_read(
    above: str, separator: str, tmp_path: Path
) -> None:
    data = csv_bytes(ROWS).replace(b",", separator.encode())
    folder = raw_catalogue(tmp_path, "assets.csv", above.encode() + data)
    with pytest.raises(InputError):
        open_catalogue(str(folder))
    (folder / "mapping.toml").write_text(stated(3))
    table, failed = read_all(folder)
    assert table["asset_id"].to_pylist() == ["a-1"]
    assert [(name, detail.partition(": ")[0]) for name, detail in failed] == [
        ("a-2", "assets.csv:5")
    ]


def test_what_is_above_the_header_of_a_sheet_is_not_read(tmp_path: Path) -> None:
    data = workbook([["Library of 2026"], [], ["asset_id", "as named by us"]])
    folder = raw_catalogue(tmp_path, "assets.xlsx", data)
    with pytest.raises(InputError, match=r"\[mapping\.assets\] header_row = 3"):
        open_catalogue(str(folder))
    (folder / "mapping.toml").write_text(stated(4))
    table, failed = read_all(folder)
    assert table["asset_id"].to_pylist() == ["a-1"]
    assert failed[0][1].startswith("assets.xlsx:6: ")


@pytest.mark.parametrize("row", [0, -1, "true", '"3"', 1_001, 2.5])
def test_a_row_that_is_none_is_refused(row: object, tmp_path: Path) -> None:
    folder = raw_catalogue(tmp_path, "assets.csv", csv_bytes(ROWS))
    (folder / "mapping.toml").write_text(stated(row))
    with pytest.raises(InputError, match="the number of a row"):
        open_catalogue(str(folder))


def test_the_first_row_may_be_named_and_a_file_without_rows_has_none(tmp_path: Path) -> None:
    folder = raw_catalogue(tmp_path, "assets.csv", csv_bytes(ROWS))
    (folder / "mapping.toml").write_text(stated(1))
    assert read_all(folder)[0]["asset_id"].to_pylist() == ["a-1"]
    (folder / "assets.csv").unlink()
    (folder / "assets.jsonl").write_bytes(jsonl_bytes(ROWS))
    with pytest.raises(InputError, match="it is for CSV files and workbooks"):
        open_catalogue(str(folder))


def test_a_row_of_another_width_is_named_by_its_line(tmp_path: Path) -> None:
    rows = csv_bytes([ROWS[0]]).replace(b",", b";") + b"a-2;x\n"
    folder = raw_catalogue(tmp_path, "assets.csv", b"Library\n\n" + rows)
    (folder / "mapping.toml").write_text(stated(3))
    with pytest.raises(InputError, match="the row that ends in line 5 has 2 cells"):
        open_catalogue(str(folder))


def test_a_name_with_a_comma_is_a_sole_contributor_if_the_mapping_says_so(tmp_path: Path) -> None:
    rows = [asset(1, contributors="Groß, Karl")]
    folder = raw_catalogue(tmp_path, "assets.csv", csv_bytes(rows))
    sole = "[mapping.assets]\nsole_contributor = true\n"
    (folder / "mapping.toml").write_text(sole)
    with pytest.raises(InputError, match="if this is one item"):
        read_all(folder)
    (folder / "mapping.toml").write_text(sole + 'lists = { contributors = ";" }\n')
    table, failed = read_all(folder)
    assert failed == []
    assert table["contributors"].to_pylist() == [
        [{"contributor_id": "Groß, Karl", "share_bp": 10000}]
    ]


@pytest.mark.parametrize(
    ("decimal", "cell", "count"),
    [
        *((",", "1.234.567,0", 1234567), (",", "1.234", 1234), (",", "12,00", 12)),
        *((".", "1,234.0", 1234), (",", "1.23,0", None), (",", "1.234,5", None)),
        (",", "0.123", None),
    ],
)
def test_a_stated_decimal_mark_says_what_the_other_mark_is(
    decimal: str, cell: str, count: int | None, tmp_path: Path
) -> None:
    rows = [asset(1, contributors="c-1:10000", bytes=cell)]
    folder = raw_catalogue(tmp_path, "assets.csv", csv_bytes(rows))
    (folder / "mapping.toml").write_text(f'[mapping.assets.csv]\ndecimal = "{decimal}"\n')
    table, failed = read_all(folder)
    assert table["bytes"].to_pylist() == ([] if count is None else [count])
    assert len(failed) == (count is None)
