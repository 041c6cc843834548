"""A note beside a sheet's cells stops the run, or is left out by name and counted."""

from __future__ import annotations

import io
import re
import tomllib
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.comments import Comment

from pipelines.catalogue.read import open_catalogue, read_table
from pipelines.catalogue.workbooks import _pattern
from pipelines.storage.columns import values_of
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import asset, write_catalogue

HEADER = ["contributor_id", "purpose", "value", "given_at"]
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
THREADS = "http://schemas.microsoft.com/office/2017/10/relationships/threadedComment"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def _book(**notes: str) -> Workbook:
    """A workbook with a yes of c-1, and notes on cells."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(HEADER)
    sheet.append(["c-1", "all", "allow", "2024-01-01"])
    for cell, text in notes.items():
        sheet[cell].comment = Comment(text, "Ida")
    return book


def _bytes(book: Workbook) -> bytes:
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def _with_part(kind: str, name: str, text: str, **notes: str) -> bytes:
    """A workbook with one more part that belongs to its sheet."""
    source, sink = io.BytesIO(_bytes(_book(**notes))), io.BytesIO()
    own = "xl/worksheets/_rels/sheet1.xml.rels"
    relation = f'<Relationship Id="x1" Type="{kind}" Target="../{name}"/></Relationships>'
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(sink, "w") as after:
        for entry in before.infolist():
            if entry.filename != own:
                after.writestr(entry, before.read(entry))
        given = before.read(own).decode() if own in before.namelist() else ""
        relations = given or f'<Relationships xmlns="{RELATIONS}"></Relationships>'
        after.writestr(own, relations.replace("</Relationships>", relation))
        after.writestr(f"xl/{name}", text)
    return sink.getvalue()


def _folder(folder: Path, data: bytes, mapping: str = "") -> Path:
    write_catalogue(folder, [asset()], "csv")
    (folder / "consents.xlsx").write_bytes(data)
    if mapping:
        (folder / "mapping.toml").write_text(mapping, encoding="utf-8")
    return folder


def _refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        pytest.fail(str(open_catalogue(str(folder))))
    return str(caught.value)


@pytest.mark.parametrize("cell", ["C2", "A1", "C9", "Z2"])
def test_a_note_on_a_cell_stops_the_run(cell: str, tmp_path: Path) -> None:
    said = _refused(_folder(tmp_path, _bytes(_book(**{cell: "withdrawn by\ncontributor"}))))
    assert f"1 on the sheet Sheet, the first on {cell}: 'withdrawn by contributor'" in said
    assert 'ignore = ["consents.xlsx#Sheet#notes"]' in said


def test_notes_can_be_left_out_and_are_counted(tmp_path: Path) -> None:
    mapping = '[files]\nignore = ["consents.xlsx#Sheet#notes"]\n'
    folder = _folder(tmp_path, _bytes(_book(C2="seen", A1="an id")), mapping)
    catalogue = open_catalogue(str(folder))
    assert values_of(read_table(catalogue, "consents")["value"], str) == ["allow"]
    assert catalogue.files.sheets.notes == (("consents.xlsx#Sheet#notes", 2),)
    assert catalogue.files.to_json()["ignored_notes"] == {"consents.xlsx#Sheet#notes": 2}


def test_the_message_gives_a_pattern_for_any_name(tmp_path: Path) -> None:
    book = _book(C2="seen")
    book.worksheets[0].title = 'The "2024" list'
    folder = _folder(tmp_path, _bytes(book))
    line = re.findall(r"ignore = \[.*\]", _refused(folder))[0]
    (folder / "mapping.toml").write_text(f"[files]\n{line}\n", encoding="utf-8")
    assert open_catalogue(str(folder)).files.sheets.notes[0][1] == 1


@pytest.mark.parametrize("name", ["a [2024].xlsx#x#notes", "w*?.xlsx#[a]#notes", 'so "x".xlsx#1'])
def test_a_pattern_means_one_name(name: str) -> None:
    [pattern] = tomllib.loads(f"ignore = [{_pattern(name)}]")["ignore"]
    assert fnmatchcase(name, pattern)
    assert not fnmatchcase(name.replace("[", "").replace("?", "x").replace("so", ""), pattern)


def test_a_thread_is_read(tmp_path: Path) -> None:
    thread = (
        '<ThreadedComments xmlns="x"><threadedComment ref="C2"><text>withdrawn</text>'
        '</threadedComment><threadedComment ref="C2"><text>yes, all of it</text>'
        "</threadedComment></ThreadedComments>"
    )
    said = _refused(_folder(tmp_path / "1", _with_part(THREADS, "threads/t.xml", thread)))
    assert "1 on the sheet Sheet, the first on C2: 'withdrawn yes, all of it'" in said
    both = _with_part(THREADS, "threads/t.xml", thread, C2="Your version of Excel: withdrawn")
    said = _refused(_folder(tmp_path / "2", both))
    assert "1 on the sheet Sheet, the first on C2: 'Your version of Excel: withdrawn yes" in said


def test_a_text_box_is_read(tmp_path: Path) -> None:
    words = "<a:p><a:t>no to </a:t><a:t>AI</a:t></a:p>"
    box = f'<d:x xmlns:d="x" xmlns:a="y"><d:txBody>{words}</d:txBody></d:x>'
    said = _refused(_folder(tmp_path, _with_part(f"{OFFICE}/drawing", "drawings/d.xml", box)))
    assert "the first on a text box: 'no to AI'" in said


def test_a_picture_is_no_note(tmp_path: Path) -> None:
    drawing = '<d:x xmlns:d="x"><d:pic/></d:x>'
    folder = _folder(tmp_path, _with_part(f"{OFFICE}/drawing", "drawings/d.xml", drawing))
    assert open_catalogue(str(folder)).files.sheets.notes == ()


@pytest.mark.parametrize("text", ["<comments><comm", ""])
def test_notes_that_cannot_be_read_stop_the_run(text: str, tmp_path: Path) -> None:
    data = _with_part(f"{OFFICE}/comments", "comments1.xml", text)
    assert "on xl/comments1.xml: 'it cannot be read" in _refused(_folder(tmp_path, data))


def test_a_damaged_list_of_notes_stops_the_run(tmp_path: Path) -> None:
    data = _with_part(f"{OFFICE}/comments", "comments1.xml&", "<comments/>")
    assert "cannot be read" in _refused(_folder(tmp_path, data))


def test_notes_on_sheets_that_hold_no_cells_or_are_left_out(tmp_path: Path) -> None:
    book = _book()
    book.create_sheet("Second")["B2"].comment = Comment("c-1 says no", "Ida")
    assert "1 on the sheet Second" in _refused(_folder(tmp_path / "1", _bytes(book)))
    book["Second"]["A1"] = "old"
    mapping = '[files]\nignore = ["consents.xlsx#Second"]\n'
    folder = _folder(tmp_path / "2", _bytes(book), mapping)
    assert open_catalogue(str(folder)).files.sheets.notes == ()
