"""Small catalogues for the tests, written in every format from the same rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, settings

from pipelines.catalogue.read import Catalogue, TableBatch, open_catalogue, read_batches
from schemas.catalogue import TABLES

Row = dict[str, Any]
QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FORMATS = ("parquet", "csv", "jsonl")


def asset(number: int = 0, **changes: Any) -> Row:
    """Returns a row that passes every rule, with changes."""
    row: Row = {
        "asset_id": f"a-{number}",
        "media_uri": f"media/{number}.jpg",
        "media_type": "image",
        "contributors": [
            {"contributor_id": "c-1", "share_bp": 6000},
            {"contributor_id": "c-2", "share_bp": 4000},
        ],
        "licence_model": "RF",
        "licence_class": "creative",
        "status": "active",
    }
    return row | changes


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ";".join(
            f"{item['contributor_id']}:{item['share_bp']}" if isinstance(item, dict) else str(item)
            for item in value
        )
    return str(value)


def csv_bytes(rows: Sequence[Row]) -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([[_cell(row.get(name)) for name in names] for row in rows])
    return text.getvalue().encode()


def jsonl_bytes(rows: Iterable[Row]) -> bytes:
    return b"".join(json.dumps(row, default=str).encode() + b"\n" for row in rows)


def parquet_bytes(rows: Sequence[Row], table: str, row_group_size: int = 1000) -> bytes:
    data = pa.Table.from_pylist(list(rows), schema=TABLES[table])
    sink = io.BytesIO()
    pq.write_table(data, sink, row_group_size=row_group_size)
    return sink.getvalue()


def table_bytes(rows: Sequence[Row], kind: str, table: str) -> bytes:
    if kind == "parquet":
        return parquet_bytes(rows, table)
    return csv_bytes(rows) if kind == "csv" else jsonl_bytes(rows)


def write_catalogue(folder: Path, assets: Sequence[Row], kind: str = "jsonl") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"assets.{kind}").write_bytes(table_bytes(assets, kind, "assets"))
    (folder / "contributors.csv").write_text("contributor_id,country\nc-1,NO\nc-2,US\n")
    return folder


def raw_catalogue(folder: Path, name: str, data: bytes) -> Path:
    """Writes a catalogue whose assets file has exactly these bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    (folder / "contributors.csv").write_text("contributor_id\nc-1\n")
    return folder


def read_table_batches(
    catalogue: Catalogue, table: str = "assets", rows: int = 65_536
) -> list[TableBatch]:
    return [
        batch
        for part in catalogue.parts(table)
        for batch in read_batches(part, catalogue.mapping, rows)
    ]


def read_all(uri: Path | str) -> tuple[pa.Table, list[tuple[str, str]]]:
    """Returns the readable rows of assets, and (id, detail) of the failed ones."""
    found = read_table_batches(open_catalogue(str(uri)))
    schema = TABLES["assets"]
    table = pa.concat_tables([batch.table for batch in found] or [schema.empty_table()])
    for batch in found:
        assert batch.table.schema.equals(schema)
        batch.table.validate(full=True)
    return table, [(row.asset_id, row.detail) for batch in found for row in batch.failed_rows]
