"""States what was read of a catalogue and what was used: files, rows and columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.catalogue.consent_basis import basis_lines
from pipelines.catalogue.inventory import FileCounts
from pipelines.catalogue.unstated import Unstated, find_unstated
from schemas.deal import Deal


@dataclass(frozen=True)
class TableCount:
    """The rows of a table or of a joined file; their sum was read.

    Attributes:
        rows: Rows that are used.
        failed_rows: Rows of `assets` that became failed assets.
        blank_rows: Rows without any value, which were skipped.
        repeated: Rows of a joined file that say what an earlier one with the same key does.
        unmatched: Rows of a joined file with a key that no row of its table has.
        empty: How many of the rows say nothing in a column, from `count_unstated`.
        named: How many ids or people the rows name, by what they are.
    """

    rows: int = 0
    failed_rows: int = 0
    blank_rows: int = 0
    repeated: int = 0
    unmatched: int = 0
    empty: tuple[tuple[str, int], ...] = ()
    named: tuple[tuple[str, int], ...] = ()

    def to_json(self) -> dict[str, int]:
        """Returns the counts as JSON."""
        counts = {
            "used": self.rows,
            "failed": self.failed_rows,
            "blank": self.blank_rows,
        }
        of_joins = {"repeated": self.repeated, "unmatched": self.unmatched}
        counts |= {name: count for name, count in of_joins.items() if count}
        return {"read": sum(counts.values()), **counts, **dict(self.named)}


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
        unstated: Columns that are absent or partly empty, by which the deal lets assets pass.
        control_characters: Free texts with control characters, by table and column.
    """

    files: FileCounts
    columns: tuple[tuple[str, ColumnCounts], ...]
    rows: Mapping[str, TableCount]
    unstated: tuple[Unstated, ...] = ()
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
            "unstated": [item.to_json() for item in self.unstated],
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
        if files.sheets.notes:
            text = ", ".join(f"{count:,} of {name}" for name, count in files.sheets.notes)
            lines.append(("notes not read", text))
        columns = dict(self.columns)
        for table, count in self.rows.items():
            row = count.to_json()
            text = f"{row['read']:,} {'row' if row['read'] == 1 else 'rows'}, {row['used']:,} used"
            for name in ("failed", "blank", "repeated", "unmatched"):
                if row.get(name):
                    text += f", {row[name]:,} {name}"
            if table in columns:
                read, unread = columns[table].read, columns[table].unread
                text += f"; {len(read):,} of {len(read) + len(unread):,} columns"
            if "by_default" in row:
                text += f"; {row['by_default']:,} contributors say yes by default"
                text += f", {row['by_default_with_a_no']:,} of them a no to something, which counts"
            lines.append((table, text))
        if self.control_characters:
            text = ", ".join(f"{name} {n:,}" for name, n in self.control_characters.items())
            lines.append(("odd texts", f"control characters in {text}"))
        return lines

    def unstated_lines(self) -> list[str]:
        """Returns a line for each absent column, one for all that are partly empty, and lines for
        consents that are not in effect or rest on something unknown.
        """
        lines = [item.line() for item in self.unstated if item.is_absent]
        partly = [
            f"{item.column} {item.empty:,} of {item.of:,}"
            for item in self.unstated
            if not item.is_absent
        ]
        if partly:
            lines.append(f"rows without a value in a column: {', '.join(partly)}")
        return [*lines, *self.consent_lines()]

    def consent_lines(self) -> list[str]:
        """Returns a line for each kind of consent that is not in effect or rests on something
        unknown.
        """
        named = dict(self.rows.get("consents", TableCount()).named)
        later = named.get("denials_after_as_of", 0)
        lines = basis_lines(named)
        if later:
            lines.append(
                f"consents.given_at: {later:,} that do not say yes are dated after the as-of time "
                "and have no effect yet"
            )
        return lines


def account_for(
    files: FileCounts,
    columns: tuple[tuple[str, ColumnCounts], ...],
    rows: Mapping[str, TableCount],
    deal: Deal,
    control_characters: Mapping[str, int],
    joined: Iterable[tuple[str, str]] = (),
) -> Reading:
    """Returns what was read of a catalogue for a deal.

    Args:
        files: Every file.
        columns: The columns, by table or joined file.
        rows: The rows, by table or joined file.
        deal: The deal.
        control_characters: Free texts with control characters, by table and column.
        joined: Tables with the columns that joined files add to them.
    """
    present = {table: {ours for _, ours in found.read} for table, found in columns}
    for table, ours in joined:
        present.setdefault(table, set()).add(ours)
    empty = {table: (count.rows, dict(count.empty)) for table, count in rows.items()}
    unstated = find_unstated(deal, present, empty)
    return Reading(files, columns, rows, unstated, control_characters)


def count_columns(
    table: str, found: Sequence[tuple[Sequence[tuple[str, str]], Sequence[str]]]
) -> tuple[str, ColumnCounts]:
    """Returns the columns of a table; `found` has what is read and what is not, for each file."""
    read = {(theirs, ours) for columns, _ in found for ours, theirs in columns}
    unread = {name or "(no name)" for _, names in found for name in names}
    return table, ColumnCounts(tuple(sorted(read)), tuple(sorted(unread)))
