"""XLSX is read as the same table in another format would be."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from pipelines.catalogue.read import open_catalogue, read_table
from pipelines.catalogue.sheet_order import check_order
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import asset, csv_bytes, read_all, write_catalogue

HEADER = ["contributor_id", "purpose", "value", "given_at", "Agreement Ref", "asset_id"]


def _bytes(book: Workbook) -> bytes:
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def _book(*rows: list[object]) -> Workbook:
    book = Workbook()
    for row in (HEADER, *rows):
        book.worksheets[0].append(row)
    return book


def _folder(folder: Path, book: Workbook | bytes) -> Path:
    write_catalogue(folder, [asset()], "csv")
    data = book if isinstance(book, bytes) else _bytes(book)
    (folder / "consents.xlsx").write_bytes(data)
    return folder


def test_a_sheet_is_read(tmp_path: Path) -> None:
    book = _book(
        ["c-1", "all", "deny", date(2026, 3, 1), None, "a-0"],
        [None, " ", None, None, None, None],
        [7, "all", "allow", datetime(2026, 3, 1, 12), "MSA\n2019", None],
        ["c-3", "all", "deny", "2026-03-02", None],
    )
    counts: dict[str, object] = {}
    table = read_table(open_catalogue(str(_folder(tmp_path, book))), "consents", counts=counts)  # type: ignore[arg-type]
    assert table["contributor_id"].to_pylist() == ["c-1", "7", "c-3"]
    assert table["given_at"].to_pylist() == [
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 3, 1, 12, tzinfo=UTC),
        datetime(2026, 3, 2, tzinfo=UTC),
    ]
    assert table["agreement_ref"].to_pylist() == [None, "MSA 2019", None]
    assert getattr(counts["consents"], "blank_rows", None) == 1


def test_assets_in_a_sheet(tmp_path: Path) -> None:
    book = Workbook()
    rows = [asset(1, people_count=2), asset(2, people_count="two"), asset(3)]
    names = [*asset(), "people_count"]
    book.worksheets[0].append(names)
    for row in rows:
        row["contributors"] = "c-1:6000;c-2:4000"
        book.worksheets[0].append([row.get(name) for name in names])
    folder = write_catalogue(tmp_path, [], "csv")
    (folder / "assets.csv").unlink()
    (folder / "assets.xlsx").write_bytes(_bytes(book))
    table, dead = read_all(folder)
    assert table["asset_id"].to_pylist() == ["a-1", "a-3"]
    assert table["people_count"].to_pylist() == [2, None]
    assert [detail.split(": ")[0] for _, detail in dead] == ["assets.xlsx:3"]


def _two_sheets() -> Workbook:
    book = _book(["c-1", "all", "allow", "2026-01-01"])
    book.create_sheet("Withdrawn").append(["c-1", "all", "deny", "2026-03-01"])
    book.worksheets[1].sheet_state = "hidden"
    return book


def _beyond() -> Workbook:
    return _book(["c-1", "all", "deny", "2026-03-01", None, None, None, "but not a-7"])


def _formula() -> Workbook:
    return _book(["c-1", "all", '="de"&"ny"', "2026-03-01"])


def _error() -> Workbook:
    return _book(["c-1", "all", "#N/A", "2026-03-01"])


REFUSED = {
    "sheets": (_two_sheets, "Withdrawn"),
    "beyond": (_beyond, "consents.xlsx:2: a cell to the right"),
    "formula": (_formula, "a formula without a stored value"),
    "error": (_error, "the error #N/A"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_not_certain_is_refused(name: str, tmp_path: Path) -> None:
    make, why = REFUSED[name]
    with pytest.raises(InputError, match=why):
        read_table(open_catalogue(str(_folder(tmp_path, make()))), "consents")


def test_a_formula_counts_by_its_stored_value(tmp_path: Path) -> None:
    source = io.BytesIO(_bytes(_formula()))
    sink = io.BytesIO()
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(sink, "w") as after:
        for entry in before.infolist():
            data = before.read(entry)
            if entry.filename.endswith("sheet1.xml"):
                data = data.replace(b'<c r="C2"><f>', b'<c r="C2" t="str"><f>')
                data = data.replace(b"</f><v></v>", b"</f><v>deny</v>")
                data = data.replace(b"</f><v />", b"</f><v>deny</v>")
                assert b"<v>deny</v>" in data
            after.writestr(entry, data)
    table = read_table(open_catalogue(str(_folder(tmp_path, sink.getvalue()))), "consents")
    assert table["value"].to_pylist() == ["deny"]


def _edited(book: Workbook, change: Callable[[bytes], bytes]) -> bytes:
    """A workbook with its sheet's XML changed."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(_bytes(book))) as before, zipfile.ZipFile(sink, "w") as after:
        for entry in before.infolist():
            data = before.read(entry)
            if entry.filename.endswith("sheet1.xml"):
                changed = change(data)
                assert changed != data
                data = changed
            after.writestr(entry, data)
    return sink.getvalue()


