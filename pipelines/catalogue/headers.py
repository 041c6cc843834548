"""Matches the columns of a file to the columns of its table.

A column is read if its name is ours or the mapped one, or if only one column has that name when
case, blanks and punctuation are left aside. A column that is not read and resembles one of ours
stops the run: `license_code` would otherwise pass for a table without licences.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.catalogue.mapping import TableMapping
from pipelines.catalogue.mapping_values import close_matches
from pipelines.catalogue.plain_form import plain_form
from pipelines.catalogue.second_table import tables_beside
from pipelines.catalogue.telling_names import tells_of_pay, tells_of_rights
from schemas.catalogue import required_columns, table_schema
from schemas.errors import InputError
from schemas.faults import Faults

_NEAR_RATIO = 0.85
_MIN_CONTAINED = 5  # characters of a name that may be found inside another
# These hold no rights: a name that merely contains one of them, such as `title_de`, is let pass.
_FREE_TEXT = frozenset(
    "title description keywords language category created_at display_name country currency "
    "payee_ref media_type weight width height bytes sha256 duration_ms".split()
)

# No two rows of assets, contributors or releases have the same one.
_OF_ONE_ROW = frozenset("asset_id media_uri contributor_id release_id".split())


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


def title_row_hint(where: str) -> str:
    """Says what to do about rows above the header, as a sentence with a blank after it.

    Args:
        where: The table's section of the mapping.
    """
    return (
        "If the first row is a title, say in mapping.toml which row has the names of the columns: "
        f"[{where}] header_row = 3, if it is the third. "
    )


def _british(plain: str) -> str:
    return plain.replace("license", "licence")


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
    repeated = sorted({name for name in given if name and given.count(name) > 1})
    if repeated:
        listing = f"{origin}: {', '.join(repeated)}"
        faults.add(InputError("A column appears twice", listing, "Rename one."))
    open_names = [name for name in present if name not in mapping.ignore]
    faults.attempt(lambda: _refuse_two_variants(table, open_names, mapping, origin))
    found = find_columns(table, open_names, mapping)
    sources = mapping.derived.found_sources(open_names)
    known = found.keys() | _made(mapping, open_names)
    required = [name for name in _required(table, mapping) if name not in mapping.given_elsewhere]
    missing = [
        ours for ours in dict.fromkeys([*required, *dict(mapping.columns)]) if ours not in known
    ]
    alone = sum(map(bool, present)) == 1  # then the separator is wrong, or it is a title
    if alone:
        missing = missing[:1]
    unread = sorted(set(open_names) - set(found.values()) - {name for _, name in sources})
    for ours in missing:
        faults.add(_missing_column_error(table, ours, mapping, present, unread, origin))
    # What resembles a missing column was named with it, unless there is but one column.
    of_interest = [
        name
        for name in unread
        if not mapping.derived.is_unused(name)
        and not (missing and (alone or near_column(table, name, mapping) in missing))
    ]
    beside = tables_beside(table, open_names, of_interest)
    faults.attempt(lambda: _refuse_beside(table, beside, mapping, origin))
    of_interest = [name for name in of_interest if not any(name in one for one in beside.values())]
    faults.attempt(lambda: _refuse_near(table, of_interest, found, mapping, origin))
    faults.report()
    inexact = tuple(
        (ours, theirs) for ours, theirs in found.items() if theirs != mapping.agency_column(ours)
    )
    ignored = set(present) & set(mapping.ignore)
    columns = (*sorted(found.items()), *sources)
    return ColumnMatch(columns, tuple(sorted({*unread, *ignored})), inexact)


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


def _refuse_two_variants(
    table: str, names: Sequence[str], mapping: TableMapping, origin: str
) -> None:
    """Refuses a header in which two columns may be one of ours, or one that is joined too."""
    given = mapping.derived.found_variants(names)
    sources = mapping.derived.found_sources(names)
    for ours, theirs in (*((o, found[0]) for o, found in given.items()), *sources):
        if ours in mapping.joined and ours in mapping.hidden:
            raise InputError(
                f"The table {table} and a file that is joined to it both say {ours}",
                f"{origin}: {theirs}",
                f'Leave it out of one: [{mapping.where}] ignore = ["{theirs}"] in mapping.toml, '
                "or take the column out of the joined file.",
            )
    for ours, alike in given.items():
        if len(alike) > 1 and ours not in mapping.hidden:
            raise InputError(
                f"Two columns of the table {table} may be {ours}",
                f"{origin}: {', '.join(alike)}",
                f'Say which in mapping.toml: [{mapping.where}.columns] {ours} = "{alike[0]}", and '
                f'[{mapping.where}] ignore = ["{alike[1]}"].',
            )


def _required(table: str, mapping: TableMapping) -> Sequence[str]:
    return required_columns(table) if mapping.required is None else mapping.required


def _refuse_beside(
    table: str, beside: dict[str, tuple[str, ...]], mapping: TableMapping, origin: str
) -> None:
    """Refuses the columns of another table, such as contracts in the rows of contributors."""
    for other, columns in beside.items():
        raise InputError(
            f"The file of the table {table} holds the table {other}, too",
            f"{origin}: {', '.join(columns)}",
            f"A file or sheet is read as one table: save these columns, with the ids that belong "
            f"to them, as a file or sheet {other}. If they do not matter, leave them out: "
            f"[{mapping.where}] ignore = {json.dumps(list(columns))} in mapping.toml.",
        )


def _refuse_near(
    table: str,
    unread: Sequence[str],
    found: dict[str, str],
    mapping: TableMapping,
    origin: str,
) -> None:
    """Refuses columns that are not read although they resemble one of ours, or may tell of rights
    or of pay.
    """
    problems: list[tuple[str, str, str]] = []
    for name in unread:
        ours = near_column(table, name, mapping)
        if ours is None:
            if tells_of_rights(name):
                problems.append((name, "…", f"{name!r} may say what is forbidden"))
            elif tells_of_pay(table, name):
                problems.append((name, "…", f"{name!r} may say what somebody is paid"))
            continue
        state = f"read from {found[ours]!r}" if ours in found else "absent"
        if ours in dict(mapping.constants):
            state = "a constant of the mapping"
        if ours in mapping.joined:
            state = "joined from another file"
        problems.append((name, ours, f"{name!r} is near {ours}, which is {state}"))
    if problems:
        name, ours, _ = problems[0]
        raise InputError(
            f"A column of the table {table} would not be read",
            f"{origin}: {'; '.join(problem for _, _, problem in problems)}",
            f'Map it in mapping.toml: [{mapping.where}.columns] {ours} = "{name}"; or, if it does '
            f'not matter: [{mapping.where}] ignore = ["{name}"].',
        )


def near_column(table: str, name: str, mapping: TableMapping) -> str | None:
    """Returns which of our columns a name resembles, or None."""
    theirs = _british(plain_form(name))
    if not theirs:
        return None
    for ours in table_schema(table).names:
        plain, mapped = (
            _british(plain_form(other)) for other in (ours, mapping.agency_column(ours))
        )
        if any(theirs == other or _resembles(theirs, other) for other in (plain, mapped) if other):
            return ours
        if ours not in _FREE_TEXT and _contains(theirs, plain):
            return ours
    return None


def _contains(theirs: str, ours: str) -> bool:
    """Whether a name contains one of ours, or is most of it."""
    if len(theirs) < len(ours):
        return len(theirs) >= _MIN_CONTAINED and len(theirs) >= 0.6 * len(ours) and theirs in ours
    return len(ours) >= _MIN_CONTAINED and ours in theirs


def _resembles(one: str, other: str) -> bool:
    """Whether two names differ by a slip: one edit, two in a longer name, or a likeness of 85 %."""
    if min(len(one), len(other)) < _MIN_CONTAINED:
        return _distance(one, other) <= 1 and min(len(one), len(other)) >= 4
    allowed = 1 if min(len(one), len(other)) < 8 else 2
    if abs(len(one) - len(other)) <= allowed and _distance(one, other) <= allowed:
        return True
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio() >= _NEAR_RATIO


def _distance(one: str, other: str) -> int:
    """Returns the number of letters inserted, deleted or replaced."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


