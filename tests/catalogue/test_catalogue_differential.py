"""The same facts give the same tables, in whatever form they are written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from pipelines.catalogue.read import open_catalogue, read_batches, read_table
from schemas.catalogue import EXACT, GIVEN_PRECISION, NO_ZONE, TABLES
from tests.catalogue.catalogue_cases import Row

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


def cell(value: object, comma: bool, local: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.strftime("%d/%m/%Y") if local else value.isoformat()
    if isinstance(value, list):
        items = [
            f"{v['contributor_id']}:{v['share_bp']}" if isinstance(v, dict) else v for v in value
        ]
        return ("," if comma else ";").join(items)
    return str(value)


def names_of(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def csv_data(
    rows: list[Row],
    names: list[str],
    encoding: str = "utf-8",
    separator: str = ",",
    quote: str = '"',
    newline: str = "\r\n",
    quote_all: bool = False,
    sep_line: bool = False,
    blank: bool = False,
    comma: bool = False,
    local: bool = False,
    upper: bool = False,
) -> bytes:
    text = io.StringIO(newline="")
    if sep_line:
        text.write(f"sep={separator}{newline}")
    writer = csv.writer(
        text,
        delimiter=separator,
        quotechar=quote,
        lineterminator=newline,
        quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL,
    )
    writer.writerow([name.upper().replace("_", " ") if upper else name for name in names])
    for row in rows:
        writer.writerow([cell(row.get(name), comma, local) for name in names])
        if blank:
            writer.writerow([""] * len(names))
    return text.getvalue().encode(encoding)


DATES = {name: [f.name for f in TABLES[name] if pa.types.is_date(f.type)] for name in TABLES}
LISTS = {name: [f.name for f in TABLES[name] if pa.types.is_list(f.type)] for name in TABLES}


def stated(key: str, value: str, columns: dict[str, list[str]]) -> str:
    return "".join(
        f"[mapping.{table}.{key}]\n" + "".join(f'{name} = "{value}"\n' for name in names)
        for table, names in columns.items()
        if names
    )


def csv_stated(text: str) -> str:
    return "".join(f"[mapping.{table}.csv]\n{text}\n" for table in TABLES)


DIALECTS: dict[str, tuple[dict[str, object], str]] = {
    "plain": ({}, ""),
    "mark": ({"encoding": "utf-8-sig", "newline": "\n"}, ""),
    "utf-16 with tabs": ({"encoding": "utf-16", "separator": "\t"}, ""),
    "utf-16 without mark": ({"encoding": "utf-16-le"}, ""),
    "cp1252": ({"encoding": "cp1252"}, csv_stated('encoding = "cp1252"')),
    "mac": ({"encoding": "mac-roman", "newline": "\r"}, csv_stated('encoding = "mac-roman"')),
    "semicolons": ({"separator": ";"}, ""),
    "sep line": ({"separator": "|", "sep_line": True}, ""),
    "single quotes": ({"quote": "'", "quote_all": True}, ""),
    "carriage returns": ({"newline": "\r", "blank": True}, ""),
    "commas in lists": ({"comma": True}, stated("lists", ",", LISTS)),
    "local dates": ({"local": True}, stated("dates", "dmy", DATES)),
    "upper case": ({"upper": True, "quote_all": True}, ""),
}


def write_csv(folder: Path, options: dict[str, object], mapping: str, files: int = 1) -> None:
    for table, rows in FACTS.items():
        names = names_of(rows)
        for number in range(files):
            part = rows[number::files]
            if part or not number:
                path = folder / table / f"{number:02}.csv" if files > 1 else folder / f"{table}.csv"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(csv_data(part, names, **options))  # type: ignore[arg-type]
    if mapping:
        (folder / "mapping.toml").write_text(mapping, encoding="utf-8")


@pytest.mark.long
@pytest.mark.parametrize("files", [1, 40])
@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_csv_dialects(name: str, files: int, tmp_path: Path) -> None:
    options, mapping = DIALECTS[name]
    write_csv(tmp_path, options, mapping, files)
    assert_same(tmp_path)


def _cast(table: pa.Table, change: Callable[[pa.DataType], pa.DataType]) -> pa.Table:
    return table.cast(pa.schema([(f.name, change(f.type)) for f in table.schema]))


def _swap(old: Callable[[pa.DataType], bool], new: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    return lambda table: _cast(table, lambda kind: new if old(kind) else kind)


FLAVOURS: dict[str, Callable[[pa.Table], pa.Table]] = {
    "schema": lambda table: table,
    "large strings": _swap(pa.types.is_string, pa.large_string()),
    "dictionaries": _swap(pa.types.is_string, pa.dictionary(pa.int32(), pa.string())),
    "binary": _swap(pa.types.is_string, pa.binary()),
    "floats": _swap(pa.types.is_integer, pa.float64()),
    "days as instants": _swap(pa.types.is_date, pa.timestamp("ms")),
    "nanoseconds": _swap(pa.types.is_timestamp, pa.timestamp("ns", tz="Europe/Oslo")),
}


@pytest.mark.long
@pytest.mark.parametrize("files", [1, 40])
@pytest.mark.parametrize("name", sorted(FLAVOURS))
def test_parquet_flavours(name: str, files: int, tmp_path: Path) -> None:
    for table, facts in expected().items():
        (tmp_path / table).mkdir()
        for number in range(files):
            part = facts.take(pa.array(range(number, len(facts), files), pa.int64()))
            path = tmp_path / table / f"{number:02}.parquet"
            pq.write_table(FLAVOURS[name](part), path, row_group_size=7)
    assert_same(tmp_path)


@pytest.mark.parametrize("files", [1, 40])
def test_json_lines(files: int, tmp_path: Path) -> None:
    for table, rows in FACTS.items():
        (tmp_path / table).mkdir()
        for number in range(files):
            lines = [
                json.dumps(row, default=lambda v: v.isoformat()) for row in rows[number::files]
            ]
            (tmp_path / table / f"{number:02}.jsonl").write_text("\n".join(lines))
    assert_same(tmp_path)


def sheet_value(value: object) -> object:
    """What a workbook can hold: no zone and no list."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return cell(value, comma=False, local=False) if isinstance(value, list) else value


@pytest.mark.parametrize("files", [1, 4])
def test_workbooks(files: int, tmp_path: Path) -> None:
    for table, rows in FACTS.items():
        names = names_of(rows)
        (tmp_path / table).mkdir()
        for number in range(files):
            book = Workbook()
            book.worksheets[0].append(names)
            for row in rows[number::files]:
                book.worksheets[0].append([sheet_value(row.get(name)) for name in names])
            book.save(tmp_path / table / f"{number:02}.xlsx")
    assert_same(tmp_path, NO_ZONE)  # a workbook cannot state one
