"""Shows what a catalogue does not say, what that means, and which table would supply it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.catalogue.account import Reading
from pipelines.catalogue.preset_needs import UnknownFact
from pipelines.report.wrapped import print_wrapped


@dataclass(frozen=True)
class NotStated:
    """What some columns of a table do not say.

    Attributes:
        columns: The columns, or the table if all of it is absent.
        supplied_by: The table that would say it.
        rows: How many of its rows do not, and whether the columns are absent.
        meaning: What they are read as, or what stays unknown.
    """

    columns: tuple[str, ...]
    supplied_by: str
    rows: str
    meaning: str


def not_stated(reading: Reading, facts: Sequence[UnknownFact]) -> list[NotStated]:
    """Returns what is not stated; columns with the same rows and meaning are put together.

    Args:
        reading: What was read of the catalogue.
        facts: What a preset's file does not say.
    """
    tables = {fact.what: fact.table for fact in facts}
    second = next((fact.table for fact in facts if "." in fact.what), "")
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for item in reading.unstated:
        table, _, name = item.column.partition(".")
        if item.is_absent and table == "assets":
            table = tables.pop(item.column, second or table)
        rows = f"all {item.of:,}" if item.empty == item.of else f"{item.empty:,} of {item.of:,}"
        rows += "\nabsent" if item.is_absent else ""
        grouped.setdefault((table, rows, item.read_as), []).append(name)
    found = [NotStated(tuple(names), *key) for key, names in grouped.items()]
    return found + [
        NotStated(
            (fact.what.rpartition(".")[2],), fact.table, "all\nabsent", f"unknown: {fact.meaning}"
        )
        for fact in facts
        if fact.what in tables
    ]


def show_not_stated(console: Console, reading: Reading, facts: Sequence[UnknownFact] = ()) -> None:
    """Prints a table of what is not stated, since a no in it would have been lost.

    Args:
        console: Where to print.
        reading: What was read of the catalogue.
        facts: What a preset's file does not say.
    """
    found = not_stated(reading, facts)
    if found:
        console.print()
        console.print(_table(found))
        print_wrapped(
            console,
            "If the catalogue says it under another name, state the name in the mapping: "
            "mapping.TABLE.columns.COLUMN.",
        )
    for line in reading.consent_lines():
        print_wrapped(console, line, "Not stated: ")


def _table(found: Iterable[NotStated]) -> Table:
    table = Table(title="Not stated", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("column", no_wrap=True)
    table.add_column("supplied by", overflow="fold")
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("what that means")
    for item in found:
        columns = Text("\n".join(item.columns))
        table.add_row(
            columns, Text(item.supplied_by), item.rows, Text(f"{_verb(item)}{item.meaning}")
        )
    return table


def _verb(item: NotStated) -> str:
    return "" if item.meaning.startswith("unknown:") else "read as "
