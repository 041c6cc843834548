"""The table of docs/agency-exports.md: which column of ours each agency's file gives."""

from __future__ import annotations

from pipelines.catalogue.mapping import parse_document
from pipelines.catalogue.preset import Preset, load_preset
from schemas.presets import PRESETS

#: Columns that at least one agency's file gives, in the order of the table.
_COLUMNS = (
    "title",
    "description",
    "keywords",
    "category",
    "created_at",
    "licence_class",
    "sensitive",
    "release_ids",
    "digital_source_type",
)


def presets_table() -> str:
    """Returns a row for each preset: its columns by ours, and those that are not used."""
    names = ("preset", "agency", "file", *_COLUMNS, "not used")
    lines = [_row(names), _row(["---"] * len(names))]
    lines += [_row(_cells(load_preset(name))) for name in PRESETS]
    return "\n".join(lines)


def header_list() -> str:
    """Returns the header row of each preset's file."""
    presets = [load_preset(name) for name in PRESETS]
    lines = ["| preset | header |", "| --- | --- |"]
    lines += [_row((f"`{preset.name}`", f"`{preset.header}`")) for preset in presets]
    return "\n".join(lines)


def _row(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(preset: Preset) -> tuple[str, ...]:
    own = parse_document(preset.document(), b"", preset.name).for_table("assets")
    derived = own.derived
    known = {name.casefold() for name in preset.columns}
    given: dict[str, str] = {}
    for ours, theirs in derived.variants:
        # The names of the header row; another variant only where the row has none of them.
        shown = [name for name in theirs if name.casefold() in known]
        given[ours] = ", ".join(shown)
    for ours, theirs in derived.gathered:
        given[ours] = " + ".join(theirs)
    for ours, theirs in derived.first:
        given[ours] = ", else ".join(theirs)
    for ours, theirs, value in derived.filled:
        given[ours] = f"{' or '.join(theirs)} filled: `{value}`"
    unused = [name for name in derived.unused if name.casefold() in known]
    columns = (given.get(name, "") for name in _COLUMNS)
    return (f"`{preset.name}`", preset.agency, given["media_uri"], *columns, ", ".join(unused))
