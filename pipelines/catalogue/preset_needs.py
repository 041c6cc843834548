"""What a preset's file does not say, and which table would supply it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipelines.catalogue.headers import find_columns
from pipelines.catalogue.inspect import read_head
from pipelines.catalogue.listing import CatalogueFile
from pipelines.catalogue.mapping import TableMapping
from pipelines.catalogue.parts import Catalogue
from pipelines.catalogue.preset import Preset, load_preset
from schemas.catalogue import required_columns
from schemas.errors import InputError

# Columns by which screening decides, with what they say and the table that supplies them.
_NEEDS = {
    "contributors": "whose the assets are",
    "licence_model": "whether they are royalty-free or rights-managed",
    "licence_class": "whether they are creative or editorial",
    "status": "which of them are withdrawn or on hold",
    "people_count": "how many people are shown",
    "minors": "whether minors are shown",
    "property": "whether protected property is shown",
    "release_ids": "which releases belong to them",
    "digital_source_type": "how they were made",
    "created_at": "when they were made",
    "exclusive": "whether somebody else has them exclusively",
    "territories_in": "where they may be licensed",
}
_TABLES = {
    "contributors": "who the contributors are",
    "consents": "what the contributors allow, so that nobody has consented",
    "releases": "which releases were signed",
}
_SECOND = "rights.csv"


@dataclass(frozen=True)
class UnknownFact:
    """A fact that nothing in the catalogue gives.

    Attributes:
        what: The column, such as `assets.people_count`, or the table.
        table: The table that would supply it.
        meaning: What nobody says.
        line: It as a sentence.
    """

    what: str
    table: str
    meaning: str
    line: str

    def to_json(self) -> dict[str, str]:
        """Returns it as JSON."""
        return dict(vars(self))


def said_columns(
    file: CatalogueFile, mapping: TableMapping, required: tuple[str, ...]
) -> frozenset[str]:
    """Returns our columns that a file has by itself.

    Raises:
        InputError: If its dialect is not certain.
    """
    names = read_head("assets", file, replace(mapping, required=required)).names or []
    derived = mapping.derived
    made = {ours for ours, _ in derived.found_sources(names)} | derived.found_variants(names).keys()
    return frozenset(find_columns("assets", names, mapping)) | made


def missing_columns_error(preset: Preset, said: Iterable[str], uri: str) -> InputError | None:
    """Returns the error of a catalogue that lacks required columns, or None."""
    known = set(said)
    missing = [n for n in required_columns("assets") if n in _NEEDS and n not in known]
    if not missing:
        return None
    facts = "; ".join(f"{name} ({_NEEDS[name]})" for name in missing)
    return InputError(
        f"The file of {preset.agency} does not say all that an asset needs",
        f"{uri}: {facts}",
        f"Put {_SECOND} beside it, with the columns Filename, {', '.join(missing)}; or state what "
        "is the same for all assets in mapping.toml: [mapping.assets.constants].",
    )


def find_unknown(catalogue: Catalogue) -> list[UnknownFact]:
    """Returns what a catalogue with a preset does not say; nothing for one without."""
    if not catalogue.mapping.preset:
        return []
    agency = load_preset(catalogue.mapping.preset).agency
    own = catalogue.mapping.for_table("assets")
    said = {ours for part in catalogue.parts("assets") for ours, _ in part.columns}
    said |= {name for join in catalogue.joins for name in join.columns if join.table == "assets"}
    said |= {*dict(own.constants), *own.derived.from_file_name}
    second = catalogue.joins[0].name if catalogue.joins else _SECOND
    facts = [
        UnknownFact(
            f"assets.{name}",
            second,
            f"{agency} does not say {what}",
            f"{name}: {agency} does not say {what}. A column {name} in {second} would.",
        )
        for name, what in _NEEDS.items()
        if name not in said
    ]
    facts += [
        UnknownFact(
            table,
            table,
            f"nothing says {what}",
            f"{table}: nothing says {what}. A table {table} would.",
        )
        for table, what in _TABLES.items()
        if not catalogue.parts(table) and catalogue.mapping.for_table(table).default is None
    ]
    return facts
