"""Deletes, garbles or renames one place of a catalogue, and says what that does to screening.

A place that carries a no may be damaged on its way: a mistyped word, a column renamed by a
spreadsheet, a file under another name. Then no more assets may pass than before, unless the command
stops (exit code 2) or its report counts something else than before.

python -m tests.cases.mutations [EVERY]     # each place, or every so-manieth, and what went wrong
"""

from __future__ import annotations

import csv
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.catalogue.read import open_catalogue, read_batches, read_table
from pipelines.demo.metadata_only import make_metadata_only
from pipelines.rights.cleared_rights import add_cleared_rights
from pipelines.rights.rules.screen import build_rights_index, screen_batch
from pipelines.storage.columns import values_of
from schemas.catalogue import SMALL_TABLES
from schemas.deal import load_deal
from schemas.errors import FairshardError
from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import in_process

ASSETS = 400
TABLES = ("assets", *SMALL_TABLES)
# Where a no may stand; what is not listed describes the asset or names the media.
_NOES = {
    "assets": (
        *("asset_id", "contributors", "licence_model", "licence_class", "status", "licence_code"),
        *("exclusive", "territories_in", "territories_out", "valid_from", "valid_until"),
        *("grant_train_gen", "grant_train_nongen", "grant_inference", "people_count", "minors"),
        *("property", "sensitive", "release_ids", "digital_source_type"),
    ),
    "consents": ("contributor_id", "purpose", "value", "given_at", "agreement_ref", "asset_id"),
    "releases": (
        *("release_id", "kind", "subject_ref", "subject_signed", "photographer_signed"),
        *("guardian_signed", "witness_ref", "minor", "valid_until", "revoked_at", "ml_use"),
        *("biometric_rider", "shoot_from", "shoot_until"),
    ),
    "agreements": ("agreement_ref", "contributor_id", "purposes", "signed_at"),
}


@dataclass
class Tables:
    """A catalogue as texts: for each table its header and rows."""

    headers: dict[str, list[str]]
    rows: dict[str, list[list[str]]]

    def write(self, folder: Path) -> None:
        """Writes it as CSV."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
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


@dataclass(frozen=True)
class Screened:
    """What became of a catalogue.

    Attributes:
        code: Exit code of `check`.
        report: What it counts, as JSON.
        cleared: The assets that screening clears, and the agreements that lift what their files
            say; empty if the command stops.
    """

    code: int
    report: str
    cleared: frozenset[str]

    def loses_a_no(self, before: Screened) -> bool:
        """Whether more pass than before, and nothing says so."""
        return self.code != 2 and self.report == before.report and self.cleared > before.cleared


def demo_tables(folder: Path) -> Tables:
    """Returns the demo's tables without media; their deal is at `deal_path`."""
    make_metadata_only(folder, seed=3, assets=ASSETS)
    headers, rows = {}, {}
    for name in TABLES:
        table = pq.read_table(folder / "catalogue" / f"{name}.parquet")
        headers[name] = table.column_names
        rows[name] = [[_text(value) for value in row.values()] for row in table.to_pylist()]
    return Tables(headers, rows)


def deal_path(folder: Path) -> Path:
    """Returns the deal that the demo's tables are screened by."""
    return folder / "deal.toml"


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list):
        return ";".join(map(_text, value))
    if isinstance(value, dict):
        return ":".join(map(_text, value.values()))
    return str(value)


def screen(folder: Path, deal: Path) -> Screened:
    """Runs `check` and screens what it accepts."""
    ended = in_process("check", "--catalogue", folder, "--deal", deal, "--as-of", AS_OF, "--json")
    if ended.code:
        return Screened(ended.code, ended.err, frozenset())
    report = {k: v for k, v in ended.json.items() if k != "strict_defaults"}
    try:
        return Screened(0, json.dumps(report, sort_keys=True), _cleared(folder, deal))
    except FairshardError as error:
        return Screened(error.exit_code, str(error), frozenset())


