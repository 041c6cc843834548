"""Which mapping a command reads a catalogue with: its own, one beside the tables, or a preset."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pipelines.catalogue.compressed import plain_name
from pipelines.catalogue.files import open_file, read_blocks
from pipelines.catalogue.inventory import split_ignored
from pipelines.catalogue.listing import CatalogueFile
from pipelines.catalogue.mapping import (
    MAPPING_FILE,
    SECOND_TABLE,
    CatalogueMapping,
    TableMapping,
    load_toml,
    parse_document,
    read_mapping_file,
)
from pipelines.catalogue.mapping_derived import FILE_COLUMN
from pipelines.catalogue.mapping_values import require_section, text_value
from pipelines.catalogue.plain_form import plain_form
from pipelines.catalogue.preset import Preset, build_on, build_table_on, load_preset
from pipelines.catalogue.preset_needs import missing_columns_error, said_columns
from pipelines.catalogue.tables import belongs_to_table, format_of
from schemas.catalogue import TABLES
from schemas.errors import InputError

# How the second table is read, on which `[mapping.rights]` may build: it may name its columns so,
# besides by our names.
_SECOND: dict[str, object] = {
    "sole_contributor": True,
    "base_names": ["asset_id"],
    "variants": {
        "asset_id": ["Filename", "File name", "originalfilename", "oldfilename", "123rf_filename"],
        "contributors": ["contributor_id", "contributor"],
    },
    "united": ["release_ids"],
}
_MIN_COLUMNS = 3  # of a preset's file, by which it is recognised


@dataclass(frozen=True)
class MappingChoice:
    """What a command says of how a catalogue is mapped.

    Attributes:
        path: Path of a mapping, or "" for `mapping.toml` beside the tables.
        preset: Name of a preset that it builds on, or "".
        media_prefix: What to put before every media_uri, such as `photos/`, or "".
    """

    path: str = ""
    preset: str = ""
    media_prefix: str = ""

    @property
    def media_root(self) -> str:
        """The place of media if it is outside the catalogue, or ""."""
        prefix = self.media_prefix
        return prefix if "://" in prefix or prefix.startswith("/") else ""


AS_FOUND = MappingChoice()


def choose_mapping(
    choice: MappingChoice, files: Sequence[CatalogueFile], uri: str
) -> CatalogueMapping:
    """Returns the mapping of a catalogue.

    Args:
        choice: What the command says.
        files: Every file of the catalogue that is no medium.
        uri: The catalogue's address, for messages.

    Raises:
        InputError: If the mapping cannot be read, the preset's file is not found, or how it is
            written is not certain.
    """
    source, origin = _read_source(choice, files)
    document = load_toml(source, origin)
    stated = text_value(document.pop("preset"), "preset") if "preset" in document else ""
    if choice.preset and stated not in ("", choice.preset):
        raise InputError(
            "The mapping and the command name different presets",
            f"{origin}: preset = {stated!r}, --preset {choice.preset}",
            "Correct one of them.",
        )
    name = choice.preset or stated
    identity = source
    if choice.media_prefix:
        identity += f"\n# media prefix {choice.media_prefix}\n".encode()
    if not name:
        _add_prefix(document, choice.media_prefix, origin)
        return parse_document(document, identity, origin)
    preset = load_preset(name)
    digest = hashlib.sha256(preset.source).hexdigest()
    identity += f"\n# preset {name} {digest}\n".encode()
    origin = origin or f"preset {name}"
    merged = build_on(preset.document(), document)
    _add_prefix(merged, choice.media_prefix, origin)
    own = _take_second(merged)
    mapping = parse_document(merged, identity, origin, name)
    second = _add_second(merged, own, mapping, files, uri)
    _add_files(merged, preset, mapping, second, files, uri)
    return parse_document(merged, identity, origin, name)


def _read_source(choice: MappingChoice, files: Sequence[CatalogueFile]) -> tuple[bytes, str]:
    if choice.path:
        return read_mapping_file(Path(choice.path)), choice.path
    for file in files:
        if file.name == MAPPING_FILE:
            with open_file(file.uri, file.version) as stream:
                return b"".join(read_blocks(stream)), file.uri
    return b"", ""


def _assets(document: dict[str, object]) -> dict[str, object]:
    """Returns the section `mapping.assets` of a document, which it is given if it has none."""
    tables = require_section(document.setdefault("mapping", {}), "mapping")
    return require_section(tables.setdefault("assets", {}), "mapping.assets")


def _add_prefix(document: dict[str, object], prefix: str, origin: str) -> None:
    if not prefix:
        return
    section = _assets(document).setdefault("prefixes", {})
    prefixes = require_section(section, "mapping.assets.prefixes")
    if FILE_COLUMN in prefixes:
        raise InputError(
            "The mapping and the command both say where media are",
            f"{origin}: mapping.assets.prefixes.{FILE_COLUMN}, --media-prefix {prefix}",
            "Keep one.",
        )
    prefixes[FILE_COLUMN] = prefix if prefix.endswith("/") else f"{prefix}/"


def _take_second(document: dict[str, object]) -> dict[str, object] | None:
    """Takes what the mapping says of the second table out of a document."""
    tables = require_section(document["mapping"], "mapping")
    where = f"mapping.{SECOND_TABLE}"
    return require_section(tables.pop(SECOND_TABLE), where) if SECOND_TABLE in tables else None


def _add_second(
    document: dict[str, object],
    own: dict[str, object] | None,
    mapping: CatalogueMapping,
    files: Sequence[CatalogueFile],
    uri: str,
) -> list[CatalogueFile]:
    """Adds the second table, which is called so or named by its section, and returns its files."""
    where = f"mapping.{SECOND_TABLE}"
    tables = _tables(files, mapping)
    joins = mapping.for_table("assets").joins
    second = [
        file
        for file in tables
        if _stem(file) == SECOND_TABLE and not any(_is_named(file, j.mapping) for j in joins)
    ]
    base = dict(_SECOND)
    if own is None or not {"file", "files"} & own.keys():
        base["files"] = sorted({glob.escape(file.name) for file in second})
        if not second and own is not None:
            raise InputError(
                "The mapping speaks of a second table that is not there",
                f"{uri}: {where}, and no table is called {SECOND_TABLE}",
                f'Name it: [{where}] file = "…". A file that is in [[mapping.assets.joins]] '
                "already is described there.",
            )
    if own is not None or second:
        section = build_table_on(base, own or {}, where)
        require_section(document["mapping"], "mapping")[SECOND_TABLE] = section
    return second


def _tables(files: Sequence[CatalogueFile], mapping: CatalogueMapping) -> list[CatalogueFile]:
    """Returns the files beside each other that may be tables."""
    kept, _ = split_ignored(files, mapping.ignored_files)
    return [file for file in kept if "/" not in file.name and format_of(file)]


def _add_files(
    document: dict[str, object],
    preset: Preset,
    mapping: CatalogueMapping,
    second: Sequence[CatalogueFile],
    files: Sequence[CatalogueFile],
    uri: str,
) -> None:
    """Adds the preset's files, where the mapping does not name them."""
    kept, _ = split_ignored(files, mapping.ignored_files)
    tables = _tables(files, mapping)
    assets = _assets(document)
    own = mapping.for_table("assets")
    if not own.files and not any(belongs_to_table("assets", file.name) for file in kept):
        taken = {file for file in tables if _is_taken(file, mapping)} | {*second}
        found = _find_exports([f for f in tables if f not in taken], preset, own, uri)
        assets["files"] = [glob.escape(name) for name in found]
    _check_said(document, preset, kept, uri)


