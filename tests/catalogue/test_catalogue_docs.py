from __future__ import annotations

import re
from pathlib import Path

import pytest
from openpyxl import Workbook

from pipelines.catalogue.describe import fill_sections, generated_sections
from pipelines.catalogue.mapping import parse_mapping
from schemas.catalogue import TABLES
from schemas.errors import InputError
from tests.cases.values_common import release
from tests.catalogue.catalogue_cases import asset, read_all
from tests.catalogue.forms import append_rows

PAGE = Path(__file__).parents[2] / "docs/catalogue.md"


def test_catalogue_page_is_current() -> None:
    """Regenerate with `pipelines.catalogue.describe.fill_sections`."""
    assert fill_sections(PAGE.read_text()) == PAGE.read_text()


def test_every_column_is_on_the_page() -> None:
    text = PAGE.read_text()
    for table, schema in TABLES.items():
        section = generated_sections()[f"columns {table}"]
        assert section in text
        for field in schema:
            mark = f"`{field.name}`" if field.nullable else f"**`{field.name}`**"
            assert f"| {mark} |" in section


def test_mappings_on_the_page_parse() -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    parsed = [parse_mapping(example.encode(), "docs") for example in examples]
    sheets, whole, codes, joins = (mapping.for_table("assets") for mapping in parsed)
    assert sheets.files == ("export.xlsx",)
    assert whole.agency_column("asset_id") == "Image ID"
    assert [column for column, _ in codes.codes] == ["status", "territories_in"]
    assert joins.joins[0].mapping.sheet == "Holds"


def test_the_examples_of_the_page_are_read(tmp_path: Path) -> None:
    """One catalogue of all that the examples on sheets, codes and joined files name."""
    sheets, _, codes, joins = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    pictures = [asset(i, status=f"0{i}", territories_in="47;1") for i in range(2)]
    pictures = [{**row, "contributors": "c-1:10000"} for row in pictures]
    consent = {"contributor_id": "c-1", "purpose": "all", "value": "deny", "given_at": "2026-01-01"}
    book = Workbook()
    append_rows(book, "Pictures", pictures, list(pictures[0]))
    append_rows(book, "Opt-outs 2026", [consent], list(consent))
    for sheet in ("Models", "Properties"):
        signed = release(f"R-{sheet}")
        append_rows(book, sheet, [signed], list(signed))
    append_rows(book, "Notes", [{"a": "b"}], ["a"])
    book.save(tmp_path / "export.xlsx")
    (tmp_path / "contributors.csv").write_text("contributor_id\nc-1\n")
    (tmp_path / "status codes.csv").write_text("code,value\n00,active\n01,withdrawn\n")
    (tmp_path / "countries.csv").write_text("Nr;ISO\n47;NO\n1;US\n")
    (tmp_path / "mapping.toml").write_text(sheets + codes)
    table, dead = read_all(tmp_path)
    assert (table["status"].to_pylist(), dead) == (["active", "withdrawn"], [])
    assert table["territories_in"].to_pylist() == [["NO", "US"]] * 2
    holds = [{"Image No": "a-1", "State": "Hold", "Remarks": "x"}]
    holds += [{"Image No": "a-0", "State": "Sold", "Remarks": "x"}]
    book = Workbook()
    append_rows(book, "Holds", holds, list(holds[0]))
    book.save(tmp_path / "rights.xlsx")
    (tmp_path / "status codes.csv").unlink()
    codes = codes[codes.index("[mapping.assets.codes.territories_in]") :]
    (tmp_path / "mapping.toml").write_text(sheets + codes + joins)
    with pytest.raises(InputError, match="status, which is joined from another file"):
        read_all(tmp_path)
    stated = sheets.replace('sheet = "Pictures"', 'sheet = "Pictures"\nignore = ["status"]')
    (tmp_path / "mapping.toml").write_text(stated + codes + joins)
    table, dead = read_all(tmp_path)
    assert (table["status"].to_pylist(), dead) == (["active", "legal_hold"], [])