def _cleared(folder: Path, path: Path) -> frozenset[str]:
    deal, catalogue = load_deal(path), open_catalogue(str(folder))
    contributors, consents, releases, agreements = (
        read_table(catalogue, name) for name in SMALL_TABLES
    )
    as_of_us = round(datetime.fromisoformat(f"{AS_OF}T23:59:59+00:00").timestamp()) * 1_000_000
    index = build_rights_index(contributors, consents, releases, agreements, deal, as_of_us)
    found: set[str] = set()
    for part in catalogue.parts("assets"):
        for batch in read_batches(part, catalogue.mapping):
            mask = screen_batch(batch.table, index, deal, np.zeros(len(batch.table), np.bool_))
            passed = add_cleared_rights(batch.table.filter(pa.array(mask == 0)), index, deal)
            found.update(values_of(passed["asset_id"], str))
            for row in passed.select(["asset_id", "agreements"]).to_pylist():
                for item in row["agreements"]:
                    found.add(f"{row['asset_id']}: {item['purpose']}, {item['contributor_id']}")
    return frozenset(found)


def mutations(tables: Tables, refused: frozenset[str]) -> Iterator[Mutation]:
    """Yields every place that carries a no, with each change of it."""
    for name in ("consents", "releases", "agreements"):
        yield from _of_file(name)
    for name, columns in _NOES.items():
        for column in columns:
            if column in tables.headers[name]:
                yield from _of_column(tables, name, column)
    for name in _NOES:
        for number in range(len(tables.rows[name])):
            if _says_no(tables, name, number, refused):
                yield from _of_row(tables, name, number)


def _says_no(tables: Tables, name: str, number: int, refused: frozenset[str]) -> bool:
    row = dict(zip(tables.headers[name], tables.rows[name][number], strict=True))
    if name == "assets":
        return row["asset_id"] in refused
    if name == "consents":
        return row["value"] != "allow"
    if name == "agreements":
        return number % 8 == 0  # some of them: none says no, but each could lift one
    signed = row["subject_signed"] == row["photographer_signed"] == "true"
    return bool(row["revoked_at"]) or row["ml_use"] != "allow" or not signed


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
        Tables(headers, rows).write(folder)

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
    for column in _NOES[name]:
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


@dataclass(frozen=True)
class Lost:
    """A no that was lost.

    Attributes:
        mutation: By which change.
        assets: What passes now.
    """

    mutation: Mutation
    assets: tuple[str, ...]


def search(folder: Path, every: int = 1, start: int = 0) -> tuple[Counter[str], list[Lost]]:
    """Tries every so-manieth change; returns how many of each kind, and the noes that were lost."""
    tables = demo_tables(folder / "demo")
    deal = deal_path(folder / "demo")
    tables.write(folder / "before")
    before = screen(folder / "before", deal)
    assert before.code == 0 and before.cleared, before.report
    header = tables.headers["assets"].index("asset_id")
    refused = frozenset(row[header] for row in tables.rows["assets"]) - before.cleared
    tried: Counter[str] = Counter()
    lost = []
    for mutation in [*mutations(tables, refused)][start::every]:
        changed = folder / "changed"
        tables.write(changed)
        mutation.apply(changed)
        after = screen(changed, deal)
        tried[mutation.what] += 1
        if after.loses_a_no(before):
            lost.append(Lost(mutation, tuple(sorted(after.cleared - before.cleared))))
        shutil.rmtree(changed)
    return tried, lost


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        counts, found = search(Path(scratch), int(sys.argv[1]) if sys.argv[1:] else 1)
    kinds = Counter(item.mutation.what for item in found)
    for kind, number in counts.items():
        print(f"{kind:<20} {number:>6} tried {kinds[kind]:>6} lost a no")
    for item in found:
        print(f"{item.mutation.what}: {item.mutation.where}: {', '.join(item.assets[:3])}")
