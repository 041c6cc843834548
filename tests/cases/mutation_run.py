"""Screens the demo's catalogue with each place that carries a no damaged in turn.

No asset may pass that did not before, unless the command stops (exit code 2) or its report counts
something else than before.

python -m tests.cases.mutation_run [EVERY [START [WORD]]]
    # each place; every so-manieth from one on; of those the ones with a word, such as "keywords"
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.catalogue.read import open_catalogue, read_batches, read_table
from pipelines.demo.deals import DEALS
from pipelines.demo.metadata_only import METADATA_ROLES, make_metadata_only
from pipelines.rights.cleared_rights import add_cleared_rights
from pipelines.rights.rules.screen import build_rights_index, screen_batch
from pipelines.storage.columns import values_of
from schemas.deal import Deal, load_deal
from schemas.errors import FairshardError
from tests.cases.mutations import TABLES, Mutation, Tables, mutations
from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import in_process

ASSETS = 2 * len(METADATA_ROLES)
# What `check` says that follows from the decisions themselves.
DECIDED = {"strict_defaults", "steps", "costliest", "files", "delivers", "error"}
_AS_OF_US = round(datetime.fromisoformat(f"{AS_OF}T23:59:59+00:00").timestamp()) * 1_000_000


@dataclass(frozen=True)
class Screened:
    """What became of a catalogue for one deal.

    Attributes:
        code: Exit code of `check`.
        report: What it counts, as JSON.
        cleared: The files of assets that screening clears.
    """

    code: int
    report: str
    cleared: frozenset[str]

    def loses_a_no(self, before: Screened) -> bool:
        """Whether an asset passes that did not before, and nothing says so."""
        return (
            self.code != 2 and self.report == before.report and bool(self.cleared - before.cleared)
        )


def demo_tables(folder: Path) -> Tables:
    """Returns the demo's tables without media; their deals are at `deal_paths`."""
    make_metadata_only(folder, seed=3, assets=ASSETS)
    headers, rows = {}, {}
    for name in TABLES:
        table = pq.read_table(folder / "catalogue" / f"{name}.parquet")
        headers[name] = table.column_names
        rows[name] = [[_text(value) for value in row.values()] for row in table.to_pylist()]
    return Tables(headers, rows)


def deal_paths(folder: Path) -> list[Path]:
    """Returns the deals that the demo's tables are screened by."""
    return [folder / deal.file_name for deal in DEALS]


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


def check(folder: Path, deal: Path) -> tuple[int, str]:
    """Runs `check`; returns its exit code and what it counts.

    Left out is what follows from the decisions themselves, and how many columns there are: that a
    column is missing has to be said of this column.
    """
    words = ("--catalogue", folder, "--deal", deal, "--as-of", AS_OF, "--files", "none")
    ended = in_process("check", *words, "--json")
    if ended.code:
        return ended.code, ended.err
    report: dict[str, Any] = {k: v for k, v in ended.json.items() if k not in DECIDED}
    for counts in report["reading"]["columns"].values():
        del counts["found"], counts["read"]
    return 0, json.dumps(report, sort_keys=True)


@dataclass(frozen=True)
class _Rows:
    """A catalogue's tables as they are read."""

    small: tuple[pa.Table, ...]
    assets: list[pa.Table]


def _read(folder: Path) -> _Rows:
    catalogue = open_catalogue(str(folder))
    small = tuple(read_table(catalogue, name) for name in TABLES[1:])
    parts = catalogue.parts("assets")
    batches = (batch for part in parts for batch in read_batches(part, catalogue.mapping))
    return _Rows(small, [batch.table for batch in batches])


