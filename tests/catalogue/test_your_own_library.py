"""docs/your-own-library.md: its export, mapping and deal are read, and decided as it says."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import openpyxl
import pytest

from pipelines.cli import main

pytestmark = pytest.mark.long

PAGE = Path(__file__).parents[2] / "docs" / "your-own-library.md"
_BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_OUTCOME = re.compile(r"^\| (NL-\d) \| (cleared|refused: `([\w.]+)`) \|$", re.MULTILINE)
AS_OF = ("--as-of", "2026-01-31")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Writes the files of the page as it describes them; returns the options that name them."""
    folder = tmp_path_factory.mktemp("own")
    for name, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".xlsx":
            book = openpyxl.Workbook()
            for row in csv.reader(io.StringIO(text), delimiter=";"):
                book.worksheets[0].append(row)
            book.save(path)
        else:
            path.write_text(text, encoding="cp1252" if path.suffix == ".csv" else "utf-8")
    signed = folder / "nordlicht" / "Freigaben"
    signed.mkdir()
    (signed / "MR_240405.pdf").write_bytes(b"%PDF-1.4\n")
    deal = str(folder / "kueste.toml")
    return ("--catalogue", str(folder / "nordlicht"), "--deal", deal, *AS_OF, "--json")


def test_it_is_read_as_a_whole(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *words, "--files", "none"]) == 0, capsys.readouterr().err
    said = json.loads(capsys.readouterr().out)
    assert (said["assets"], said["unreadable"], said["diverted"]) == (5, 0, 0)
    assert said["ignored_columns"] == ["assets.Preisgruppe"]
    assert not any(said["other_references"].values())


def test_each_asset_is_decided_as_the_page_says(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = _OUTCOME.findall(PAGE.read_text(encoding="utf-8"))
    assert len(outcomes) == 5
    for asset, _, reason in outcomes:
        assert main(["explain", asset, *words, "--no-fetch"]) == 0
        [row] = json.loads(capsys.readouterr().out)["rows"]
        assert [found["code"] for found in row["reasons"]] == ([reason] if reason else [])


def test_instants_of_days_are_explained(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    note = "Of a day, or a time without a zone, a yes counts from the earliest"
    options = (*words[:-1], "--no-fetch")
    assert main(["explain", "NL-5", *options]) == 0
    said = capsys.readouterr().out
    assert "withdrawn on 2025-05-07T11:59:59.999999Z" in said
    assert note in said
    # Marie's days only: the same with instants that are exact has no such note.
    table = Path(words[1]) / "Einwilligungen.csv"
    mapping = Path(words[1]) / "mapping.toml"
    for path, old, new in (
        (table, "03.04.2024", "2024-04-03T10:00:00Z"),
        (table, "06.05.2025", "2025-05-06T10:00:00Z"),
        (mapping, 'given_at = "dmy"', 'given_at = "ymd"'),
    ):
        code = "cp1252" if path is table else "utf-8"
        path.write_text(path.read_text(encoding=code).replace(old, new), encoding=code)
    assert main(["explain", "NL-5", *options]) == 0
    said = capsys.readouterr().out
    assert "withdrawn on 2025-05-06T10:00:00Z" in said
    assert note not in said
