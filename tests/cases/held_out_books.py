"""Variants of a no in workbooks."""

from __future__ import annotations

from datetime import datetime

from openpyxl.comments import Comment
from openpyxl.styles import Font
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from tests.cases.held_out_case import (
    READS,
    STOPS,
    Case,
    Rows,
    book_of,
    saved,
    variant,
)
from tests.cases.values_common import agreement, said


@variant("column without a name in a sheet", STOPS)
def _(case: Case) -> None:
    book = book_of(case.tables["consents"])
    sheet = book.worksheets[0]
    sheet.insert_cols(2)
    sheet["B3"] = "withdrawn"
    case.instead("consents", "xlsx", saved(book))


@variant("merged header over two rows", STOPS)
def _(case: Case) -> None:
    case.deny()
    book = book_of(case.tables["consents"])
    sheet = book.worksheets[0]
    sheet.insert_rows(1)
    sheet["A1"] = "Contributor"
    sheet["C1"] = "Answer"
    sheet.merge_cells("A1:B1")
    case.instead("consents", "xlsx", saved(book))


@variant("cells merged over yes and no", STOPS)
def _(case: Case) -> None:
    case.deny()
    book = book_of(case.tables["consents"])
    book.worksheets[0].merge_cells("A3:A4")
    case.instead("consents", "xlsx", saved(book))


@variant("rows hidden by a filter", READS)
def _(case: Case) -> None:
    case.deny()
    book = book_of(case.tables["consents"])
    sheet = book.worksheets[0]
    sheet.auto_filter.ref = "A1:F4"
    sheet.auto_filter.add_filter_column(2, ["allow"])
    sheet.row_dimensions[4].hidden = True
    case.instead("consents", "xlsx", saved(book))


@variant("a hidden column", READS)
def _(case: Case) -> None:
    case.deny()
    book = book_of(case.tables["consents"])
    book.worksheets[0].column_dimensions["C"].hidden = True
    case.instead("consents", "xlsx", saved(book))


@variant("a very hidden sheet", STOPS)
def _(case: Case) -> None:
    book = book_of(case.tables["consents"])
    sheet = book.create_sheet("old")
    sheet.append(list(said()))
    sheet.append(list(said("deny", "c-2").values()))
    sheet.sheet_state = "veryHidden"
    case.instead("consents", "xlsx", saved(book))


@variant("a formula without a value", STOPS)
def _(case: Case) -> None:
    case.deny()
    book = book_of(case.tables["consents"])
    book.worksheets[0]["C4"] = '=IF(1=1,"deny","allow")'
    case.instead("consents", "xlsx", saved(book))


@variant("days since 1904", READS)
def _(case: Case) -> None:
    book = book_of(case.tables["consents"])
    book.epoch = CALENDAR_MAC_1904
    sheet = book.worksheets[0]
    for row in (2, 3):
        sheet.cell(row, 4).value = datetime(2024, 1, 1)
    sheet.append(["c-2", "all", "deny", datetime(2026, 3, 1)])
    case.instead("consents", "xlsx", saved(book))


@variant("a struck-out yes", STOPS)
def _(case: Case) -> None:
    book = book_of(case.tables["consents"])
    for cell in book.worksheets[0][3]:
        cell.font = Font(strike=True)
    case.instead("consents", "xlsx", saved(book))


def _contracts() -> Rows:
    return [agreement(f"M-{n}", f"c-{n}", revoked_at="2026-01-01") for n in (1, 2)]


@variant("contracts beside contributors", STOPS)
def _(case: Case) -> None:
    book = book_of(_contracts(), "Stammdaten")
    case.instead("contributors", "xlsx", saved(book))


@variant("contracts below contributors", STOPS)
def _(case: Case) -> None:
    people = [row | {"display_name": "x", "country": "DE"} for row in case.tables["contributors"]]
    book = book_of([row | {"currency": "EUR", "payee_ref": "p"} for row in people], "Stammdaten")
    for cells in ([], [*_contracts()[0]], *(list(row.values()) for row in _contracts())):
        book.worksheets[0].append([cell or None for cell in cells] or [None])
    case.instead("contributors", "xlsx", saved(book))


@variant("a note on a yes", STOPS)
def _(case: Case) -> None:
    book = book_of(case.tables["consents"])
    book.worksheets[0]["C3"].comment = Comment("withdrawn by contributor", "Ida")
    case.instead("consents", "xlsx", saved(book))


@variant("xlsx and csv", STOPS)
def _(case: Case) -> None:
    case.files["consents.xlsx"] = saved(book_of([said("deny", "c-2")]))
