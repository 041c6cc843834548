"""Every sheet of a workbook is read as the table that its name or the mapping says, or named."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.chart import BarChart

from pipelines.catalogue.read import open_catalogue, read_table
from pipelines.storage.columns import values_of
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import asset, csv_bytes, read_all

pytestmark = pytest.mark.long

Sheet = list[dict[str, Any]]
ASSET = asset() | {"contributors": "c-1:10000"}
CONSENT = {"contributor_id": "c-1", "purpose": "all", "value": "allow", "given_at": "2024-01-01"}
DENIAL = CONSENT | {"value": "deny", "given_at": "2026-01-01"}
TABLES: dict[str, Sheet] = {
    "assets": [ASSET],
    "contributors": [{"contributor_id": "c-1"}],
    "consents": [DENIAL],
}


def book(**sheets: Sheet) -> bytes:
    made = Workbook()
    made.remove(made.worksheets[0])
    for title, rows in sheets.items():
        sheet = made.create_sheet(title.replace("_", " "))
        if rows:
            sheet.append(list(rows[0]))
        for row in rows:
            sheet.append(list(row.values()))
    sink = io.BytesIO()
    made.save(sink)
    return sink.getvalue()


def folder_of(folder: Path, mapping: str = "", **files: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / f"{name}.xlsx").write_bytes(data)
    for table, rows in TABLES.items():
        if table not in files and not any(b"xl/" in data for data in files.values()):
            (folder / f"{table}.csv").write_bytes(csv_bytes(rows))
    if mapping:
        (folder / "mapping.toml").write_text(mapping, encoding="utf-8")
    return folder


def tables(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / f"{name}.csv").write_bytes(csv_bytes(TABLES[name]))
    return folder


def values(folder: Path) -> list[str]:
    return values_of(read_table(open_catalogue(str(folder)), "consents")["value"], str)


@pytest.mark.parametrize("name", ["export", "assets"])
def test_sheets_named_as_tables_are_read(name: str, tmp_path: Path) -> None:
    data = book(Assets=[ASSET], CONTRIBUTORS=TABLES["contributors"], consents=[DENIAL], Empty=[])
    folder = folder_of(tmp_path, "", **{name: data})
    table, dead = read_all(folder)
    assert (table["asset_id"].to_pylist(), dead) == (["a-0"], [])
    assert values(folder) == ["deny"]
    files = open_catalogue(str(folder)).files
    assert (files.total, files.sheets.empty) == (1, 1)


def test_a_bad_row_is_named_with_its_sheet(tmp_path: Path) -> None:
    data = book(assets=[ASSET | {"people_count": "two"}], contributors=TABLES["contributors"])
    _, dead = read_all(folder_of(tmp_path, export=data))
    assert dead[0][1].startswith("export.xlsx#assets:2: ")


def test_the_only_sheet_may_have_any_name(tmp_path: Path) -> None:
    folder = tables(folder_of(tmp_path, consents=book(Tabelle1=[DENIAL])), "assets", "contributors")
    assert values(folder) == ["deny"]


STATED = '[mapping.consents]\nfile = "export.xlsx"\nsheet = "opt outs"\n'


def test_the_mapping_states_the_sheet(tmp_path: Path) -> None:
    data = book(Opt_Outs=[DENIAL], Contributors=TABLES["contributors"], Assets=[ASSET])
    assert values(folder_of(tmp_path, STATED, export=data)) == ["deny"]


def test_two_tables_may_name_one_workbook(tmp_path: Path) -> None:
    mapping = (
        '[mapping.assets]\nfile = "export.xlsx"\nsheet = "Pictures"\n'
        '[mapping.consents]\nfile = "export.xlsx"\nsheet = "Answers"\n'
        '[mapping.contributors]\nfile = "export.xlsx"\nsheet = "People"\n'
    )
    data = book(Answers=[DENIAL], Pictures=[ASSET], People=TABLES["contributors"])
    assert values(folder_of(tmp_path, mapping, export=data)) == ["deny"]


def refused(tmp_path: Path, mapping: str, *others: str, **files: bytes) -> str:
    folder = tables(folder_of(tmp_path, mapping, **files), *others)
    with pytest.raises(InputError) as caught:
        pytest.fail(str(values(folder)))
    return str(caught.value)


def test_an_unread_sheet_stops_the_run_and_can_be_left_out(tmp_path: Path) -> None:
    data = book(consents=[CONSENT], Withdrawn=[DENIAL])
    others = ("assets", "contributors")
    said = refused(tmp_path, "", *others, export=data)
    assert "export.xlsx#Withdrawn" in said
    [ignore] = re.findall(r"\[files\] ignore = \[.*\]", said)
    folder = folder_of(tmp_path, ignore.replace("] ", "]\n"), export=data)
    assert values(folder) == ["allow"]
    assert open_catalogue(str(folder)).files.sheets.ignored == ("export.xlsx#Withdrawn",)


def test_a_sheet_that_is_not_certain_stops_the_run(tmp_path: Path) -> None:
    others = ("assets", "contributors")
    two = book(Yes=[CONSENT], No=[DENIAL])
    assert "Yes, No" in refused(tmp_path / "1", "", *others, consents=two)
    both = book(consents=[CONSENT], Con_Sents=[DENIAL])
    assert "more than once" in refused(tmp_path / "2", "", *others, export=both)
    again = {"export": book(consents=[CONSENT], x=[]), "more": book(Consents=[DENIAL])}
    assert "more than once" in refused(tmp_path / "3", "", *others, **again)
    beside = refused(tmp_path / "4", "", *others, "consents", export=book(consents=[DENIAL]))
    assert "more than once" in beside
    missing = refused(tmp_path / "5", STATED, *others, export=book(opt_out=[DENIAL], x=[CONSENT]))
    assert "Is it opt out?" in missing
    csv = '[mapping.consents]\nfile = "consents.csv"\nsheet = "a"\n'
    assert "a sheet that is not there" in refused(tmp_path / "6", csv, *others, "consents")


def test_a_table_may_have_several_sheets_of_a_workbook(tmp_path: Path) -> None:
    others = ("assets", "contributors")
    data = book(Yes=[CONSENT], No=[DENIAL])
    said = refused(
        tmp_path / "1", '[mapping.consents]\nfile = "export.xlsx"\n', *others, export=data
    )
    [files] = re.findall(r"files = \[.*?\]", said)
    assert files == 'files = ["export.xlsx#Yes", "export.xlsx#No"]'
    mapping = f"[mapping.consents]\n{files}\n"
    folder = tables(folder_of(tmp_path / "2", mapping, export=data), *others)
    assert values(folder) == ["deny", "allow"]  # in the order of the sheets' names
    one = book(Yes=[CONSENT], No=[DENIAL], Notes=[{"a": "b"}])
    left = refused(tmp_path / "3", mapping, *others, export=one)
    assert "export.xlsx#Notes" in left
    every = '[mapping.consents]\nfiles = ["export.xlsx#*"]\n'
    folder = tables(folder_of(tmp_path / "4", every, export=data), *others)
    assert values(folder) == ["deny", "allow"]
    wrong = '[mapping.consents]\nfiles = ["export.xlsx#Yess"]\n'
    assert "export.xlsx#Yes" in refused(tmp_path / "5", wrong, *others, export=data)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ([], "a sheet of the table consents that is not there or has no cells: .*export.xlsx#No'"),
        ([{"contributor_id": "c-1"}], "lacks the column purpose: .*export.xlsx#No, which has"),
    ],
)
def test_a_sheet_of_several_that_cannot_be_read_is_named(
    tmp_path: Path, second: Sheet, said: str
) -> None:
    mapping = '[mapping.consents]\nfiles = ["export.xlsx#Yes", "export.xlsx#No"]\n'
    made = folder_of(tmp_path, mapping, export=book(Yes=[CONSENT], No=second))
    with pytest.raises(InputError, match=said):
        values(tables(made, "assets", "contributors"))


def test_a_missing_table_is_told_how_a_sheet_is_named(tmp_path: Path) -> None:
    data = book(Bilder=[ASSET], Leute=[{"contributor_id": "c-1"}])
    said = refused(tmp_path, "", export=data)
    assert '[mapping.assets] files = ["…"], or of a workbook with several sheets, such as' in said
    assert 'such as ["export.xlsx#Bilder"]' in said


def test_a_workbook_of_no_table_is_named(tmp_path: Path) -> None:
    said = refused(tmp_path, "", "assets", "contributors", notes=book(Sheet1=[DENIAL]))
    assert "not part of any table" in said
    assert "notes.xlsx" in said


def test_a_workbook_may_be_left_out_sheet_by_sheet(tmp_path: Path) -> None:
    mapping = '[files]\nignore = ["notes.xlsx#*"]\n'
    folder = folder_of(tmp_path, mapping, notes=book(a=[DENIAL], b=[CONSENT]))
    tables(folder, *TABLES)
    assert values(folder) == ["deny"]
    assert open_catalogue(str(folder)).files.ignored == ("notes.xlsx",)


def test_a_chart_is_no_sheet_with_cells_and_other_kinds_are_refused(tmp_path: Path) -> None:
    made = Workbook()
    made.worksheets[0].append(list(DENIAL))
    made.worksheets[0].append(list(DENIAL.values()))
    made.create_chartsheet("Chart").add_chart(BarChart())
    sink = io.BytesIO()
    made.save(sink)
    folder = folder_of(tmp_path, consents=sink.getvalue())
    assert values(tables(folder, "assets", "contributors")) == ["deny"]
    # A sheet whose part is not there is skipped by openpyxl without a word.
    source, cut = io.BytesIO(book(consents=[CONSENT], Withdrawn=[DENIAL])), io.BytesIO()
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(cut, "w") as after:
        for entry in before.infolist():
            if not entry.filename.endswith("sheet2.xml"):
                after.writestr(entry, before.read(entry))
    (folder / "consents.xlsx").write_bytes(cut.getvalue())
    with pytest.raises(InputError, match="sheets of another kind"):
        values(folder)
