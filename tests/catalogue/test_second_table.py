"""A second table in the file of another is refused by name, beside it or below it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from pipelines.catalogue.read import open_catalogue, read_table
from pipelines.catalogue.second_table import second_header
from schemas.errors import InputError
from tests.cases.values_common import agreement, release, said
from tests.catalogue.catalogue_cases import asset, csv_bytes, write_catalogue

BESIDE: dict[str, dict[str, str]] = {
    "agreements": agreement(),
    "consents": said(),
    "releases": release(),
}


def _folder(folder: Path, data: bytes) -> Path:
    write_catalogue(folder, [asset()], "csv")
    (folder / "contributors.csv").write_bytes(data)
    return folder


def _refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_table(open_catalogue(str(folder)), "contributors")
    return str(caught.value)


@pytest.mark.parametrize("other", BESIDE)
def test_a_table_beside_another_is_named(other: str, tmp_path: Path) -> None:
    row = {"contributor_id": "c-1", "display_name": "Ida", **BESIDE[other]}
    folder = _folder(tmp_path, csv_bytes([row]))
    told = _refused(folder)
    assert f"The file of the table contributors holds the table {other}, too" in told
    found = re.search(r"(\[mapping.contributors\]) (ignore = \[.*?\])", told)
    assert found is not None
    mapping = f"{found[1]}\n{found[2]}\n"
    assert set(tomllib.loads(mapping)["mapping"]["contributors"]["ignore"]) <= {*BESIDE[other]}
    (folder / "mapping.toml").write_text(mapping)
    assert read_table(open_catalogue(str(folder)), "contributors").num_rows == 1


@pytest.mark.parametrize("other", BESIDE)
@pytest.mark.parametrize("width", [1, 4, 30])
def test_a_table_below_another_is_named(width: int, other: str, tmp_path: Path) -> None:
    names = ("contributor_id", "display_name", "country", "currency", *map(str, range(26)))
    header = list(BESIDE[other])
    above = ",".join(names[:width]) + "\n" + ",".join("x" * width) + "\n\n"
    below = ",".join((header + [""] * width)[: max(width, len(header))]) + "\n"
    assert "the header of a second table" in _refused(_folder(tmp_path, (above + below).encode()))


def test_rows_of_ids_and_words_are_no_header() -> None:
    rows: list[list[str | None]] = [
        ["Contributor ID", "VALUE"],
        [None, "asset_id", "title"],
        ["purpose", "", "value"],
    ]
    assert all(second_header(row) for row in rows)
    for texts in (
        ["Ida", "Holm"],
        ["value"],
        ["", ""],
        ["title", "Sea at dawn"],
        ["c-1", "country"],
    ):
        assert second_header(texts) == ""
