"""Accounts for every file below a catalogue that is not part of a table.

Such a file must be a medium, a sidecar, the mapping, a deal, the output of a run, a file without
rows that a tool left, or be listed in the mapping's `files.ignore`. Anything else stops the run: a
second file of withdrawals must not be overlooked because of its name.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipelines.catalogue.files import open_file, read_blocks
from pipelines.catalogue.listing import CatalogueFile, Listing, ending
from pipelines.catalogue.mapping import MAPPING_FILE
from pipelines.catalogue.mapping_values import close_matches
from pipelines.catalogue.track_heads import HEAD_BYTES, may_be_table
from pipelines.catalogue.workbooks import NO_SHEETS, SheetCounts
from schemas.catalogue import TABLES
from schemas.errors import InputError, RunError

MAX_NAMED = 8
_MAX_TOML_BYTES = 2**20
# Files that hold no rows: of desktops, and the markers and checksums of Spark and Databricks.
_SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "_metadata"})
_SYSTEM_PATTERN = re.compile(r"_common_metadata|_SUCCESS|_(started|committed)_\d+|\..+\.crc")
_APPLE_DOUBLE = b"\x00\x05\x16\x07"
_VERSION_RECORD = re.compile(r"(?P<output>.*/)?[^/]+/v\d{4,}/agency/run\.json")
# What a run writes before its record, and leaves behind if it is stopped before: no rows.
_BEFORE_RECORD = re.compile(
    r"(.*/)?agency/(signing\.key|claims/[a-z0-9-]+/v\d{4,}/(\d{4,}\.(json|beat)|\.tmp-[^/]+))"
)
# Columns of assets that name files with what is where in a film, and how those end.
_TRACK_COLUMNS = ("boxes", "poses")
_TRACK_ENDING = "json"
# Endings that media never have, so that no asset needs to be asked whether it names the file.
_DATA_ENDINGS = frozenset(
    "7z arrow avro bz2 csv doc docx feather gz json jsonl ndjson numbers ods orc parquet sql "
    "sqlite tab tar tsv txt xls xlsb xlsm xlsx xml yaml yml zip zst".split()
)


# Endings of pictures, films and documents, which no table has, whatever a mapping says.
_NO_TABLE_ENDINGS = frozenset(
    "ai avi bmp cr2 cr3 dng eps gif heic htm html jpeg jpg mkv mov mp3 mp4 nef pdf png psd svg tif "
    "tiff wav webp".split()
)


@dataclass(frozen=True)
class FileCounts:
    """What every file below a catalogue is; `total` is their number.

    What runs wrote below the catalogue is not counted, because an interrupted run would then count
    its own output when it is continued.

    Attributes:
        tables: Files that are parts of tables, by table; those that are joined to tables, list
            codes, or are workbooks of several tables are counted apart.
        media: Media by their endings, or because an asset names them.
        sidecars: `.xmp` files and tracks beside the file that they describe, and tracks that an
            asset names.
        other: Mappings, deals and files of the system, which hold no rows.
        ignored: The files that the mapping leaves out, by name.
        sheets: The sheets of workbooks that are not read.
    """

    tables: tuple[tuple[str, int], ...]
    media: int
    sidecars: int
    other: int
    ignored: tuple[str, ...]
    sheets: SheetCounts = NO_SHEETS

    @property
    def total(self) -> int:
        """Returns the number of files that were found."""
        tables = sum(count for _, count in self.tables)
        return tables + self.media + self.sidecars + self.other + len(self.ignored)

    def to_json(self) -> dict[str, object]:
        """Returns the counts as JSON."""
        return {
            "found": self.total,
            "tables": dict(self.tables),
            "media": self.media,
            "sidecars": self.sidecars,
            "other": self.other,
            "ignored": list(self.ignored),
            **({"ignored_sheets": list(self.sheets.ignored)} if self.sheets.ignored else {}),
            **({"ignored_notes": dict(self.sheets.notes)} if self.sheets.notes else {}),
            **({"empty_sheets": self.sheets.empty} if self.sheets.empty else {}),
        }


def split_ignored(
    files: Iterable[CatalogueFile], patterns: Sequence[str]
) -> tuple[list[CatalogueFile], tuple[str, ...]]:
    """Separates the files whose names match one of the mapping's patterns.

    Returns:
        The files that are left, and the names of those that are ignored.
    """
    kept: list[CatalogueFile] = []
    ignored: list[str] = []
    for file in files:
        if any(fnmatchcase(file.name, pattern) for pattern in patterns):
            ignored.append(file.name)
        else:
            kept.append(file)
    return kept, tuple(ignored)


def count_files(
    listing: Listing,
    table_files: Sequence[tuple[str, Sequence[CatalogueFile]]],
    others: Iterable[tuple[CatalogueFile, str]],
    ignored: tuple[str, ...],
    named_in: Callable[[Sequence[str]], Iterable[str]],
    origin: str,
) -> FileCounts:
    """Counts every file of a catalogue.

    Args:
        listing: Every file.
        table_files: The files of each table.
        others: Other files that are read, each with what it is.
        ignored: Names of files that the mapping leaves out.
        named_in: Reads columns of all assets; called only if a file may be named in one.
        origin: The catalogue's address.

    Raises:
        InputError: If there is a file that is none of these; it names the first ones.
        RunError: If a file is counted twice or not at all.
    """
    tables = _count_by_use(table_files, others)
    taken = {file.name for _, files in table_files for file in files} | set(ignored)
    taken |= {file.name for file, _ in others}
    rest = [file for file in listing.files if file.name not in taken]
    outputs = _output_folders(rest)
    found = len(rest)
    rest = [
        file
        for file in rest
        if not file.name.startswith(outputs) and not _BEFORE_RECORD.fullmatch(file.name)
    ]
    written = found - len(rest)
    unknown = [file for file in rest if not _holds_no_rows(file)]
    other = len(rest) - len(unknown)
    tracks = _named(unknown, _TRACK_COLUMNS, named_in, origin, lambda end: end == _TRACK_ENDING)
    tracks -= {file.name for file in unknown if file.name in tracks and _may_be_table(file)}
    unknown = [file for file in unknown if file.name not in tracks]
    media, sidecars = listing.media, listing.sidecars + len(tracks)
    if unknown and all(ending(file.name) not in _DATA_ENDINGS for file in unknown):
        named = _named(unknown, ("media_uri",), named_in, origin, lambda _: True)
        media += len(named)
        unknown = [file for file in unknown if file.name not in named]
    if unknown:
        raise _unread_files_error(unknown, origin)
    counts = FileCounts(tables, media, sidecars, other, ignored)
    listed = len(listing.files) - written + listing.media + listing.sidecars
    if counts.total != listed:
        raise RunError(
            "The counts do not reconcile",
            f"files of the catalogue: {counts.total:,}, expected {listed:,}",
            "Nothing was read. Run again; if it happens twice, report it.",
        )
    return counts


SEVERAL = "several tables"


def _count_by_use(
    table_files: Sequence[tuple[str, Sequence[CatalogueFile]]],
    others: Iterable[tuple[CatalogueFile, str]],
) -> tuple[tuple[str, int], ...]:
    """Counts every file once: a workbook of several tables has a count of its own."""
    uses: dict[str, set[str]] = {}
    for table, files in table_files:
        for file in files:
            uses.setdefault(file.name, set()).add(table)
    for file, use in others:
        uses.setdefault(file.name, set()).add(use)
    counts = Counter(next(iter(use)) if len(use) == 1 else SEVERAL for use in uses.values())
    known = [table for table, _ in table_files]
    return tuple((use, counts[use]) for use in [*known, *sorted(counts.keys() - {*known})])


def _output_folders(files: Sequence[CatalogueFile]) -> tuple[str, ...]:
    """Returns the folders below the catalogue that runs wrote to, recognised by their records."""
    found: set[str] = set()
    for file in files:
        match = _VERSION_RECORD.fullmatch(file.name)
        if match:
            output = match["output"] or ""
            found |= {file.name.removesuffix("agency/run.json"), f"{output}agency/"}
    return tuple(sorted(found))


def _holds_no_rows(file: CatalogueFile) -> bool:
    base = file.name.rpartition("/")[2]
    if file.size_bytes == 0 or file.name == MAPPING_FILE:
        return True
    if base in _SYSTEM_FILES or _SYSTEM_PATTERN.fullmatch(base):
        return True
    if base.startswith("._"):
        with open_file(file.uri, file.version) as stream:
            return stream.read(len(_APPLE_DOUBLE)) == _APPLE_DOUBLE
    return ending(base) == "toml" and file.size_bytes <= _MAX_TOML_BYTES and _is_ours(file)


def _may_be_table(file: CatalogueFile) -> bool:
    with open_file(file.uri, file.version) as stream:
        return may_be_table(stream.read(HEAD_BYTES))


def _is_ours(file: CatalogueFile) -> bool:
    """Whether a TOML file is a deal or a mapping, which the command may have been given."""
    with open_file(file.uri, file.version) as stream:
        data = b"".join(read_blocks(stream))
    try:
        document = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False
    return "deal_id" in document or "mapping" in document


def _named(
    files: Iterable[CatalogueFile],
    columns: Sequence[str],
    named_in: Callable[[Sequence[str]], Iterable[str]],
    origin: str,
    may_be: Callable[[str], bool],
) -> set[str]:
    """Returns the names of files that assets name in some columns.

    Args:
        files: The files.
        columns: The columns, which hold addresses as `media_uri` does.
        named_in: Reads columns of all assets.
        origin: The catalogue's address.
        may_be: Whether a file with this ending may be named there.
    """
    names = {file.name for file in files if may_be(ending(file.name))}
    if not names:
        return set()
    roots = [f"{root}/" for root in (origin.rstrip("/"), f"file://{origin.rstrip('/')}")]
    found: set[str] = set()
    for uri in named_in(columns):
        for root in roots:
            uri = uri.removeprefix(root)
        name = "/".join(part for part in uri.split("/") if part != ".")
        if name in names:
            found.add(name)
    return found


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _patterns(names: Sequence[str]) -> str:
    """Returns TOML texts that match the names: those of one folder and ending as one pattern."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name in names:
        folder, slash, base = name.rpartition("/")
        groups.setdefault((folder + slash, base.rpartition(".")[2]), []).append(name)
    patterns = [
        found[0] if len(found) == 1 else f"{folder}*.{end}"
        for (folder, end), found in groups.items()
    ]
    return ", ".join(f'"{pattern}"' for pattern in patterns[:MAX_NAMED])


