"""The faults of rows of tables none of whose rows may be left out."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.catalogue.rows import FailedRow, yes_or_no_hint
from schemas.errors import FairshardError, InputError, counted
from schemas.faults import FaultsError

_SHOWN = 3  # rows of a column


def row_faults(table: str, failed_rows: Iterable[FailedRow]) -> FairshardError:
    """Returns one fault for each column with values that cannot be read.

    Args:
        table: The table.
        failed_rows: What cannot be read of it, at least one.
    """
    by_column: dict[str, list[FailedRow]] = {}
    for row in failed_rows:
        by_column.setdefault(row.column, []).append(row)
    faults = [_of_column(table, rows) for rows in by_column.values()]
    return faults[0] if len(faults) == 1 else FaultsError(faults)


def _of_column(table: str, rows: list[FailedRow]) -> InputError:
    which = "; ".join(row.detail for row in rows[:_SHOWN])
    more = len(rows) - _SHOWN
    if more > 0:
        which += f"; and {counted(more, 'more row')}"
    one = len(rows) == 1
    column = f", column {rows[0].column}" if not one and rows[0].column else ""
    what = f"{'A row' if one else 'Rows'} of the table {table} cannot be read{column}"
    remedy = f"Correct the {'row' if one else 'rows'}: no row of this table may be left out."
    return InputError(what, which, remedy + yes_or_no_hint(table, f"mapping.{table}", rows[0]))
