"""Reads `mapping.toml`, which maps an agency's column names and values to the catalogue's."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa

from pipelines.catalogue.absent import BLANK_CHARACTERS
from pipelines.catalogue.mapping_form import (
    FORM_SECTIONS,
    NOTHING_STATED,
    TableForm,
    parse_form,
)
from pipelines.catalogue.values import shorten, value_parser
from schemas.catalogue import CONTRIBUTOR_SHARE, TABLES
from schemas.errors import InputError

MAPPING_FILE = "mapping.toml"
_SECTIONS = ("columns", "values", "constants")
_ALLOWED = (*_SECTIONS, "files", "ignore", *FORM_SECTIONS)


@dataclass(frozen=True)
class TableMapping:
    """The mapping of one table.

    Attributes:
        columns: Pairs of our column name and the agency's.
        values: By our column, pairs of the agency's value and ours, both as text.
        constants: By our column, the text to use in every row.
        files: Names or patterns of the table's files; empty where the files' own names say it.
        ignore: The agency's columns that are not read on purpose.
        form: How its text files and cells are written.
    """

    columns: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    constants: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    form: TableForm = NOTHING_STATED

    def agency_column(self, column: str) -> str:
        """Returns the name of our column in the agency's table."""
        return dict(self.columns).get(column, column)


@dataclass(frozen=True)
class CatalogueMapping:
    """A parsed `mapping.toml`.

    Attributes:
        source: The bytes of the file, which the catalogue's digest covers.
        tables: The mappings, by table.
        ignored_files: Names or patterns of files that are not part of the catalogue.
    """

    source: bytes = b""
    tables: tuple[tuple[str, TableMapping], ...] = ()
    ignored_files: tuple[str, ...] = ()

    def for_table(self, table: str) -> TableMapping:
        """Returns the mapping of a table; empty if the file does not mention the table."""
        return dict(self.tables).get(table, TableMapping())


def close_matches(name: str, names: Iterable[str]) -> list[str]:
    """Returns names similar to `name`, closest first, ignoring case and separators."""
    by_comparable = {_comparable(other): other for other in sorted(names, reverse=True)}
    found = difflib.get_close_matches(_comparable(name), by_comparable, n=3, cutoff=0.6)
    return [by_comparable[key] for key in found]


