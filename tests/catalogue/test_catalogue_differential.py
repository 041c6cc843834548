"""The same facts give the same tables, in whatever form they are written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from _pytest.mark.structures import ParameterSet

from pipelines.catalogue.read import open_catalogue, read_batches, read_table
from schemas.catalogue import EXACT, GIVEN_PRECISION, NO_ZONE, TABLES
from tests.catalogue.catalogue_cases import Row
from tests.catalogue.forms import (
    DIALECTS,
    FLAVOURS,
    FORMS,
    PACKABLE,
    WITHOUT_ZONES,
    write_csv,
    write_json,
    write_parquet,
    write_workbooks,
)

pytestmark = pytest.mark.long

_ASSET: Row = {
    "media_type": "image",
    "licence_model": "RF",
    "licence_class": "creative",
    "status": "active",
    "title": "Café, “plain” and 'quoted'",
    "keywords": ["dog", "x-ray"],
    "created_at": date(2024, 5, 1),
    "people_count": 0,
    "minors": False,
}
SHARES = [
    [{"contributor_id": "c-1", "share_bp": 10000}],
    [{"contributor_id": "c-1", "share_bp": 6000}, {"contributor_id": "José", "share_bp": 4000}],
]
ASSETS = [
    _ASSET | {"asset_id": f"a-{i:02}", "media_uri": f"media/{i}.jpg", "contributors": SHARES[i % 2]}
    for i in range(40)
]
ASSETS[3] |= {"exclusive": True, "exclusive_until": date(2030, 1, 31)}
ASSETS[4] |= {"territories_out": ["US", "CA"], "valid_until": date(2026, 12, 31)}
ASSETS[5] |= {"grant_train_gen": "deny", "people_count": 2, "release_ids": ["r-1"]}
ASSETS[6] |= {"status": "withdrawn", "licence_code": "CC-BY-NC-4.0", "minors": True}
ASSETS[7] |= {"title": None, "keywords": None, "created_at": None, "people_count": None}
FACTS: dict[str, list[Row]] = {
    "assets": ASSETS,
    "contributors": [{"contributor_id": "c-1", "country": "NO"}, {"contributor_id": "José"}],
    "consents": [
        {
            "contributor_id": ["c-1", "José"][i % 2],
            "purpose": "all",
            "value": ["allow", "deny"][i % 3 // 2],
            "given_at": datetime(2026, 1, 1 + i % 28, 12, tzinfo=UTC),
            "asset_id": f"a-{i:02}" if i % 5 == 0 else None,
        }
        for i in range(40)
    ],
    "releases": [
        {
            "release_id": "r-1",
            "kind": "model",
            "subject_ref": "Zoë",
            "signed_at": date(2023, 5, 1),
            "subject_signed": True,
            "revoked_at": datetime(2026, 2, 1, 8, 30, tzinfo=UTC),
        }
    ],
    "agreements": [
        {
            "agreement_ref": f"Rahmen {i}/Zoë",
            "contributor_id": ["c-1", "José"][i],
            "purposes": [["train_gen", "inference"], ["all"]][i],
            "signed_at": date(2023, 5, 13),
            "valid_until": [None, date(2031, 12, 31)][i],
            "revoked_at": [datetime(2026, 2, 1, 8, 30, tzinfo=UTC), None][i],
        }
        for i in range(2)
    ],
}
Tables = dict[str, pa.Table]


def expected() -> Tables:
    return {name: pa.Table.from_pylist(rows, TABLES[name]) for name, rows in FACTS.items()}


def read(folder: Path) -> Tables:
    catalogue = open_catalogue(str(folder))
    found = {name: read_table(catalogue, name) for name in TABLES if name != "assets"}
    batches = [b for p in catalogue.parts("assets") for b in read_batches(p, catalogue.mapping)]
    assert not any(batch.failed_rows for batch in batches)
    found["assets"] = pa.concat_tables([batch.table for batch in batches])
    return found


def in_order(table: pa.Table, name: str) -> list[Row]:
    """The rows by their times or ids, as pieces are read in another order than they were cut."""
    first = {"consents": "given_at"}.get(name, table.schema.names[0])
    ordered = table.sort_by([(first, "ascending"), (table.schema.names[0], "ascending")])
    return list(ordered.to_pylist())


def assert_same(folder: Path, precision: int = EXACT) -> None:
    found, wanted = read(folder), expected()
    for name, table in wanted.items():
        read_table = found[name]
        if GIVEN_PRECISION in read_table.schema.names:
            assert set(read_table[GIVEN_PRECISION].to_pylist()) == {precision}
            read_table = read_table.drop_columns([GIVEN_PRECISION])
        assert read_table.schema == table.schema
        assert in_order(read_table, name) == in_order(table, name), name


def cut(names: Iterable[str], into_rows: str) -> list[ParameterSet]:
    """Each form as one file, as four, and as a file of each row; most of the last are slow."""
    return [
        pytest.param(
            name,
            files,
            id=f"{name}-{files}",
            marks=[pytest.mark.slow] if files == 40 and name != into_rows else [],
        )
        for name in sorted(names)
        for files in (1, 4, 40)
    ]


@pytest.mark.long
@pytest.mark.parametrize(("name", "files"), cut(DIALECTS, "utf-16 with tabs"))
def test_csv_dialects(name: str, files: int, tmp_path: Path) -> None:
    options, mapping = DIALECTS[name]
    write_csv(tmp_path, FACTS, options, mapping, files)
    assert_same(tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(("name", "files"), cut(FLAVOURS, "dictionaries"))
def test_parquet_flavours(name: str, files: int, tmp_path: Path) -> None:
    write_parquet(tmp_path, FACTS, name, files)
    assert_same(tmp_path)


@pytest.mark.parametrize("files", [1, 40])
def test_json_lines(files: int, tmp_path: Path) -> None:
    write_json(tmp_path, FACTS, False, "jsonl", files)
    assert_same(tmp_path)


@pytest.mark.parametrize("files", [1, 4])
def test_workbooks(files: int, tmp_path: Path) -> None:
    write_workbooks(tmp_path, FACTS, files)
    assert_same(tmp_path, NO_ZONE)  # a workbook cannot state one


OTHER_FORMS = [name for name in FORMS if not name.startswith(("CSV", "Parquet"))]


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_other_forms(name: str, tmp_path: Path) -> None:
    FORMS[name](tmp_path, FACTS)
    assert_same(tmp_path, NO_ZONE if name in WITHOUT_ZONES else EXACT)


@pytest.mark.long
@pytest.mark.parametrize("name", [f"{name}, compressed" for name in PACKABLE])
def test_compressed_forms(name: str, tmp_path: Path) -> None:
    FORMS[name](tmp_path, FACTS)
    assert_same(tmp_path)
