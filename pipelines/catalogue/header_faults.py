"""Errors of a file's header: columns that are missing, repeated, ambiguous or not read."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pipelines.catalogue.mapping import TableMapping
from pipelines.catalogue.mapping_values import close_matches
from pipelines.catalogue.near_columns import near_column
from pipelines.catalogue.telling_names import tells_of_pay, tells_of_rights
from schemas.errors import InputError

# No two rows of assets, contributors or releases have the same one.
_OF_ONE_ROW = frozenset("asset_id media_uri contributor_id release_id".split())


def title_row_hint(where: str) -> str:
    """Says what to do about rows above the header, as a sentence with a blank after it.

    Args:
        where: The table's section of the mapping.
    """
    return (
        "If the first row is a title, say in mapping.toml which row has the names of the columns: "
        f"[{where}] header_row = 3, if it is the third. "
    )


def refuse_repeated(names: Sequence[str], origin: str) -> None:
    """Refuses a header in which a name appears twice."""
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        listing = f"{origin}: {', '.join(repeated)}"
        raise InputError("A column appears twice", listing, "Rename one.")


def refuse_two_variants(
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


def refuse_beside(
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


def refuse_near(
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


def missing_column_error(
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
