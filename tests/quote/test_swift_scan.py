"""What makes a scan swift says what the plain ways say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.catalogue import quick_read
from pipelines.catalogue.agreement_references import AgreementReferences
from pipelines.catalogue.convert import convert_column
from pipelines.catalogue.notes import CellNotes
from pipelines.catalogue.read import open_catalogue
from pipelines.catalogue.references import ReferenceWatch, watch_references
from pipelines.catalogue.vocabulary import respell
from pipelines.quote.reached import IndexedWatch
from pipelines.quote.repeats import find_repeats, forget_hashes, share_hashes
from pipelines.rights.text_hashes import hash_column, new_secret
from schemas.catalogue import ASSETS_SCHEMA, TABLES
from tests.cases.values_common import asset

TEXTS = st.one_of(
    st.sampled_from(
        ["", " ", "n/a", "N/A", "-", "–", "none", "None", "a b", "\x7f", "a\x1f", "é", "e\u0301"]
    ),
    st.sampled_from(["image", "Video", "ok", "\u00a0x", "x\t", "~", "!", "NULL", "\u200bx", "-x-"]),
    st.text(max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.none() | TEXTS, max_size=3),
    st.sampled_from(["asset_id", "media_type", "licence_code", "agreement_ref", "category"]),
)
def test_odd_texts_are_those_that_the_usual_way_changes(
    given_texts: list[str | None], column: str
) -> None:
    texts = pa.array(given_texts, pa.string())
    notes = CellNotes()
    usual, bad = convert_column(texts, pa.field(column, pa.string()), notes, "assets")
    usual, respelled = respell(usual, column)
    changed = respelled or notes.absent.total() or notes.respelled_ids.total()
    is_odd = bool(bad or changed or not usual.equals(texts))
    try:
        quick_read._refuse_odd_texts(texts, column, is_id=column == "asset_id")
    except quick_read._OddError:
        assert is_odd
    else:
        assert not is_odd


def write_catalogue(folder: Path, ids: list[str], group: int) -> None:
    rows = [dict.fromkeys(ASSETS_SCHEMA.names) | asset(name) for name in ids]
    for row in rows:
        row |= {"contributors": [{"contributor_id": "c-1", "share_bp": 10_000}]}
        row |= {"minors": False, "property": False, "sensitive": False, "people_count": 0}
        row["created_at"] = None
    columns = {field.name: [row[field.name] for row in rows] for field in ASSETS_SCHEMA}
    typed = {
        name: pa.array(values, ASSETS_SCHEMA.field(name).type) for name, values in columns.items()
    }
    folder.mkdir()
    pq.write_table(
        pa.table(typed, schema=ASSETS_SCHEMA), folder / "assets.parquet", row_group_size=group
    )
    for name, schema in TABLES.items():
        if name != "assets":
            pq.write_table(schema.empty_table(), folder / f"{name}.parquet")


@pytest.mark.parametrize("odd", ["", " A-3 "])  # the second is written as A-3
def test_repeats_are_the_ids_of_several_rows(tmp_path: Path, odd: str) -> None:
    ids = [f"A-{number}" for number in range(40)] + ["A-7", "A-39", "A-7", odd or "A-40"]
    write_catalogue(tmp_path / "library", ids, group=9)
    catalogue = open_catalogue(str(tmp_path / "library"))
    secret = new_secret()
    share_hashes(catalogue, secret)
    try:
        repeats = find_repeats(map, len(catalogue.parts("assets")))
    finally:
        forget_hashes()
    clean = [name.strip() for name in ids]
    found = repeats.where(hash_column(pa.array(clean), secret))
    assert found.tolist() == [clean.count(name) > 1 for name in clean]
    assert bool(repeats.known) is not bool(odd)


def watched() -> ReferenceWatch:
    def rows(name: str, values: list[dict[str, object]]) -> pa.Table:
        schema = TABLES[name]
        columns = {field.name: [row.get(field.name) for row in values] for field in schema}
        return pa.table(
            [pa.array(columns[field.name], field.type) for field in schema], names=schema.names
        )

    people = rows("contributors", [{"contributor_id": f"c-{i}"} for i in range(4)])
    consents = rows(
        "consents",
        [
            {"contributor_id": "c-1", "asset_id": "A-1", "value": "deny"},
            {"contributor_id": "c-2", "asset_id": "A-2", "value": "allow"},
            {"contributor_id": "c-2", "asset_id": "A-9", "value": "deny"},
            {"contributor_id": "x-1", "value": "deny"},
            {"contributor_id": "x-2", "value": "allow"},
        ],
    )
    releases = rows(
        "releases",
        [
            {"release_id": "r-1", "ml_use": "deny"},
            {"release_id": "r-2", "ml_use": "allow"},
            {"release_id": "r-3", "ml_use": "never"},
        ],
    )
    return watch_references(people, consents, releases, AgreementReferences(), (), ["A-5", "A-6"])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_indexed_references_are_reached_as_plain_ones(data: st.DataObject) -> None:
    watch = watched()
    ids = st.sampled_from([f"A-{i}" for i in range(10)])
    people = st.lists(st.sampled_from(["c-1", "c-2", "c-3", "x-1", "x-2", "y"]), max_size=3)
    releases = st.lists(st.sampled_from(["r-1", "r-2", "r-3", "r-4"]), max_size=2)
    rows = data.draw(st.lists(st.tuples(ids, people, st.none() | releases), max_size=6))
    contributors = [
        [{"contributor_id": who, "share_bp": 1} for who in names] for _, names, _ in rows
    ]
    table = pa.table(
        {
            "asset_id": pa.array([row[0] for row in rows], pa.string()),
            "contributors": pa.array(contributors, ASSETS_SCHEMA.field("contributors").type),
            "release_ids": pa.array([row[2] for row in rows], pa.list_(pa.string())),
        }
    )
    plain = watch.reached_by(table, table.slice(0, 0), ("A-1",))
    swift = IndexedWatch.of(watch).reached_by(table, table.slice(0, 0), ("A-1",))
    assert swift.odd_asset_ids == plain.odd_asset_ids
    for name in ("contributors", "pairs", "releases", "level_assets"):
        np.testing.assert_array_equal(getattr(swift, name), getattr(plain, name), name)