def _cleared(rows: _Rows, deal: Deal) -> frozenset[str]:
    contributors, consents, releases, agreements = rows.small
    index = build_rights_index(contributors, consents, releases, agreements, deal, _AS_OF_US)
    counts: Counter[str] = Counter()
    for table in rows.assets:
        counts.update(values_of(table["asset_id"], str))
    found: set[str] = set()
    for table in rows.assets:
        ids = values_of(table["asset_id"], str)
        repeated = np.array([counts[name] > 1 for name in ids], np.bool_)
        mask = screen_batch(table, index, deal, repeated)
        files = values_of(table["media_uri"], str)  # which know an asset whose id is garbled
        found.update(name for name, bits in zip(files, mask, strict=True) if bits == 0)
        passed = add_cleared_rights(table.filter(pa.array(mask == 0)), index, deal)
        for row in passed.select(["media_uri", "agreements"]).to_pylist():
            for item in row["agreements"]:  # which lift what the file says
                found.add(f"{row['media_uri']}: {item['purpose']}, {item['contributor_id']}")
    return frozenset(found)


@dataclass
class Watch:
    """Screens catalogues for some deals and compares them with one that is whole.

    Attributes:
        paths: The deals' files.
        tried: How many changes were tried, by kind.
        stopped: With how many of them more assets would have passed, and `check` stopped.
        counted: With how many more assets pass, and `check` counts something else.
    """

    paths: list[Path]
    before: list[Screened] = field(default_factory=list)
    tried: Counter[str] = field(default_factory=Counter)
    stopped: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._deals = [load_deal(path) for path in self.paths]

    def begin(self, folder: Path) -> frozenset[str]:
        """Screens the whole catalogue; returns the files of assets that some deal refuses."""
        rows = _read(folder)
        for path, deal in zip(self.paths, self._deals, strict=True):
            self.before.append(Screened(*check(folder, path), _cleared(rows, deal)))
        assert all(found.code == 0 and found.cleared for found in self.before)
        everything = {name for table in rows.assets for name in values_of(table["media_uri"], str)}
        return frozenset(everything - frozenset.intersection(*(b.cleared for b in self.before)))

    def lost(self, mutation: Mutation, folder: Path) -> tuple[str, ...]:
        """Returns the files of assets that pass a damaged catalogue, where nothing says so."""
        self.tried[mutation.what] += 1
        try:
            rows = _read(folder)
            cleared = [_cleared(rows, deal) for deal in self._deals]
        except FairshardError:
            return ()
        for path, before, passes in zip(self.paths, self.before, cleared, strict=True):
            if passes <= before.cleared:
                continue
            after = Screened(*check(folder, path), passes)
            if after.loses_a_no(before):
                return tuple(sorted(passes - before.cleared))
            (self.stopped if after.code else self.counted)[mutation.what] += 1
        return ()


@dataclass(frozen=True)
class Lost:
    """A no that was lost.

    Attributes:
        mutation: By which change.
        assets: Files of assets that pass now.
    """

    mutation: Mutation
    assets: tuple[str, ...]


def search(
    folder: Path, every: int = 1, start: int = 0, word: str = ""
) -> tuple[Watch, list[Lost]]:
    """Tries every so-manieth change whose place has a word.

    Returns:
        The counts, and the noes that were lost.
    """
    tables = demo_tables(folder / "demo")
    watch = Watch(deal_paths(folder / "demo"))
    tables.write(folder / "before")
    refused = watch.begin(folder / "before")
    lost = []
    for mutation in [*mutations(tables, refused)][start::every]:
        if word not in mutation.where:
            continue
        changed = folder / "changed"
        shutil.copytree(folder / "before", changed)
        mutation.apply(changed)
        assets = watch.lost(mutation, changed)
        if assets:
            lost.append(Lost(mutation, assets))
        shutil.rmtree(changed)
    return watch, lost


def _print(watch: Watch, lost: list[Lost]) -> None:
    kinds = Counter(item.mutation.what for item in lost)
    for kind, number in [*watch.tried.items(), ("all", watch.tried.total())]:
        stopped, counted, silent = (
            found.total() if kind == "all" else found[kind]
            for found in (watch.stopped, watch.counted, kinds)
        )
        print(
            f"{kind:<20} {number:>6} tried {stopped:>6} stopped {counted:>6} counted "
            f"{silent:>6} lost a no"
        )
    for item in lost:
        print(f"{item.mutation.what}: {item.mutation.where}: {', '.join(item.assets[:3])}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        every, start, word = [*sys.argv[1:], *("1", "0", "")[len(sys.argv) - 1 :]]
        _print(*search(Path(scratch), int(every), int(start), word))
