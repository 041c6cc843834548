from __future__ import annotations

import re
from pathlib import Path

from pipelines.catalogue.describe import fill_sections, generated_sections
from pipelines.catalogue.mapping import parse_mapping
from schemas.catalogue import TABLES

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


def test_mapping_on_the_page_parses() -> None:
    [example] = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert (
        parse_mapping(example.encode(), "docs").for_table("assets").agency_column("asset_id")
        == "Image ID"
    )