def _comparable(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _cell_text(value: object, where: str) -> str:
    """Returns a TOML value as the text of a CSV cell."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value).strip(BLANK_CHARACTERS)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list):
        return ";".join(_cell_text(item, where) for item in value)
    raise InputError(
        "The mapping has a value of an unsupported type", f"{where} = {value!r}", "Use text."
    )


def _check_known(name: str, allowed: Iterable[str], where: str) -> None:
    names = list(allowed)
    if name not in names:
        guesses = close_matches(name, names)
        hint = f"Did you mean {guesses[0]}? " if guesses else ""
        raise InputError(
            "The mapping has an unknown key", f"{where}", f"{hint}Allowed here: {', '.join(names)}."
        )


def _require_section(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InputError(
            "The mapping requires a TOML table here", f"{where} = {value!r}", f"Write [{where}]."
        )
    return value


def _parse_columns(raw: dict[str, object], table: str, where: str) -> tuple[tuple[str, str], ...]:
    for ours, theirs in raw.items():
        _check_known(ours, TABLES[table].names, f"{where}.{ours}")
        if not isinstance(theirs, str) or not theirs:
            raise InputError(
                "A mapped column must be a column name", f"{where}.{ours} = {theirs!r}", "Use text."
            )
    return tuple(
        (ours, str(theirs).strip(BLANK_CHARACTERS)) for ours, theirs in sorted(raw.items())
    )


def _parse_values(
    raw: dict[str, object], table: str, where: str
) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    result = []
    for ours, pairs in sorted(raw.items()):
        key_path = f"{where}.{ours}"
        _check_known(ours, TABLES[table].names, key_path)
        field = TABLES[table].field(ours)
        if field.type == pa.list_(CONTRIBUTOR_SHARE):
            raise InputError(
                "The values of splits cannot be mapped", key_path, "Remove the section."
            )
        mapped = {
            theirs.strip(BLANK_CHARACTERS): _cell_text(value, f"{key_path}.{theirs}")
            for theirs, value in sorted(_require_section(pairs, key_path).items())
        }
        if pa.types.is_list(field.type) and "" in mapped.values():
            raise InputError(
                "A list item cannot be mapped to an empty value",
                key_path,
                "Give the value that it stands for.",
            )
        result.append((ours, tuple(mapped.items())))
    return tuple(result)


def _parse_constants(raw: dict[str, object], table: str, where: str) -> tuple[tuple[str, str], ...]:
    result = []
    for ours, value in sorted(raw.items()):
        key_path = f"{where}.{ours}"
        _check_known(ours, TABLES[table].names, key_path)
        text = _cell_text(value, key_path)
        try:
            value_parser(TABLES[table].field(ours))(text)
        except ValueError as error:
            raise InputError(
                "A constant of the mapping cannot be read",
                f"{key_path} = {shorten(value)}",
                f"{error}",
            ) from error
        result.append((ours, text))
    return tuple(result)


def _parse_names(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        raise InputError(
            "The mapping requires a list of names here", f"{where} = {value!r}", 'Use ["…", "…"].'
        )
    return tuple(value)


def _parse_table(raw: dict[str, object], table: str) -> TableMapping:
    where = f"mapping.{table}"
    for key in raw:
        _check_known(key, _ALLOWED, f"{where}.{key}")
    parts = {key: _require_section(raw.get(key, {}), f"{where}.{key}") for key in _SECTIONS}
    both = sorted(parts["columns"].keys() & parts["constants"].keys())
    if both:
        raise InputError(
            "A column is both mapped and constant", f"{where}: {', '.join(both)}", "Keep one."
        )
    return TableMapping(
        _parse_columns(parts["columns"], table, f"{where}.columns"),
        _parse_values(parts["values"], table, f"{where}.values"),
        _parse_constants(parts["constants"], table, f"{where}.constants"),
        _parse_names(raw.get("files", []), f"{where}.files"),
        _parse_names(raw.get("ignore", []), f"{where}.ignore"),
        parse_form(raw, TABLES[table], where),
    )


def parse_mapping(source: bytes, origin: str) -> CatalogueMapping:
    """Parses a mapping.

    Args:
        source: TOML.
        origin: Its path or address, for messages.

    Raises:
        InputError: If it is not valid TOML, or a key or value is unknown.
    """
    try:
        document = tomllib.loads(source.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError("The mapping is not valid TOML", f"{origin}: {error}", "") from error
    try:
        for key in document:
            _check_known(key, ["mapping", "files"], key)
        files = _require_section(document.get("files", {}), "files")
        for key in files:
            _check_known(key, ["ignore"], f"files.{key}")
        ignored_files = _parse_names(files.get("ignore", []), "files.ignore")
        tables = _require_section(document.get("mapping", {}), "mapping")
        for table in tables:
            _check_known(table, TABLES, f"mapping.{table}")
        parsed = tuple(
            (table, _parse_table(_require_section(raw, f"mapping.{table}"), table))
            for table, raw in sorted(tables.items())
        )
    except InputError as error:
        raise InputError(error.what, f"{origin}: {error.which}", error.remedy) from error
    return CatalogueMapping(source, parsed, ignored_files)


def load_mapping(path: Path) -> CatalogueMapping:
    """Reads and parses a mapping file.

    Raises:
        InputError: If it cannot be read, or `parse_mapping` refuses it.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise InputError(
            "The mapping cannot be read", f"{path}: {error}", "Give the path of a TOML file."
        ) from error
    return parse_mapping(source, str(path))
