"""What the commands that record revenue print alike: the division of a pool, and its credits."""

from __future__ import annotations

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from pipelines.accounts.pools import BookedPool
from schemas.errors import counted
from schemas.money import format_amount

_SHOWN = 10  # contributors


def credits_json(lines: pa.Table) -> list[dict[str, object]]:
    """Returns a pool's credits (POOL_LINES_SCHEMA) for `--json`."""
    return [
        {"contributor_id": row["contributor_id"], "credit_minor": row["credit_minor"]}
        for row in lines.to_pylist()
    ]


def division_in_words(pool: BookedPool, lines: pa.Table, is_new: bool) -> list[str]:
    """Returns what a record divides: its amount, deductions, the agency's part and the credits.

    Args:
        pool: The pool.
        lines: Its lines, POOL_LINES_SCHEMA.
        is_new: Whether it was recorded now.
    """
    fields, record = pool.fields, pool.record

    def amount(minor: int) -> str:
        return f"{format_amount(minor, pool.currency)} {pool.currency}"

    said = "Recorded" if is_new else f"Recorded on {record.recorded_at[:10]} already"
    return [
        f"{said} as record {record.index}: {amount(fields['gross_minor'])}, {fields['source']}, "
        f"{fields['period']}.",
        *(f"  deducted: {item['name']}, {amount(item['minor'])}" for item in fields["deductions"]),
        f"  agency: {amount(fields['agency_minor'])}",
        f"  {counted(len(lines), 'contributor')}: {amount(fields['contributors_minor'])}",
    ]


def print_credits(console: Console, pool: BookedPool, lines: pa.Table) -> None:
    """Prints the largest credits of a pool, and the sum of the others."""
    table = Table("contributor")
    table.add_column("credit", justify="right")
    rows = sorted(lines.to_pylist(), key=lambda row: (-row["credit_minor"], row["contributor_id"]))
    for row in rows[:_SHOWN]:
        credit = format_amount(row["credit_minor"], pool.currency)
        table.add_row(row["contributor_id"], f"{credit} {pool.currency}")
    if len(rows) > _SHOWN:
        rest = format_amount(sum(row["credit_minor"] for row in rows[_SHOWN:]), pool.currency)
        table.add_row(f"{len(rows) - _SHOWN:,} others", f"{rest} {pool.currency}")
    console.print(table, markup=False)
