"""States what was read of a catalogue and what was used: files, rows and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.catalogue.inventory import FileCounts


@dataclass(frozen=True)
class TableCount:
    """The rows of a table: `rows + failed_rows + blank_rows` were read.

    Attributes:
        rows: Rows that are used.
        failed_rows: Rows of `assets` that became failed assets.
        blank_rows: Rows without any value, which were skipped.
    """

    rows: int = 0
    failed_rows: int = 0
    blank_rows: int = 0

    def to_json(self) -> dict[str, int]:
        """Returns the counts as JSON."""
        return {
            "read": self.rows + self.failed_rows + self.blank_rows,
            "used": self.rows,
            "failed": self.failed_rows,
            "blank": self.blank_rows,
        }


@dataclass(frozen=True)
class ColumnCounts:
    """The columns of a table over all its files.

    Attributes:
        read: Names of the files' columns that are read, with ours.
        unread: Names of those that are not.
    """

    read: tuple[tuple[str, str], ...]
    unread: tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """What was read of a catalogue.

    Attributes:
        files: Every file.
        columns: The columns, by table.
        rows: The rows, by table.
        control_characters: Free texts with control characters, by table and column.
    """

    files: FileCounts
    columns: tuple[tuple[str, ColumnCounts], ...]
    rows: Mapping[str, TableCount]
    control_characters: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Returns the counts as JSON, with the columns whose names are not the ones stated."""
        return {
            "files": self.files.to_json(),
            "columns": {
                table: {
                    "found": len(columns.read) + len(columns.unread),
                    "read": len(columns.read),
                    "unread": list(columns.unread),
                }
                for table, columns in self.columns
            },
            "rows": {table: count.to_json() for table, count in self.rows.items()},
            "control_characters": dict(self.control_characters),
        }

    def lines(self) -> list[tuple[str, str]]:
        """Returns the counts as pairs of a label and a text."""
        files = self.files
        parts = [f"{sum(n for _, n in files.tables):,} of tables", f"{files.media:,} media"]
        parts += [
            f"{count:,} {name}"
            for count, name in (
                (files.sidecars, "sidecars"),
                (files.other, "without rows"),
                (len(files.ignored), "left out by the mapping"),
            )
            if count
        ]
        lines = [("files", f"{files.total:,}: {', '.join(parts)}")]
        columns = dict(self.columns)
        for table, count in self.rows.items():
            row = count.to_json()
            text = f"{row['read']:,} rows, {row['used']:,} used"
            for name in ("failed", "blank"):
                if row[name]:
                    text += f", {row[name]:,} {name}"
            if table in columns:
                read, unread = columns[table].read, columns[table].unread
                text += f"; {len(read):,} of {len(read) + len(unread):,} columns"
            lines.append((table, text))
        if self.control_characters:
            text = ", ".join(f"{name} {n:,}" for name, n in self.control_characters.items())
            lines.append(("odd texts", f"control characters in {text}"))
        return lines


def count_columns(
    table: str, found: Sequence[tuple[Sequence[tuple[str, str]], Sequence[str]]]
) -> tuple[str, ColumnCounts]:
    """Returns the columns of a table; `found` has what is read and what is not, for each file."""
    read = {(theirs, ours) for columns, _ in found for ours, theirs in columns}
    unread = {name or "(no name)" for _, names in found for name in names}
    return table, ColumnCounts(tuple(sorted(read)), tuple(sorted(unread)))
