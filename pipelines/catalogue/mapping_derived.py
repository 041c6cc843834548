"""The keys of a mapping that say how columns of ours are made of an export's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipelines.catalogue.mapping_values import (
    cell_text,
    check_known,
    parse_names,
    require_section,
    text_value,
)
from pipelines.catalogue.plain_form import plain_form
from schemas.errors import InputError

DERIVED_SECTIONS = (
    "variants",
    "gathered",
    "first",
    "filled",
    "from_file_name",
    "base_names",
    "unused",
    "editorial_captions",
)
FILE_COLUMN = "media_uri"
_FROM_FILE_NAME = ("asset_id", "media_type")
#: By our column, names of the agency's columns.
Names = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class DerivedColumns:
    """How columns are made of the agency's; names are compared without case and punctuation.

    Attributes:
        variants: By our column, the names that it has in different exports; it may be absent.
        gathered: By our column, columns whose values are put together.
        first: By our column, columns of which the first that has a value counts.
        filled: By our column, columns and the text that stands for a value in any of them.
        from_file_name: Our columns that follow from the name of the file.
        base_names: Our columns in which a path is reduced to its last part.
        unused: Columns of the agency that are known and say nothing that is used.
        editorial_captions: Whether captions with a dateline contradict the class `creative`.
    """

    variants: Names = ()
    gathered: Names = ()
    first: Names = ()
    filled: tuple[tuple[str, tuple[str, ...], str], ...] = ()
    from_file_name: tuple[str, ...] = ()
    base_names: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    editorial_captions: bool = False

    @property
    def sources(self) -> Names:
        """By our column, the columns that it is made of, whatever the rule."""
        return (
            *self.gathered,
            *self.first,
            *((ours, names) for ours, names, _ in self.filled),
        )

    def found_sources(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Returns pairs of our column and one of a header that it is made of."""
        return tuple(
            (ours, name) for ours, theirs in self.sources for name in _alike(names, theirs)
        )

    def found_variants(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Returns the columns of a header that are variants of ours; one each, if all is well."""
        return {ours: found for ours, theirs in self.variants if (found := _alike(names, theirs))}

    def is_unused(self, name: str) -> bool:
        """Whether a column is one that is known to say nothing that is used."""
        return plain_form(name) in {plain_form(other) for other in self.unused}


NOTHING_DERIVED = DerivedColumns()


def _alike(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Returns the names that are among the wanted ones, in the order of these."""
    by_plain: dict[str, list[str]] = {}
    for name in names:
        by_plain.setdefault(plain_form(name), []).append(name)
    plain = dict.fromkeys(plain_form(name) for name in wanted)
    return [name for form in plain for name in by_plain.get(form, ())]


def parse_derived(raw: dict[str, object], schema: pa.Schema, where: str) -> DerivedColumns:
    """Parses the keys `DERIVED_SECTIONS` of a table's mapping.

    Raises:
        InputError: If a key or value is unknown, or a column is made in two ways.
    """
    variants, gathered, first = (
        _parse_columns(raw.get(key, {}), schema, f"{where}.{key}")
        for key in ("variants", "gathered", "first")
    )
    from_file_name = _known(raw, "from_file_name", _FROM_FILE_NAME, where)
    if from_file_name and FILE_COLUMN not in schema.names:
        raise InputError(
            "The mapping has an unknown key", f"{where}.from_file_name", "Only assets have files."
        )
    derived = DerivedColumns(
        variants,
        gathered,
        first,
        _parse_filled(raw.get("filled", {}), schema, f"{where}.filled"),
        from_file_name,
        _known(raw, "base_names", [f.name for f in schema if pa.types.is_string(f.type)], where),
        parse_names(raw.get("unused", []), f"{where}.unused"),
        _parse_editorial(raw.get("editorial_captions", False), schema, where),
    )
    _refuse_twice(derived, where)
    return derived


def _parse_columns(raw: object, schema: pa.Schema, where: str) -> Names:
    result = []
    for ours, names in sorted(require_section(raw, where).items()):
        check_known(ours, schema.names, f"{where}.{ours}")
        parsed = parse_names(names, f"{where}.{ours}")
        if not parsed:
            raise InputError("The mapping names no column here", f"{where}.{ours}", "Name one.")
        result.append((ours, parsed))
    return tuple(result)


def _parse_filled(
    raw: object, schema: pa.Schema, where: str
) -> tuple[tuple[str, tuple[str, ...], str], ...]:
    result = []
    for ours, section in sorted(require_section(raw, where).items()):
        check_known(ours, schema.names, f"{where}.{ours}")
        values = require_section(section, f"{where}.{ours}")
        for key in values:
            check_known(key, ("columns", "value"), f"{where}.{ours}.{key}")
        names = parse_names(values.get("columns", []), f"{where}.{ours}.columns")
        text = cell_text(values.get("value", ""), f"{where}.{ours}.value")
        result.append((ours, names, text_value(text, f"{where}.{ours}.value")))
    return tuple(result)


def _known(
    raw: Mapping[str, object], key: str, allowed: Sequence[str], where: str
) -> tuple[str, ...]:
    names = parse_names(raw.get(key, []), f"{where}.{key}")
    for name in names:
        check_known(name, allowed, f"{where}.{key} = {name!r}")
    return names


def _parse_editorial(value: object, schema: pa.Schema, where: str) -> bool:
    key = f"{where}.editorial_captions"
    if not isinstance(value, bool):
        raise InputError("The mapping requires true or false here", f"{key} = {value!r}", "")
    if value and "licence_class" not in schema.names:
        raise InputError("The mapping has an unknown key", key, "Only assets have captions.")
    return value


def _refuse_twice(derived: DerivedColumns, where: str) -> None:
    made = [ours for ours, _ in (*derived.variants, *derived.sources)]
    twice = sorted({ours for ours in made if made.count(ours) > 1})
    if twice:
        raise InputError(
            "The mapping makes a column in two ways", f"{where}: {', '.join(twice)}", "Keep one."
        )
