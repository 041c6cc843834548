"""Changes of single places of a catalogue: deletes, garbles or renames what carries a no.

Such a place may be damaged on its way: a mistyped word, a column renamed by a spreadsheet, a file
under another name.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.catalogue import SMALL_TABLES

TABLES = ("assets", *SMALL_TABLES)
# Where a no may stand for screening; what is not listed describes the asset or its media, or can
# only allow something. `media_type` and `keywords` are what a deal selects by.
NOES = {
    "assets": (
        *("asset_id", "media_type", "contributors", "licence_model", "licence_class", "status"),
        *("keywords", "licence_code", "exclusive", "exclusive_purposes", "exclusive_from"),
        *("exclusive_until", "territories_in", "territories_out", "valid_from", "valid_until"),
        *("grant_train_gen", "grant_train_nongen", "grant_inference", "grant_data_mining"),
        *("grant_search", "people_count", "minors", "property", "sensitive", "release_ids"),
        *("digital_source_type", "created_at"),
    ),
    "contributors": ("contributor_id",),
    "consents": (
        *("contributor_id", "purpose", "value", "given_at", "agreement_ref", "asset_id"),
        *("basis", "notice_at", "window_days"),
    ),
    "releases": (
        *("release_id", "kind", "subject_ref", "signed_at", "subject_signed"),
        *("photographer_signed", "guardian_signed", "witness_ref", "minor", "valid_until"),
        *("revoked_at", "ml_use", "biometric_rider", "shoot_from", "shoot_until"),
    ),
    "agreements": ("agreement_ref", "contributor_id", "purposes", "signed_at"),
}


@dataclass
class Tables:
    """A catalogue as texts: for each table its header and rows."""

    headers: dict[str, list[str]]
    rows: dict[str, list[list[str]]]

    def write(self, folder: Path, names: tuple[str, ...] = TABLES) -> None:
        """Writes it, or some of its tables, as CSV."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(self.headers[name])
                writer.writerows(self.rows[name])


@dataclass(frozen=True)
class Mutation:
    """One change of a catalogue.

    Attributes:
        what: The kind: `garble cell`, `delete column` and so on.
        where: The table, and the column or row.
        apply: Makes the change in a catalogue's folder.
    """

    what: str
    where: str
    apply: Callable[[Path], None]


def mutations(tables: Tables, refused: frozenset[str]) -> Iterator[Mutation]:
    """Yields every place that carries a no, with each change of it."""
    for name in TABLES:
        yield from _of_file(name)
    for name, columns in NOES.items():
        for column in columns:
            if column in tables.headers[name]:
                yield from _of_column(tables, name, column)
    for name in NOES:
        for number in range(len(tables.rows[name])):
            if _says_no(tables, name, number, refused):
                yield from _of_row(tables, name, number)


def _says_no(tables: Tables, name: str, number: int, refused: frozenset[str]) -> bool:
    row = dict(zip(tables.headers[name], tables.rows[name][number], strict=True))
    if name == "assets":
        return row["media_uri"] in refused
    if name == "consents":
        return row["value"] != "allow" or bool(row["asset_id"]) or row["basis"] != "explicit"
    if name == "agreements":
        return number % 8 == 0  # some of them: none says no, but each could lift one
    return name == "releases"


def _of_file(name: str) -> Iterator[Mutation]:
    def delete(folder: Path) -> None:
        (folder / f"{name}.csv").unlink()

    def renamed(other: str) -> Callable[[Path], None]:
        def apply(folder: Path) -> None:
            target = folder / other
            target.parent.mkdir(exist_ok=True)
            (folder / f"{name}.csv").rename(target)

        return apply

    def cut(folder: Path) -> None:
        path = folder / f"{name}.csv"
        data = path.read_bytes()
        path.write_bytes(data[: data.rindex(b"\n", 0, len(data) // 2) - 3])

    yield Mutation("delete file", name, delete)
    yield Mutation("garble file (cut)", name, cut)
    title = name.capitalize()
    for other in (
        f"{title}.csv",
        f"{name} (1).csv",
        f"{name}.CSV",
        f"{name}.txt",
        f"old/{name}.csv",
    ):
        yield Mutation("rename file", f"{name} to {other}", renamed(other))


def _rewritten(
    tables: Tables, name: str, change: Callable[[list[str], list[list[str]]], None]
) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        headers = {**tables.headers, name: [*tables.headers[name]]}
        rows = {**tables.rows, name: [[*row] for row in tables.rows[name]]}
        change(headers[name], rows[name])
        Tables(headers, rows).write(folder, (name,))

    return apply


def _of_column(tables: Tables, name: str, column: str) -> Iterator[Mutation]:
    at = tables.headers[name].index(column)

    def delete(header: list[str], rows: list[list[str]]) -> None:
        for row in (header, *rows):
            del row[at]

    def called(other: str) -> Callable[[list[str], list[list[str]]], None]:
        def change(header: list[str], rows: list[list[str]]) -> None:
            header[at] = other

        return change

    def shifted(header: list[str], rows: list[list[str]]) -> None:
        for row in rows:
            row[at] = f"x{row[at]}"

    where = f"{name}.{column}"
    yield Mutation("delete column", where, _rewritten(tables, name, delete))
    yield Mutation("garble column", where, _rewritten(tables, name, shifted))
    title = column.replace("_", " ").title()
    for other in (column.upper(), title, f" {column}", column[:-1], f"{column}_1", f"my {column}"):
        yield Mutation(
            "rename column", f"{where} to {other!r}", _rewritten(tables, name, called(other))
        )


def _of_row(tables: Tables, name: str, number: int) -> Iterator[Mutation]:
    def delete(header: list[str], rows: list[list[str]]) -> None:
        del rows[number]

    def cut(header: list[str], rows: list[list[str]]) -> None:
        rows[number] = rows[number][: len(header) // 2]

    where = f"{name} row {number}"
    if name != "assets":
        yield Mutation("delete row", where, _rewritten(tables, name, delete))
    yield Mutation("garble row (cut)", where, _rewritten(tables, name, cut))
    for column in NOES[name]:
        if column in tables.headers[name]:
            at = tables.headers[name].index(column)
            old = tables.rows[name][number][at]
            for what, new in _changes(old):
                change = _cell_change(number, at, new)
                place = f"{where}, {column} = {old!r} to {new!r}"
                yield Mutation(f"{what} cell", place, _rewritten(tables, name, change))


def _changes(old: str) -> list[tuple[str, str]]:
    if not old:
        return []
    dice = random.Random(old)
    at = dice.randrange(len(old))
    return [
        ("delete", ""),
        ("garble", old[:at] + old[at + 1 :]),
        ("garble", old[:at] + "q" + old[at:]),
        ("garble", f"{old}\u200b"),
        ("garble", f"'{old}"),
        ("garble", old.swapcase()),
    ]


def _cell_change(number: int, at: int, new: str) -> Callable[[list[str], list[list[str]]], None]:
    def change(header: list[str], rows: list[list[str]]) -> None:
        rows[number][at] = new

    return change
