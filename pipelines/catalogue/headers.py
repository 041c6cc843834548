"""Matches the columns of a file to the columns of its table.

A column is read if its name is ours or the mapped one, or if only one column has that name when
case, blanks and punctuation are left aside. A column that is not read and resembles one of ours
stops the run: `license_code` would otherwise pass for a table without licences.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.catalogue.header_faults import (
    missing_column_error,
    refuse_beside,
    refuse_near,
    refuse_repeated,
    refuse_two_variants,
)
from pipelines.catalogue.mapping import TableMapping
from pipelines.catalogue.near_columns import near_column
from pipelines.catalogue.plain_form import plain_form
from pipelines.catalogue.second_table import tables_beside
from schemas.catalogue import required_columns, table_schema
from schemas.faults import Faults


@dataclass(frozen=True)
class ColumnMatch:
    """How the columns of a file are read.

    Attributes:
        columns: Pairs of our column and the file's, for all that are read.
        unread: The file's columns that are not read, sorted.
        inexact: The pairs whose names differ in more than the mapping says.
    """

    columns: tuple[tuple[str, str], ...]
    unread: tuple[str, ...]
    inexact: tuple[tuple[str, str], ...]


def match_columns(
    table: str, names: Iterable[str], mapping: TableMapping, origin: str
) -> ColumnMatch:
    """Matches the columns of one file.

    Args:
        table: The table's name.
        names: The file's column names.
        mapping: How they are mapped.
        origin: The file, for messages.

    Raises:
        InputError: If a required or mapped column is missing, a column appears twice, or a column
            that is not read resembles one of ours.
    """
    given = list(names)
    present = list(dict.fromkeys(given))
    faults = Faults()
    faults.attempt(lambda: refuse_repeated(given, origin))
    open_names = [name for name in present if name not in mapping.ignore]
    faults.attempt(lambda: refuse_two_variants(table, open_names, mapping, origin))
    found = find_columns(table, open_names, mapping)
    sources = mapping.derived.found_sources(open_names)
    missing = _missing_columns(table, open_names, found, mapping)
    alone = sum(map(bool, present)) == 1  # then the separator is wrong, or it is a title
    if alone:
        missing = missing[:1]
    unread = sorted(set(open_names) - set(found.values()) - {name for _, name in sources})
    for ours in missing:
        faults.add(missing_column_error(table, ours, mapping, present, unread, origin))
    # What resembles a missing column was named with it, unless there is but one column.
    of_interest = [
        name
        for name in unread
        if not mapping.derived.is_unused(name)
        and not (missing and (alone or near_column(table, name, mapping) in missing))
    ]
    beside = tables_beside(table, open_names, of_interest)
    faults.attempt(lambda: refuse_beside(table, beside, mapping, origin))
    of_interest = [name for name in of_interest if not any(name in one for one in beside.values())]
    faults.attempt(lambda: refuse_near(table, of_interest, found, mapping, origin))
    faults.report()
    inexact = tuple(
        (ours, theirs) for ours, theirs in found.items() if theirs != mapping.agency_column(ours)
    )
    ignored = set(present) & set(mapping.ignore)
    columns = (*sorted(found.items()), *sources)
    return ColumnMatch(columns, tuple(sorted({*unread, *ignored})), inexact)


def _missing_columns(
    table: str, names: Sequence[str], found: dict[str, str], mapping: TableMapping
) -> list[str]:
    """Returns our columns that are required or mapped and that a header does not have."""
    known = found.keys() | _made(mapping, names)
    required = (name for name in _required(table, mapping) if name not in mapping.given_elsewhere)
    wanted = dict.fromkeys([*required, *dict(mapping.columns)])
    return [ours for ours in wanted if ours not in known]


def find_columns(table: str, names: Sequence[str], mapping: TableMapping) -> dict[str, str]:
    """Returns the file's column for each of ours that is there: the same name, or the only one
    with the same plain form. A variant of one of our columns is not read as another of them.
    """
    variants = mapping.derived.found_variants(names)
    found_sources = mapping.derived.found_sources(names)
    named = {name for alike in variants.values() for name in alike}
    named |= {name for _, name in found_sources}
    elsewhere = mapping.hidden | {ours for ours, _ in found_sources} | variants.keys()
    wanted = {
        ours: mapping.agency_column(ours)
        for ours in table_schema(table).names
        if ours not in elsewhere
    }
    found = {
        ours: alike[0]
        for ours, alike in variants.items()
        if len(alike) == 1 and ours not in mapping.hidden
    }
    stated = dict(mapping.columns)
    found |= {
        ours: theirs
        for ours, theirs in wanted.items()
        if theirs in names and (ours in stated or theirs not in named)
    }
    by_plain: dict[str, list[str]] = {}
    for name in names:
        if name not in found.values() and name not in named:
            by_plain.setdefault(plain_form(name), []).append(name)
    for ours, theirs in wanted.items():
        alike = by_plain.get(plain_form(theirs), [])
        if ours not in found and plain_form(theirs) and len(alike) == 1:
            found[ours] = alike[0]
    return found


def has_required(table: str, names: Sequence[str], mapping: TableMapping) -> bool:
    """Whether a header has all required columns of a table, and one if none is required."""
    found = find_columns(table, names, mapping)
    known = found.keys() | mapping.given_elsewhere | _made(mapping, names)
    return bool(known) and all(name in known for name in _required(table, mapping))


def _made(mapping: TableMapping, names: Sequence[str]) -> frozenset[str]:
    """Returns our columns that are made of columns of a header, or of the file's name."""
    derived = mapping.derived
    return frozenset(ours for ours, _ in derived.found_sources(names)) | {*derived.from_file_name}


def _required(table: str, mapping: TableMapping) -> Sequence[str]:
    return required_columns(table) if mapping.required is None else mapping.required
