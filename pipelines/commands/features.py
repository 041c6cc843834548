"""`fairshard features`: shows what the feature store has, checks it, and removes what is stale."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from pipelines.accounts.published import find_versions
from pipelines.commands.common import add_general_options, consoles, print_json
from pipelines.features.survey import (
    StoredTable,
    TableContent,
    compact_table,
    read_content,
    survey_features,
)
from pipelines.run.leftovers import runs_in_progress
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.errors import RunError

EXAMPLES = """\
examples:
  fairshard features out/
  fairshard features out/ --check
  fairshard features out/ --remove stale --dry-run
  fairshard features s3://agency/out --compact

Features are what was computed from media: facts, embeddings, captions, and
what files state about rights. All deals of an output share them. Whatever is
removed is computed again when it is needed.
"""

_Rows = list[dict[str, object]]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument(
        "out", metavar="OUT", help="where runs write their output: folder or s3:// prefix"
    )
    parser.add_argument(
        "--check", action="store_true", help="read every file, count its rows, and find damage"
    )
    parser.add_argument(
        "--compact",
        action="store_true",
        help="join small files that later runs added for the same assets",
    )
    parser.add_argument(
        "--remove",
        choices=("stale", "damaged"),
        help="stale: tables that no latest version of a deal was made with; damaged: files whose "
        "bytes are not those that were written",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be removed, remove nothing"
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code: 1 if damage was found and stays."""
    results, progress = consoles(options)
    store = open_store(options.out)
    changes = (options.compact or options.remove) and not options.dry_run
    if changes:
        _refuse_during_runs(store)
    tables = survey_features(store)
    if not tables:
        find_versions(store)  # raises an error that says so where no run has written anything
    contents: dict[str, TableContent] = {}
    if options.check or options.compact or options.remove == "damaged":
        for table in tables:
            contents[table.prefix] = read_content(store, table)
            progress.print(f"{table.prefix}: read", highlight=False)
    removed = _removable(options.remove, tables, contents)
    if changes:
        store.delete_many(removed)
    joined = _compact(store, tables, contents, removed) if options.compact and changes else 0
    rows = [_row(table, contents.get(table.prefix)) for table in tables]
    if options.json:
        print_json(_as_json(rows, removed, joined, options.dry_run))
    else:
        _print_tables(results, rows)
        _print_changes(results, options, removed, joined)
    damaged = {key for content in contents.values() for key in content.damaged}
    stays = damaged - set(removed) if changes else damaged
    return 1 if stays else 0


def _refuse_during_runs(store: Store) -> None:
    """Raises RunError if a run is in progress, which may be reading what would be removed."""
    running = runs_in_progress(store)
    if running:
        raise RunError(
            "A run is in progress, and may be reading features",
            "; ".join(running),
            "Nothing was changed. Repeat when it has ended, or use --dry-run.",
        )


def _removable(
    what: str | None, tables: list[StoredTable], contents: dict[str, TableContent]
) -> list[str]:
    """Returns the keys of the files that are to be removed."""
    if what == "stale":
        return [item.key for table in tables if table.state == "stale" for item in table.files]
    if what == "damaged":
        return [key for content in contents.values() for key in content.damaged]
    return []


def _compact(
    store: Store, tables: list[StoredTable], contents: dict[str, TableContent], removed: list[str]
) -> int:
    """Joins the files of sound tables; returns by how many files there are fewer."""
    fewer, gone = 0, set(removed)
    for table in tables:
        damaged = contents[table.prefix].damaged.keys() - gone
        if not damaged and not gone.intersection(item.key for item in table.files):
            fewer += len(table.files) - compact_table(store, table)
    return fewer


def _row(table: StoredTable, content: TableContent | None) -> dict[str, object]:
    return {
        "table": table.prefix.rpartition("/")[2],
        "kind": table.kind,
        "model": table.model,
        "state": table.state,
        "deals": list(table.deals),
        "files": len(table.files),
        "bytes": table.size_bytes,
        "last_written": datetime.fromtimestamp(table.written_s, UTC).strftime("%Y-%m-%d"),
        "rows": None if content is None else content.rows,
        "damaged": {} if content is None else content.damaged,
    }


def _as_json(rows: _Rows, removed: list[str], joined: int, dry_run: bool) -> dict[str, object]:
    return {"dry_run": dry_run, "tables": rows, "removed": removed, "files_joined": joined}


def _print_tables(console: Console, rows: _Rows) -> None:
    if not rows:
        console.print("There are no features yet.")
        return
    shown = Table(box=None, pad_edge=False)
    shown.add_column("table", no_wrap=True)
    shown.add_column("state", no_wrap=True)
    shown.add_column("deals", overflow="fold")
    for title in ("files", "rows", "bytes"):
        shown.add_column(title, justify="right", no_wrap=True)
    shown.add_column("written", no_wrap=True)
    for row in rows:
        count = "" if row["rows"] is None else f"{row['rows']:,}"
        deals = row["deals"]
        names = ", ".join(deals) if isinstance(deals, list) else ""
        shown.add_row(
            str(row["table"]),
            str(row["state"]),
            names,
            f"{row['files']:,}",
            count,
            f"{row['bytes']:,}",
            str(row["last_written"]),
        )
    console.print(shown)
    console.print()
    for row in rows:
        if row["model"]:
            console.print(f"{row['table']}: {row['model']}", soft_wrap=True, highlight=False)
    for row in rows:
        damaged = row["damaged"]
        if isinstance(damaged, dict):
            for key, why in damaged.items():
                console.print(f"damaged: {key}: {why}", soft_wrap=True, highlight=False)


def _print_changes(
    console: Console, options: argparse.Namespace, removed: list[str], joined: int
) -> None:
    if options.remove:
        action = "would be removed" if options.dry_run else "removed"
        files = "file" if len(removed) == 1 else "files"
        console.print(f"{len(removed):,} {files} {action}.")
    if options.compact and not options.dry_run:
        console.print(f"{joined:,} files fewer after joining.")
