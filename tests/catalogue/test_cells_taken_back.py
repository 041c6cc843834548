"""A cell that something beside it may take back makes its row unreadable, or stops the run."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.styles import Font

from pipelines.catalogue.read import open_catalogue, read_table
from pipelines.storage.columns import values_of
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import asset, csv_bytes, read_all, write_catalogue

HEADER = ["contributor_id", "purpose", "value", "given_at"]
YES = ["c-1", "all", "allow", "2024-01-01"]


def _folder(folder: Path, ending: str, data: bytes) -> Path:
    write_catalogue(folder, [asset()], "csv")
    (folder / f"consents.{ending}").write_bytes(data)
    return folder


def _table(ending: str, at: int, cell: str) -> bytes:
    """A yes, with a column without a name at a place and a cell in it."""
    header, row = ([*values[:at], one, *values[at:]] for values, one in ((HEADER, ""), (YES, cell)))
    if ending == "csv":
        return f"{','.join(header)}\n{','.join(row)}\n".encode()
    if ending == "jsonl":
        return json.dumps(dict(zip(header, row, strict=True))).encode()
    book = Workbook()
    for values in (header, row):
        book.worksheets[0].append([value or None for value in values])
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def _values(folder: Path) -> list[str]:
    return values_of(read_table(open_catalogue(str(folder)), "consents")["value"], str)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "xlsx"])
@pytest.mark.parametrize(("at", "cell"), [(0, "withdrawn"), (2, "no"), (4, "see mail"), (2, "1")])
def test_a_cell_of_a_column_without_a_name(at: int, cell: str, ending: str, tmp_path: Path) -> None:
    folder = _folder(tmp_path, ending, _table(ending, at, cell))
    with pytest.raises(InputError) as caught:
        pytest.fail(str(_values(folder)))
    # A sheet's last columns without a name are right of its header.
    told = "right of the header" if (ending, at) == ("xlsx", 4) else "without a name"
    assert told in str(caught.value)
    assert cell in str(caught.value)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "xlsx"])
@pytest.mark.parametrize("cell", ["", " ", "NULL"])
def test_an_empty_column_without_a_name_is_let_pass(cell: str, ending: str, tmp_path: Path) -> None:
    assert _values(_folder(tmp_path, ending, _table(ending, 2, cell))) == ["allow"]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_numbers_of_rows_are_let_pass(ending: str, tmp_path: Path) -> None:
    assert _values(_folder(tmp_path, ending, _table(ending, 0, "17"))) == ["allow"]


def test_an_asset_with_such_a_cell_fails_alone(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path, [], "csv")
    rows = [asset(1) | {"": ""}, asset(2) | {"": "do not use"}, asset(3) | {"": None}]
    (folder / "assets.csv").write_bytes(csv_bytes(rows))
    table, dead = read_all(folder)
    assert table["asset_id"].to_pylist() == ["a-1", "a-3"]
    assert ["without a name: 'do not use'" in detail for _, detail in dead] == [True]


def _struck(cell: str) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    for values in (HEADER, YES):
        sheet.append(values)
    sheet[cell].font = Font(strike=True)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


@pytest.mark.parametrize("cell", ["A2", "C2", "B1"])
def test_a_struck_out_cell_stops_the_run(cell: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="struck out"):
        _values(_folder(tmp_path, "xlsx", _struck(cell)))


def test_an_empty_cell_may_be_struck_out(tmp_path: Path) -> None:
    assert _values(_folder(tmp_path, "xlsx", _struck("F2"))) == ["allow"]


def _with_text(text: bytes, *, is_shared: bool) -> bytes:
    """The yes, with the text of its value in a list of texts, as Excel has it, or in the sheet."""
    book = Workbook()
    for values in (HEADER, ["c-1", "all", "MARK", "2024-01-01"]):
        book.worksheets[0].append(values)
    sink, made = io.BytesIO(), io.BytesIO()
    book.save(sink)
    cell = b'<c r="C2" t="inlineStr"><is>' + text + b"</is></c>"
    shared = b'<c r="C2" t="s"><v>0</v></c>'
    main = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    with zipfile.ZipFile(sink) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                data = re.sub(rb'<c r="C2"[^>]*>.*?</c>', shared if is_shared else cell, data)
            if name == "xl/_rels/workbook.xml.rels":
                link = b'<Relationship Id="t" Type="' + kind + b'" Target="sharedStrings.xml"/>'
                data = data.replace(b"</Relationships>", link + b"</Relationships>")
            if name == "[Content_Types].xml":
                part = b'<Override PartName="/xl/sharedStrings.xml" ContentType="'
                part += b"application/vnd.openxmlformats-officedocument.spreadsheetml"
                data = data.replace(b"</Types>", part + b'.sharedStrings+xml"/></Types>')
            new.writestr(name, data)
        new.writestr(
            "xl/sharedStrings.xml", b'<sst xmlns="' + main + b'"><si>' + text + b"</si></sst>"
        )
    return made.getvalue()


@pytest.mark.parametrize("is_shared", [True, False])
@pytest.mark.parametrize(
    "strike", [b"<strike/>", b'<strike val="1"/>', b"<strike val='true'></strike>"]
)
def test_a_struck_out_part_of_a_text_stops_the_run(
    strike: bytes, is_shared: bool, tmp_path: Path
) -> None:
    text = b"<r><rPr>" + strike + b"</rPr><t>allow</t></r>"
    with pytest.raises(InputError, match="struck out"):
        _values(_folder(tmp_path, "xlsx", _with_text(text, is_shared=is_shared)))


@pytest.mark.parametrize("is_shared", [True, False])
@pytest.mark.parametrize("font", [b"<b/>", b'<strike val="0"/>', b'<strike val="false"/>'])
def test_a_text_in_parts_is_read(font: bytes, is_shared: bool, tmp_path: Path) -> None:
    text = b"<r><rPr>" + font + b"</rPr><t>al</t></r><r><t>low</t></r>"
    data = _with_text(text, is_shared=is_shared)
    assert _values(_folder(tmp_path, "xlsx", data)) == ["allow"]