def _missing_column_error(
    table: str,
    ours: str,
    mapping: TableMapping,
    present: Sequence[str],
    unread: Sequence[str],
    origin: str,
) -> InputError:
    """Returns the error; it suggests columns that are not read, and a constant where one may be."""
    theirs = mapping.agency_column(ours)
    guesses = close_matches(theirs, unread)
    wanted = f"{table}.{ours}" if ours == theirs else f"{table}.{ours} (mapped to {theirs!r})"
    line = f'[{mapping.where}.columns] {ours} = "{guesses[0] if guesses else "Their Column"}"'
    hint = f"Similar columns: {', '.join(guesses)}. " if guesses else ""
    named = [name for name in present if name]
    if len(named) == 1:
        hint = title_row_hint(mapping.where)
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(present) == 1 and mark in present[0]:
            hint = f"Its only column contains {word}: state the right separator. "
    # Neither a joined file nor one of codes has constants, and a mapped column cannot be one.
    takes_constants = mapping.where == f"mapping.{table}" and ours not in dict(mapping.columns)
    if takes_constants and ours not in _OF_ONE_ROW and len(named) > 1:
        line += f"; or, if all rows have the same value: [{mapping.where}.constants] {ours} = …"
    return InputError(
        f"The table {table} lacks the column {ours}",
        f"{wanted} in {origin}, which has {', '.join(named) or 'no columns'}",
        f"{hint}Add it, or name it in mapping.toml: {line}",
    )