def _is_named(file: CatalogueFile, mapping: TableMapping) -> bool:
    return any(fnmatchcase(file.name, pattern) for pattern in mapping.files)


def _stem(file: CatalogueFile) -> str:
    return plain_form(plain_name(file.name).rpartition(".")[0])


def _is_taken(file: CatalogueFile, mapping: CatalogueMapping) -> bool:
    stated = {
        name
        for _, own in mapping.tables
        for name in (*own.files, *(n for join in own.joins for n in join.mapping.files))
    }
    codes = {name for _, own in mapping.tables for _, found in own.codes for name in found.files}
    if any(fnmatchcase(file.name, pattern) for pattern in stated | codes):
        return True
    return any(belongs_to_table(table, file.name) for table in TABLES)


def _find_exports(
    files: Sequence[CatalogueFile], preset: Preset, own: TableMapping, uri: str
) -> list[str]:
    """Returns the names of the files that have a preset's columns."""
    names = sorted({file.name for file in files})
    stated = (*own.columns, *own.derived.variants, *own.derived.sources)
    of_preset = {ours for ours, *_ in stated}
    found: set[str] = set()
    unclear: InputError | None = None
    for file in files:
        try:
            said = said_columns(file, own, (FILE_COLUMN,))
        except InputError as error:
            unclear = unclear or error
            continue
        if FILE_COLUMN in said and len(said & of_preset) >= _MIN_COLUMNS:
            found.add(file.name)
    if not found and unclear is not None:
        raise unclear
    if not found:
        listing = ", ".join(names[:8]) or "no other tables"
        raise InputError(
            f"No file has the columns of {preset.agency}",
            f"{uri} holds {listing}",
            f"Expected a header such as {preset.header}. Choose another preset, or name the file "
            'in mapping.toml: [mapping.assets] files = ["…"]. If there are titles above its '
            "header, say which row is the header: [mapping.assets] header_row = 3.",
        )
    return sorted(found)


def _check_said(
    document: dict[str, object], preset: Preset, files: Sequence[CatalogueFile], uri: str
) -> None:
    """Refuses a catalogue in which no table has a required column, naming all such columns."""
    mapping = parse_document(document, b"", uri, preset.name)
    own = mapping.for_table("assets")
    named = [file for file in files if _is_named(file, own)]
    said = {*dict(own.constants), *own.derived.from_file_name}
    for file in named:
        said |= said_columns(file, own, (FILE_COLUMN,))
    for join in own.joins:
        for file in files:
            if _is_named(file, join.mapping):
                said |= said_columns(file, join.mapping, (join.key,))
    if named and (error := missing_columns_error(preset, said, uri)):
        raise error
