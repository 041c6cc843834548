"""Faults of all tables, of all their columns and of the deal are reported together."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from pipelines.catalogue.read import open_catalogue
from pipelines.run.prepare import prepare_job
from pipelines.run.request import JobRequest
from schemas.errors import InputError
from schemas.faults import MOST_OF_A_KIND, Faults, FaultsError
from tests.cases.values_common import DEAL, asset, said, write_csv
from tests.end_to_end.small_library import in_process

AS_OF = datetime(2026, 6, 30, tzinfo=UTC)


def faults_of_opening(folder: Path) -> tuple[str, ...]:
    with pytest.raises(FaultsError) as caught:
        open_catalogue(str(folder))
    return tuple(map(str, caught.value.faults))


def library(folder: Path) -> None:
    people = [{"contributor_id": "c-1"}]
    write_csv(folder, assets=[asset()], contributors=people, consents=[said()])


def found_by_both(folder: Path) -> list[dict[str, str]]:
    """What `check` reports, which a run reports as well."""
    deal = folder / "deal.toml"
    words = ("--catalogue", folder, "--deal", deal, "--as-of", "2026-06-30", "--json")
    told = json.loads(in_process("check", *words).out)["error"]
    with pytest.raises(InputError) as caught:
        prepare_job(JobRequest(str(folder), deal, AS_OF, str(folder.parent / "out")))
    assert told["which"] == caught.value.which
    assert not (folder.parent / "out").exists()
    return list(told["faults"])


def test_each_table_may_be_written_wrongly(tmp_path: Path) -> None:
    library(tmp_path)
    assets = (tmp_path / "assets.csv").read_text()
    (tmp_path / "assets.csv").write_bytes(assets.replace("digitalCapture", "Café").encode("cp1252"))
    (tmp_path / "contributors.csv").write_text("contributor_id,country,country,Zone\nc-1,DE,DE,\n")
    (tmp_path / "consents.csv").write_text("contributor_id,val,at,do_not_train\nc-1,allow,x,\n")
    found = faults_of_opening(tmp_path)
    beginnings = (
        "The encoding of a table is not UTF-8",
        "A column appears twice",
        "The table consents lacks the column purpose",
        "The table consents lacks the column value",
        "The table consents lacks the column given_at",
        "A column of the table consents would not be read",
    )
    assert len(found) == len(beginnings)
    for begin in beginnings:
        assert any(fault.startswith(begin) for fault in found), begin


def test_tables_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "assets.xls").write_text("x")
    found = faults_of_opening(tmp_path)
    assert [fault.partition(":")[0] for fault in found] == [
        "The table assets has an unsupported format or name",
        "The catalogue has no table contributors",
    ]


def test_a_wrong_separator_is_one_fault_of_its_table(tmp_path: Path) -> None:
    library(tmp_path)
    for name in ("contributors", "consents"):
        text = (tmp_path / f"{name}.csv").read_text()
        (tmp_path / f"{name}.csv").write_text(text.replace(",", "~") + "a~b\n")
    (tmp_path / "contributors.csv").write_text("a~b\nc-1~x\n")
    assert len(faults_of_opening(tmp_path)) == 2


def test_cells_of_all_tables_are_read_although_another_has_a_wrong_header(tmp_path: Path) -> None:
    library(tmp_path)
    write_csv(tmp_path, assets=[asset(created_at="01/02/2024", exclusive_from="03/04/2024")])
    (tmp_path / "contributors.csv").write_text("contributor,country\nc-1,DE\n")
    found = faults_of_opening(tmp_path)
    assert len(found) == 3
    assert sum("01/02/2024" in fault or "03/04/2024" in fault for fault in found) == 2


def test_rows_columns_and_the_deal(tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    library(folder)
    (folder / "deal.toml").write_text(DEAL + '[select]\nblank = "x"\n')
    rows = [said(given_at=f"2026-13-{day:02}", window_days="x") for day in range(1, 8)]
    write_csv(folder, consents=rows, assets=[asset(created_at="01/02/2024")])
    found = found_by_both(folder)
    texts = [f"{fault['what']}: {fault['which']}" for fault in found]
    (dates,) = (text for text in texts if "column given_at" in text)
    assert dates.count("2026-13-") == 3 and "and 4 more rows" in dates
    assert any("column window_days" in text for text in texts)
    assert any("01/02/2024" in text for text in texts)
    assert any("blank" in text for text in texts)


def test_many_faults_of_a_kind_are_counted() -> None:
    faults = Faults()
    for number in range(MOST_OF_A_KIND + 4):
        faults.add(InputError("A thing is wrong", str(number)))
        faults.add(InputError("A thing is wrong", str(number)))  # found twice
    faults.add(InputError("Another thing"))
    with pytest.raises(FaultsError) as caught:
        faults.report()
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{MOST_OF_A_KIND + 5} faults, each of which stops a run: "
    assert len(lines) == 1 + MOST_OF_A_KIND + 2
    assert lines[-1] == "  4 more: A thing is wrong"
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), len(copy.faults)) == (str(caught.value), MOST_OF_A_KIND + 5)


def test_one_fault_is_reported_as_it_is() -> None:
    faults = Faults()
    assert faults.attempt(lambda: 5) == 5
    faults.report()
    with pytest.raises(InputError, match="A thing"):
        faults.attempt(lambda: (_ for _ in ()).throw(InputError("A thing")))
        faults.report()


def test_the_sheets_of_a_workbook_are_named_where_a_table_is_missing(tmp_path: Path) -> None:
    book = Workbook()
    book.worksheets[0].append(["x"])
    book.create_sheet("Fotografen").append(["y"])
    book.save(tmp_path / "a.xlsx")
    assert any("a.xlsx#Sheet, a.xlsx#Fotografen" in fault for fault in faults_of_opening(tmp_path))
