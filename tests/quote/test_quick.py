"""The quick ways of reading and checking say what the usual ways say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.catalogue.gate import check_table, gate_batch
from pipelines.catalogue.quick_gate import JUDGES, failing_rows, passes
from pipelines.catalogue.quick_read import UNREAD_TEXTS, read_quickly
from pipelines.catalogue.read import open_catalogue, read_batches
from pipelines.catalogue.suite import DIVERT, STOP, load_suite
from schemas.catalogue import ASSETS_SCHEMA, TABLES
from schemas.errors import InputError
from tests.cases.values_common import asset

WANTED = tuple(name for name in ASSETS_SCHEMA.names if name not in UNREAD_TEXTS)
ODD = {
    "media_type": ("image", "film"),
    "exclusive_from": (None, 20_000),
    "exclusive_until": (None, 19_000, 20_000, 21_000),
    "people_count": (None, -1, 0),
    "weight": (None, 0, 1, 1_000_000_000, 1_000_000_001),
    "sha256": (None, "a" * 64, "g" * 64, "a" * 63),
    "bytes": (None, 0, 1),
    "width": (None, 0, 1),
    "height": (None, 0, 1),
    "duration_ms": (None, 0, 1),
    "territories_in": (None, [], ["US"], ["US", "XX"]),
    "territories_out": (None, ["WORLD"], ["uk"]),
    "contributors": (
        [],
        [{"contributor_id": "c-1", "share_bp": 10_000}],
        [{"contributor_id": "c-1", "share_bp": 9_999}],
        [{"contributor_id": "c-1", "share_bp": 10_001}, {"contributor_id": "c-2", "share_bp": -1}],
    ),
}


def good_row(number: int) -> dict[str, Any]:
    row = dict.fromkeys(ASSETS_SCHEMA.names) | asset(f"A-{number}")
    typed = {"people_count": 0, "minors": False, "property": False, "sensitive": False}
    typed["created_at"] = None  # type: ignore[assignment]
    return row | typed | {"contributors": [{"contributor_id": "c-1", "share_bp": 10_000}]}


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    days = {"exclusive_from", "exclusive_until"}
    columns = {}
    for field in ASSETS_SCHEMA:
        values = [row[field.name] for row in rows]
        if field.name in days:
            columns[field.name] = pa.array(values, pa.int32()).cast(pa.date32())
        else:
            columns[field.name] = pa.array(values, field.type)
    return pa.table(columns, schema=ASSETS_SCHEMA.remove_metadata())


def test_every_rule_has_a_quick_form() -> None:
    rules = load_suite("assets").rules
    assert {rule.name for rule in rules if rule.on_failure in (DIVERT, STOP)} == set(JUDGES)


def test_rows_fail_as_the_suite_says() -> None:
    rows: list[dict[str, Any]] = []
    for name, values in ODD.items():
        rows += [good_row(len(rows) + at) | {name: value} for at, value in enumerate(values)]
    dice = np.random.default_rng(7)
    for _ in range(60):
        changed = dice.choice(list(ODD), 3, replace=False)
        more = {name: ODD[name][dice.integers(len(ODD[name]))] for name in changed}
        rows.append(good_row(len(rows)) | more)
    table, suite = table_of(rows), load_suite("assets")
    divert = frozenset(rule.name for rule in suite.rules if rule.on_failure == STOP)
    judged = gate_batch(table, suite, divert)
    failed, stops = failing_rows(table, suite, divert)
    assert not stops
    assert [row.asset_id for row in judged.failed_rows] == [
        name for name, bad in zip(table["asset_id"].to_pylist(), failed, strict=True) if bad
    ]
    for rule in suite.rules:  # each stop rule alone, row by row
        if rule.on_failure == STOP:
            outcome = {one.rule: one.failed for one in judged.summary.rules}[rule.name]
            assert int(JUDGES[rule.name](table).sum()) == outcome > 0
            assert failing_rows(table, suite, divert - {rule.name})[1]


SMALL: list[tuple[str, list[dict[str, Any]], bool]] = [
    ("contributors", [{"contributor_id": "a"}, {"contributor_id": "b"}], True),
    ("contributors", [{"contributor_id": "a"}, {"contributor_id": "a"}], False),
    ("releases", [{"release_id": "a", "kind": "model", "ml_use": "what"}], True),
    ("releases", [{"release_id": "a", "kind": "studio"}], False),
    (
        "agreements",
        [{"agreement_ref": r, "contributor_id": "c", "purposes": ["all"]} for r in "ab"],
        True,
    ),
    ("agreements", [{"agreement_ref": "a", "contributor_id": "c", "purposes": ["al"]}], False),
    ("agreements", [{"agreement_ref": "a", "contributor_id": "c", "purposes": ["all"]}] * 2, False),
]


@pytest.mark.parametrize(("name", "rows", "good"), SMALL)
def test_small_tables_pass_as_the_suite_says(
    name: str, rows: list[dict[str, Any]], good: bool
) -> None:
    table = pa.Table.from_pylist(rows, schema=TABLES[name])
    assert passes(table, load_suite(name)) is good
    if good:
        check_table(table, name)
    else:
        with pytest.raises(InputError):
            check_table(table, name)


def library(folder: Path, table: pa.Table) -> list[pa.Table | Any]:
    pq.write_table(table, folder / "assets.parquet", row_group_size=3)
    (folder / "contributors.csv").write_text("contributor_id\nc-1\n")
    catalogue = open_catalogue(str(folder))
    [part] = catalogue.parts("assets")
    quick = list(read_quickly(part, catalogue.mapping, WANTED))
    usual = pa.concat_tables([b.table for b in read_batches(part, catalogue.mapping)])
    found = [x if isinstance(x, pa.Table) else x.table for x in quick]
    decoded = [t.select(WANTED).cast(usual.select(WANTED).schema) for t in found]
    assert pa.concat_tables(decoded).to_pylist() == usual.select(WANTED).to_pylist()
    return quick


def test_plain_tables_are_read_alike(tmp_path: Path) -> None:
    rows = [good_row(n) | {"release_ids": ["R-1"], "territories_in": ["US"]} for n in range(7)]
    assert all(isinstance(read, pa.Table) for read in library(tmp_path, table_of(rows)))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status", "Active"),
        ("category", "n/a"),
        ("licence_code", " CC0-1.0"),
        ("asset_id", "A-\u200b1"),
        ("release_ids", ["R\u00a01"]),
        ("contributors", [{"contributor_id": " c-1", "share_bp": 10_000}]),
        ("territories_in", ["us"]),
        ("media_uri", "a.jpg "),
        ("media_uri", ""),
        ("media_uri", "NULL"),
        ("asset_id", "A-1\x1f"),
        ("release_ids", ["R-1", "n/a"]),
    ],
)
def test_odd_values_are_left_to_the_usual_way(column: str, value: Any, tmp_path: Path) -> None:
    rows = [good_row(n) for n in range(7)]
    rows[4][column] = value
    reads = library(tmp_path, table_of(rows))
    assert [isinstance(read, pa.Table) for read in reads] == [True, False, True]