def _unread_files_error(files: Sequence[CatalogueFile], origin: str) -> InputError:
    found = [file.name for file in files]
    others = [name for name in found if ending(name) in _NO_TABLE_ENDINGS]
    names = [name for name in found if name not in others] + others  # what may be a table is first
    listing = ", ".join(names[:MAX_NAMED])
    if len(names) > MAX_NAMED:
        listing += f" and {len(names) - MAX_NAMED:,} more"
    subject = "A file of the catalogue is" if len(names) == 1 else f"{len(names):,} files are"
    if len(others) == len(names):
        return InputError(
            f"{subject} not part of any table, and no asset names {_them(names)}",
            f"{origin}: {listing}",
            f"Leave {_them(names)} out in mapping.toml: [files] ignore = [{_patterns(names)}].",
        )
    first = names[0]
    stem = re.split(r"[^A-Za-z]", first.rpartition("/")[2])[0] or first
    guesses = close_matches(stem, TABLES)
    table = guesses[0] if guesses else "consents"
    hint = f"Is {first} a part of the table {table}? " if guesses else ""
    tables = names[: len(names) - len(others)]
    each = "Name it" if len(tables) == 1 else "Name each that is part of a table"
    folder = first.rpartition("/")[0]
    together = folder and all(name.rpartition("/")[0] == folder for name in tables)
    left_out = _patterns(tables if together else tables[:1]) + (
        f", {_patterns(others)}" if others else ""
    )
    return InputError(
        f"{subject} not part of any table",
        f"{origin}: {listing}",
        f'{hint}{each} in mapping.toml: [mapping.{table}] files = ["{first}"], or leave '
        f"{_them(names)} out: [files] ignore = [{left_out}].",
    )
