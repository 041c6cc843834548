"""What a mapping states: by table, how columns, values and files are read."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.catalogue.consent_default import ConsentDefault
from pipelines.catalogue.mapping_derived import NOTHING_DERIVED, DerivedColumns
from pipelines.catalogue.mapping_form import NOTHING_STATED, TableForm

#: Columns of which an export may say a part and a joined file the rest; where both speak, they
#: must agree.
COMBINED = frozenset({"licence_class", "digital_source_type", "release_ids"})


@dataclass(frozen=True)
class TableMapping:
    """The mapping of one table.

    Attributes:
        columns: Pairs of our column name and the agency's.
        values: By our column, pairs of the agency's value and ours, both as text.
        constants: By our column, the text to use in every row.
        files: Names or patterns of the table's files; empty where the files' own names say it.
        sheet: Which sheet of its workbook; empty for the only one, or the one with its name.
        ignore: The agency's columns that are not read on purpose.
        form: How its text files and cells are written.
        derived: How columns are made of the agency's own.
        codes: By our column, the file that has its values as pairs of the agency's and ours.
        joins: Files that add columns to it.
        default: Of consents, what every contributor consents to by contract.
        required: The columns that must be there; None for those that the table requires.
        joined: Columns that joined files give; known once these are opened.
        code_tables: By our column, what its file of codes holds; likewise.
        where: Its key path, for messages.
    """

    columns: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    constants: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()
    sheet: str = ""
    ignore: tuple[str, ...] = ()
    form: TableForm = NOTHING_STATED
    derived: DerivedColumns = NOTHING_DERIVED
    codes: tuple[tuple[str, TableMapping], ...] = ()
    joins: tuple[JoinMapping, ...] = ()
    default: ConsentDefault | None = None
    required: tuple[str, ...] | None = None
    joined: tuple[str, ...] = ()
    code_tables: tuple[tuple[str, CodeTable], ...] = ()
    where: str = ""

    def agency_column(self, column: str) -> str:
        """Returns the name of our column in the agency's table."""
        return dict(self.columns).get(column, column)

    @property
    def stated_columns(self) -> frozenset[str]:
        """Returns our columns of which it says anything."""
        form = self.form
        stated = (self.columns, self.values, self.constants, self.codes)
        written = (form.dates, form.lists, form.prefixes)
        return frozenset(pair[0] for pairs in (*stated, *written) for pair in pairs)

    @property
    def given_elsewhere(self) -> frozenset[str]:
        """Returns our columns that something else than the table's own files gives."""
        return frozenset(dict(self.constants)) | frozenset(self.joined)

    @property
    def combined(self) -> frozenset[str]:
        """Returns our joined columns that the table's own files may give too."""
        made = {ours for ours, _ in (*self.derived.variants, *self.derived.sources)}
        return COMBINED & made & frozenset(self.joined)

    @property
    def hidden(self) -> frozenset[str]:
        """Returns our columns that the table's own files must not have."""
        return self.given_elsewhere - self.combined


@dataclass(frozen=True)
class CodeTable:
    """The values of a column, from a file.

    Attributes:
        file: The file's name.
        pairs: Pairs of the agency's value and ours.
    """

    file: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class JoinMapping:
    """A file that adds columns to a table.

    Attributes:
        key: Our column of the table by which its rows are found; the file has it too.
        mapping: How the file is mapped.
        united: Our columns of lists whose items are put together if a key has several rows.
    """

    key: str
    mapping: TableMapping
    united: tuple[str, ...] = ()


@dataclass(frozen=True)
class CatalogueMapping:
    """A parsed `mapping.toml`.

    Attributes:
        source: The bytes of the file, which the catalogue's digest covers.
        tables: The mappings, by table.
        ignored_files: Names or patterns of files that are not part of the catalogue.
        preset: The preset that it is based on, or "".
    """

    source: bytes = b""
    tables: tuple[tuple[str, TableMapping], ...] = ()
    ignored_files: tuple[str, ...] = ()
    preset: str = ""

    def for_table(self, table: str) -> TableMapping:
        """Returns the mapping of a table; empty if the file does not mention the table."""
        return dict(self.tables).get(table, TableMapping(where=f"mapping.{table}"))