OUT_OF_ORDER: dict[str, Callable[[bytes], bytes]] = {
    "a row twice": lambda xml: xml.replace(b'<row r="3"', b'<row r="2"'),
    "a row after a later one": lambda xml: xml.replace(b'<row r="2"', b'<row r="7"'),
    "a cell twice": lambda xml: xml.replace(b'r="D3"', b'r="C3"'),
    "a cell after a later one": lambda xml: xml.replace(b'r="C3"', b'r="ZZ3"'),
    "a cell of another row": lambda xml: xml.replace(b'r="C3"', b'r="C9"'),
    "in single quotes": lambda xml: xml.replace(b'<row r="3"', b"<row r='2'"),
    "with blanks": lambda xml: xml.replace(b'<row r="3"', b'<row\n r \t=\n"2"'),
    "by an entity": lambda xml: xml.replace(b'<row r="3"', b'<row r="&#50;"'),
    "with > in another": lambda xml: xml.replace(b'<row r="3"', b'<row spans="a>b" r="2"'),
    "a cell in single quotes": lambda xml: xml.replace(b'r="D3"', b"r = 'C3'"),
    "a cell in small letters": lambda xml: xml.replace(b'r="D3"', b'r="c3"'),
    "a cell without a place": lambda xml: xml.replace(b'<c r="B3"', b"<c").replace(
        b'r="C3"', b'r="B3"'
    ),
}


@pytest.mark.parametrize("name", OUT_OF_ORDER)
def test_rows_and_cells_out_of_order_are_refused(name: str, tmp_path: Path) -> None:
    book = _book(["c-1", "all", "allow", "2026-01-01"], ["c-1", "all", "deny", "2026-03-01"])
    folder = _folder(tmp_path, _edited(book, OUT_OF_ORDER[name]))
    with pytest.raises(InputError, match="comes after"):
        read_table(open_catalogue(str(folder)), "consents")


@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("block", [16, 100, 1 << 20])
def test_order_is_checked_whatever_is_read_at_a_time(
    rows: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.catalogue.sheet_xml.BLOCK_BYTES", block)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    shown = "".join(
        f'<row spans="1:2" r="{row}"><c s="1" r="A{row}"/><c/>'
        f"<x:c t='s' r='AB{row}'><v>1</v></x:c>"
        "</row>"
        for row in range(1, rows + 1)
    )
    head, end = (
        f'<worksheet xmlns="{main}" xmlns:x="{main}"><sheetData>',
        "</sheetData></worksheet>",
    )
    for encoding in ("utf-8", "utf-16"):
        check_order(io.BytesIO((head + shown + end).encode(encoding)))
        with pytest.raises(ValueError, match=f"row {rows} comes after row {rows}"):
            check_order(io.BytesIO(f'{head}{shown}<row r="{rows}"/>{end}'.encode(encoding)))


ODD_SHEETS = {
    "begins with": lambda xml: xml.replace(b"spreadsheetml/2006/main", b"spreadsheetml/2007/main"),
    "declares entities": lambda xml: b"<!DOCTYPE worksheet []>" + xml,
    "is not the number of a row": lambda xml: xml.replace(b'<row r="2"', b'<row r="2.0"'),
    "is not the place of a cell": lambda xml: xml.replace(b'r="C2"', b'r="2C"'),
}


@pytest.mark.parametrize("why", ODD_SHEETS)
def test_a_sheet_in_another_form_is_refused(why: str, tmp_path: Path) -> None:
    data = _edited(_book(["c-1", "all", "deny", "2026-03-01"]), ODD_SHEETS[why])
    with pytest.raises(InputError, match=why):
        read_table(open_catalogue(str(_folder(tmp_path, data))), "consents")


def test_a_second_sheet_in_another_form_is_not_taken_for_empty(tmp_path: Path) -> None:
    book = _book(["c-1", "all", "allow", "2026-01-01"])
    book.create_sheet("Withdrawn", 0).append(["c-1", "all", "deny", "2026-03-01"])
    folder = _folder(tmp_path, _edited(book, ODD_SHEETS["begins with"]))
    with pytest.raises(InputError, match="begins with"):
        read_table(open_catalogue(str(folder)), "consents")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", csv_bytes([asset()])])
def test_a_file_that_is_no_workbook_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="workbook cannot be read"):
        open_catalogue(str(_folder(tmp_path, data)))


def test_a_damaged_workbook_is_refused(tmp_path: Path) -> None:
    data = bytearray(_bytes(_book(["c-1", "all", "deny", "2026-03-01"])))
    for position in range(0, len(data), 97):
        damaged = bytes(data[:position]) + b"\xff" * 9 + bytes(data[position + 9 :])
        folder = _folder(tmp_path, damaged)
        try:
            values = read_table(open_catalogue(str(folder)), "consents")["value"].to_pylist()
        except InputError:
            continue
        assert values == ["deny"]


def test_a_workbook_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.catalogue.spreadsheet.MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(InputError, match="too large"):
        open_catalogue(str(_folder(tmp_path, _book())))
