"""The same facts written in every form that a catalogue may have."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook

from schemas.catalogue import TABLES
from tests.catalogue.catalogue_cases import Row

Facts = dict[str, list[Row]]


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


def write_csv(
    folder: Path, facts: Facts, options: dict[str, object], mapping: str, files: int = 1
) -> None:
    for table, rows in facts.items():
        names = names_of(rows)
        for number in range(files):
            part = rows[number::files]
            if part or not number:
                path = folder / table / f"{number:02}.csv" if files > 1 else folder / f"{table}.csv"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(csv_data(part, names, **options))  # type: ignore[arg-type]
    if mapping:
        (folder / "mapping.toml").write_text(mapping, encoding="utf-8")


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


def write_parquet(folder: Path, facts: Facts, flavour: str, files: int = 1) -> None:
    for table, rows in facts.items():
        whole = pa.Table.from_pylist(rows, TABLES[table])
        (folder / table).mkdir()
        for number in range(files):
            part = whole.take(pa.array(range(number, len(whole), files), pa.int64()))
            path = folder / table / f"{number:02}.parquet"
            pq.write_table(FLAVOURS[flavour](part), path, row_group_size=7)


def json_text(row: Row) -> str:
    return json.dumps(row, default=lambda value: value.isoformat())


def write_json(folder: Path, facts: Facts, array: bool, ending: str, files: int = 1) -> None:
    for table, rows in facts.items():
        (folder / table).mkdir()
        for number in range(files):
            texts = [json_text(row) for row in rows[number::files]]
            text = f"[{','.join(texts)}]" if array else "\n".join(texts)
            (folder / table / f"{number:02}.{ending}").write_text(text)


def sheet_value(value: object) -> object:
    """What a workbook can hold: no zone and no list."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return cell(value, comma=False, local=False) if isinstance(value, list) else value


def append_rows(book: Workbook, title: str, rows: list[Row], names: list[str]) -> None:
    sheet = book.create_sheet(title)
    sheet.append(names)
    for row in rows:
        sheet.append([sheet_value(row.get(name)) for name in names])


def write_workbooks(folder: Path, facts: Facts, files: int = 1) -> None:
    for table, rows in facts.items():
        (folder / table).mkdir()
        for number in range(files):
            book = Workbook()
            append_rows(book, "rows", rows[number::files], names_of(rows))
            book.save(folder / table / f"{number:02}.xlsx")


def write_sheets(folder: Path, facts: Facts) -> None:
    """All tables as sheets of one workbook, beside an empty sheet and one that is left out."""
    book = Workbook()
    for table, rows in facts.items():
        append_rows(book, table.title(), rows, names_of(rows))
    append_rows(book, "Notes", [{"note": "nothing"}], ["note"])
    book.save(folder / "export.xlsx")
    (folder / "mapping.toml").write_text('[files]\nignore = ["export.xlsx#Notes"]\n')


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": lambda data: bytes(pa.Codec("zstd").compress(data, asbytes=True)),
}


def write_packed(folder: Path, facts: Facts, name: str) -> None:
    """Every file of a form compressed, each with the next kind of compression."""
    FORMS[name](folder, facts)
    kinds = sorted(PACKED)
    for number, path in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())):
        if path.name != "mapping.toml":
            kind = kinds[number % len(kinds)]
            path.with_name(f"{path.name}.{kind}").write_bytes(PACKED[kind](path.read_bytes()))
            path.unlink()


def write_text(folder: Path, facts: Facts, ending: str) -> None:
    write_csv(folder, facts, {"separator": "\t"}, "")
    for path in list(folder.glob("*.csv")):
        path.rename(path.with_suffix(f".{ending}"))


