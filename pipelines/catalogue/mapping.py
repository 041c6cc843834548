"""Reads `mapping.toml`, which maps an agency's column names and values to the catalogue's."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from pipelines.catalogue.absent import BLANK_CHARACTERS
from pipelines.catalogue.consent_default import ConsentDefault, parse_consent_default
from pipelines.catalogue.mapping_derived import DERIVED_SECTIONS, parse_derived
from pipelines.catalogue.mapping_form import FORM_SECTIONS, parse_form
from pipelines.catalogue.mapping_tables import CatalogueMapping, JoinMapping, TableMapping
from pipelines.catalogue.mapping_values import (
    cell_text,
    check_known,
    parse_names,
    require_section,
    text_value,
)
from pipelines.catalogue.values import shorten, value_parser
from schemas.catalogue import CODES, CONTRIBUTOR_SHARE, TABLES, USE, table_schema
from schemas.errors import InputError

__all__ = [
    "MAPPING_FILE",
    "CatalogueMapping",
    "JoinMapping",
    "TableMapping",
    "load_mapping",
    "load_use_mapping",
    "parse_mapping",
]

MAPPING_FILE = "mapping.toml"
SECOND_TABLE = "rights"  # what a preset's file does not say
_SECTIONS = ("columns", "values", "constants")
_OF_FILES = ("files", "file", "sheet", "ignore")
_OTHER = ("codes", "joins", "default")
_ALLOWED = (*_SECTIONS, *_OF_FILES, *_OTHER, *FORM_SECTIONS, *DERIVED_SECTIONS)
_OF_JOIN = ("variants", "base_names", "united")
_ALLOWED_IN_JOIN = ("key", "columns", "values", *_OF_FILES, "codes", *_OF_JOIN, *FORM_SECTIONS)
_ALLOWED_IN_CODES = ("columns", *_OF_FILES, "csv")
_ALLOWED_IN_USE = ("columns", "sheet", "ignore", *FORM_SECTIONS)


def _parse_columns(raw: dict[str, object], table: str, where: str) -> tuple[tuple[str, str], ...]:
    for ours, theirs in raw.items():
        check_known(ours, table_schema(table).names, f"{where}.{ours}")
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
        check_known(ours, TABLES[table].names, key_path)
        field = TABLES[table].field(ours)
        if field.type == pa.list_(CONTRIBUTOR_SHARE):
            raise InputError(
                "The values of splits cannot be mapped", key_path, "Remove the section."
            )
        mapped = {
            theirs.strip(BLANK_CHARACTERS): cell_text(value, f"{key_path}.{theirs}")
            for theirs, value in sorted(require_section(pairs, key_path).items())
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
        check_known(ours, TABLES[table].names, key_path)
        text = cell_text(value, key_path)
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


def _parse_table(
    raw: dict[str, object], table: str, where: str, allowed: tuple[str, ...] = _ALLOWED
) -> TableMapping:
    for key in raw:
        check_known(key, allowed, f"{where}.{key}")
    parts = {key: require_section(raw.get(key, {}), f"{where}.{key}") for key in _SECTIONS}
    codes = require_section(raw.get("codes", {}), f"{where}.codes")
    for section, other in (("columns", "constants"), ("values", "codes")):
        both = sorted(parts[section].keys() & (parts.get(other) or codes).keys())
        if both:
            what = "mapped and constant" if other == "constants" else "in values and in codes"
            raise InputError(f"A column is both {what}", f"{where}: {', '.join(both)}", "Keep one.")
    return TableMapping(
        _parse_columns(parts["columns"], table, f"{where}.columns"),
        _parse_values(parts["values"], table, f"{where}.values"),
        _parse_constants(parts["constants"], table, f"{where}.constants"),
        _parse_files(raw, where),
        text_value(raw["sheet"], f"{where}.sheet") if "sheet" in raw else "",
        parse_names(raw.get("ignore", []), f"{where}.ignore"),
        parse_form(raw, table_schema(table), where),
        parse_derived(raw, table_schema(table), where),
        _parse_codes(codes, table, f"{where}.codes"),
        _parse_joins(raw.get("joins", []), table, f"{where}.joins"),
        _parse_default(raw, table, f"{where}.default"),
        where=where,
    )


def _parse_default(raw: dict[str, object], table: str, where: str) -> ConsentDefault | None:
    if "default" not in raw:
        return None
    if table != "consents":
        raise InputError("The mapping has an unknown key", where, "Only consents have a default.")
    return parse_consent_default(raw["default"], where)


def _parse_files(raw: dict[str, object], where: str) -> tuple[str, ...]:
    """Parses `files`, or `file`, which is one of them."""
    if "file" not in raw:
        return parse_names(raw.get("files", []), f"{where}.files")
    if "files" in raw:
        raise InputError("The mapping has both file and files", where, "Keep one.")
    return (text_value(raw["file"], f"{where}.file"),)


def _parse_codes(
    raw: dict[str, object], table: str, where: str
) -> tuple[tuple[str, TableMapping], ...]:
    result = []
    for ours, section in sorted(raw.items()):
        key_path = f"{where}.{ours}"
        check_known(ours, TABLES[table].names, key_path)
        if TABLES[table].field(ours).type == pa.list_(CONTRIBUTOR_SHARE):
            raise InputError("The values of splits cannot be mapped", key_path, "Remove it.")
        values = require_section(section, key_path)
        parsed = _parse_table(values, CODES, key_path, _ALLOWED_IN_CODES)
        result.append((ours, _with_files(parsed)))
    return tuple(result)


def _parse_joins(raw: object, table: str, where: str) -> tuple[JoinMapping, ...]:
    if not isinstance(raw, list):
        raise InputError(
            "The mapping requires a list of TOML tables here",
            f"{where} = {raw!r}",
            f"Write [[{where}]].",
        )
    return tuple(
        _parse_join(section, table, where if len(raw) == 1 else f"{where} ({number})")
        for number, section in enumerate(raw, start=1)
    )


def _parse_join(raw: object, table: str, where: str) -> JoinMapping:
    schema = table_schema(table)
    keys = [field.name for field in schema if pa.types.is_string(field.type)]
    values = require_section(raw, where)
    key = values.get("key", schema.names[0])
    check_known(str(key), keys, f"{where}.key = {key!r}: not")
    united = parse_names(values.get("united", []), f"{where}.united")
    for name in united:
        check_known(name, _lists_of_texts(schema), f"{where}.united = {name!r}")
    parsed = _with_files(_parse_table(values, table, where, _ALLOWED_IN_JOIN))
    return JoinMapping(str(key), replace(parsed, required=(str(key),)), united)


def _lists_of_texts(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if field.type == pa.list_(pa.string())]


def _with_files(mapping: TableMapping) -> TableMapping:
    if not mapping.files:
        raise InputError(
            "The mapping names no file here", mapping.where, 'State one: file = "….csv".'
        )
    return mapping


def load_toml(source: bytes, origin: str) -> dict[str, object]:
    """Reads TOML.

    Raises:
        InputError: If it is not valid.
    """
    try:
        return tomllib.loads(source.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError("The mapping is not valid TOML", f"{origin}: {error}", "") from error


def parse_mapping(source: bytes, origin: str) -> CatalogueMapping:
    """Parses a mapping.

    Args:
        source: TOML.
        origin: Its path or address, for messages.

    Raises:
        InputError: If it is not valid TOML, or a key or value is unknown.
    """
    return parse_document(load_toml(source, origin), source, origin)


def parse_document(
    document: dict[str, object], source: bytes, origin: str, preset: str = ""
) -> CatalogueMapping:
    """Parses a mapping whose TOML was read.

    Args:
        document: What the TOML says.
        source: The bytes that stand for it in the catalogue's digest.
        origin: Its path or address, for messages.
        preset: The preset that is part of it, or "".

    Raises:
        InputError: If a key or value is unknown.
    """
    try:
        for key in document:
            check_known(key, ["mapping", "files"], key)
        files = require_section(document.get("files", {}), "files")
        for key in files:
            check_known(key, ["ignore"], f"files.{key}")
        ignored_files = parse_names(files.get("ignore", []), "files.ignore")
        tables = require_section(document.get("mapping", {}), "mapping")
        for table in tables:
            check_known(table, [*TABLES, SECOND_TABLE] if preset else TABLES, f"mapping.{table}")
        parsed = {
            table: _parse_table(require_section(raw, where), table, where)
            for table, raw in sorted(tables.items())
            if table != SECOND_TABLE and (where := f"mapping.{table}")
        }
        if SECOND_TABLE in tables:
            where, own = f"mapping.{SECOND_TABLE}", parsed["assets"]
            second = _parse_join(tables[SECOND_TABLE], "assets", where)
            parsed["assets"] = replace(own, joins=(*own.joins, second))
    except InputError as error:
        raise InputError(error.what, f"{origin}: {error.which}", error.remedy) from error
    return CatalogueMapping(source, tuple(parsed.items()), ignored_files, preset)


def load_use_mapping(path: Path) -> TableMapping:
    """Reads and parses the mapping of a buyer's statement of use: a file with the section `use`.

    Raises:
        InputError: If it cannot be read, or a key or value is unknown.
    """
    document = load_toml(read_mapping_file(path), str(path))
    try:
        for key in document:
            check_known(key, [USE], key)
        return _parse_table(require_section(document.get(USE, {}), USE), USE, USE, _ALLOWED_IN_USE)
    except InputError as error:
        raise InputError(error.what, f"{path}: {error.which}", error.remedy) from error


def load_mapping(path: Path) -> CatalogueMapping:
    """Reads and parses a mapping file.

    Raises:
        InputError: If it cannot be read, or `parse_mapping` refuses it.
    """
    return parse_mapping(read_mapping_file(path), str(path))


def read_mapping_file(path: Path) -> bytes:
    """Reads the bytes of a mapping.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            "The mapping cannot be read", f"{path}: {error}", "Give the path of a TOML file."
        ) from error
