"""An id that the catalogue does not have: the ids that it may stand for are suggested."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.catalogue.read import open_catalogue
from pipelines.explain.asset_rows import find_rows
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import asset, csv_bytes


@pytest.fixture
def catalogue(tmp_path: Path) -> str:
    row = asset() | {"contributors": "c-1:10000"}
    ids = [*(f"{number:05d}" for number in range(1, 90)), "IMG_0007", "Größe-1"]
    rows = [row | {"asset_id": name} for name in ids]
    (tmp_path / "assets.csv").write_bytes(csv_bytes(rows))
    (tmp_path / "contributors.csv").write_text("contributor_id\nc-1\n", encoding="utf-8")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("1", "00001"),
        ("0001", "00001"),
        ("000042", "00042"),
        ("img-7", "IMG_0007"),
        ("IMG_0007.jpg", "IMG_0007"),
        ("grösse-1", "Größe-1"),
    ],
)
def test_the_id_that_is_written_otherwise_is_the_suggestion(
    catalogue: str, given: str, meant: str
) -> None:
    with pytest.raises(InputError) as caught:
        find_rows(given, open_catalogue(catalogue))
    assert caught.value.remedy == f"Did you mean {meant}?"


def test_an_id_like_no_other_has_no_suggestion(catalogue: str) -> None:
    with pytest.raises(InputError) as caught:
        find_rows("xyz", open_catalogue(catalogue))
    assert caught.value.remedy == "Give an existing asset_id."