def write_joined(folder: Path, facts: Facts, of: int = 2) -> None:
    """Some columns of every table but consents in files of their own, in other orders."""
    mapping = ""
    for table, rows in facts.items():
        key = TABLES[table].names[0]
        names = [key, *(name for name in names_of(rows) if name != key)]
        own = [name for i, name in enumerate(names) if not i or i % of or table == "consents"]
        path = folder / f"{table}.csv"
        path.write_bytes(csv_data(rows, own))
        rest = [name for name in names if name not in own]
        if rest:
            given = [row for row in rows if any(row.get(name) is not None for name in rest)]
            data = csv_data([*given[::-1], given[0]] if given else [], [key, *rest], separator=";")
            (folder / f"{table} more.CSV.gz").write_bytes(gzip.compress(data))
            mapping += f'[[mapping.{table}.joins]]\nfile = "{table} more.CSV.gz"\n'
    (folder / "mapping.toml").write_text(mapping)


def write_coded(folder: Path, facts: Facts) -> None:
    """The fixed words as numbers, which files of codes explain."""
    mapping = ""
    coded = {table: [dict(row) for row in rows] for table, rows in facts.items()}
    for table, rows in coded.items():
        for name in ("status", "licence_class", "grant_train_gen", "value", "minors", "keywords"):
            words = [row[name] for row in rows if row.get(name) is not None]
            flat = [w for word in words for w in (word if isinstance(word, list) else [word])]
            codes = {word: f"0{i}" for i, word in enumerate(dict.fromkeys(flat))}
            for row in rows:
                value = row.get(name)
                if isinstance(value, list):
                    row[name] = [codes[word] for word in value]
                elif value is not None:
                    row[name] = codes[value]
            if codes:
                pairs = [{"code": code, "value": word} for word, code in codes.items()]
                data = csv_data(pairs, ["code", "value"], encoding="utf-16", separator="|")
                (folder / f"{table}-{name}.txt").write_bytes(data)
                mapping += f'[mapping.{table}.codes.{name}]\nfile = "{table}-{name}.txt"\n'
    write_csv(folder, coded, {}, mapping)


Write = Callable[[Path, Facts], None]


def _dialect(name: str, files: int) -> Write:
    options, mapping = DIALECTS[name]
    return lambda folder, facts: write_csv(folder, facts, options, mapping, files)


def _flavour(name: str) -> Write:
    return lambda folder, facts: write_parquet(folder, facts, name)


FORMS: dict[str, Write] = {
    **{f"CSV, {name}": _dialect(name, 1) for name in DIALECTS},
    **{f"CSV, {name}, four files": _dialect(name, 4) for name in ("plain", "semicolons")},
    **{f"Parquet, {name}": _flavour(name) for name in FLAVOURS},
    "JSON Lines": lambda folder, facts: write_json(folder, facts, False, "jsonl"),
    "JSON Lines, forty files": lambda folder, facts: write_json(folder, facts, False, "ndjson", 40),
    "JSON, lines": lambda folder, facts: write_json(folder, facts, False, "json"),
    "JSON, arrays": lambda folder, facts: write_json(folder, facts, True, "json", 4),
    "workbooks": write_workbooks,
    "sheets": write_sheets,
    "text": lambda folder, facts: write_text(folder, facts, "txt"),
    "tabs": lambda folder, facts: write_text(folder, facts, "tsv"),
    "joined": write_joined,
    "joined, every third": lambda folder, facts: write_joined(folder, facts, 3),
    "coded": write_coded,
}
PACKABLE: tuple[str, ...] = (
    "CSV, plain",
    "CSV, utf-16 with tabs",
    "CSV, mac",
    "CSV, semicolons, four files",
)
PACKABLE += ("JSON Lines", "JSON, lines", "JSON, arrays", "text", "tabs")
FORMS |= {
    f"{name}, compressed": lambda folder, facts, name=name: write_packed(folder, facts, name)  # type: ignore[misc]
    for name in PACKABLE
}
# Forms that cannot state the zone of a time.
WITHOUT_ZONES = frozenset({"workbooks", "sheets"})
