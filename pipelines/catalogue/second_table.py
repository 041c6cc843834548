"""Finds a second table in the file of another: below it with a header of its own, or beside it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipelines.catalogue.absent import is_nothing
from pipelines.catalogue.plain_form import plain_form
from schemas.catalogue import TABLES, required_columns

_NAMES = frozenset(name for schema in TABLES.values() for name in schema.names)
_PLAIN = frozenset(map(plain_form, _NAMES))
_FIRST = _NAMES | _PLAIN | {name.replace("_", " ") for name in _NAMES}  # in small letters


def second_header(cells: Sequence[object]) -> str:
    """Returns what is wrong with a row that is a header, or "".

    Args:
        cells: The cells of a row below the header.
    """
    first = next((cell for cell in cells if not is_nothing(cell)), "")
    if str(first).strip().casefold() not in _FIRST:
        return ""  # as nearly every row
    given = [str(cell).strip() for cell in cells if not is_nothing(cell)]
    if len(given) < 2 or not all(plain_form(name) in _PLAIN for name in given):
        return ""
    names = ", ".join(given[:4])
    return (
        f"the header of a second table ({names}), which is not read; give each table a file or "
        "sheet of its own"
    )


def tables_beside(
    table: str, names: Sequence[str], unread: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Returns the other tables that are in the same rows, with their columns that are not read.

    A column with ids of contributors alone is none: every other table has it.

    Args:
        table: The table that the file is read as.
        names: All columns of the file.
        unread: Those that are not read.
    """
    plain = {plain_form(name) for name in names}
    found = {}
    for other, schema in TABLES.items():
        required = {*map(plain_form, required_columns(other))}
        own = {*map(plain_form, schema.names)}
        beside = tuple(name for name in unread if plain_form(name) in own)
        if (
            other not in (table, "contributors")
            and required <= plain
            and required & {*map(plain_form, beside)}
        ):
            found[other] = beside
    return found
