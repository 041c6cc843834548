"""Optional columns in which an empty cell is read as no objection, counted and said.

Most columns are strict: an empty cell refuses, or leaves the question to the contributor's consent.
In the columns below it lets an asset pass, because real catalogues give these only where there is
something to say. So a column that was lost on its way would lose every no in it. What is read so
is counted, and said in one line for each column that is absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.storage.columns import Column
from schemas.catalogue import grant_column
from schemas.deal import Deal
from schemas.rights import Purpose


def _always(deal: Deal) -> bool:
    return True


@dataclass(frozen=True)
class LenientColumn:
    """A column whose empty cells are read as no objection.

    Attributes:
        table: The table.
        name: The column.
        read_as: What its rows are read as, after "are read as".
        matters: Whether a deal lets an asset pass for it.
        unless: Another column, if this one is read so only where that one is empty or 0.
        only: The media type that it is about, or "".
    """

    table: str
    name: str
    read_as: str
    matters: Callable[[Deal], bool] = _always
    unless: str = ""
    only: str = ""

    @property
    def key(self) -> str:
        """The column with its table."""
        return f"{self.table}.{self.name}"


@dataclass(frozen=True)
class Unstated:
    """A column of a catalogue that is absent or partly empty.

    Attributes:
        column: The column with its table, such as `assets.sensitive`.
        is_absent: Whether no file has the column and no mapping states it.
        empty: How many rows are read as if nothing stood against them.
        of: How many rows the table has.
        read_as: What those are read as.
    """

    column: str
    is_absent: bool
    empty: int
    of: int
    read_as: str

    def line(self) -> str:
        """Returns it as one line for people."""
        table, _, name = self.column.partition(".")
        rows = f"{self.empty:,} {table if self.empty != 1 else table.removesuffix('s')}"
        verb = "are" if self.empty != 1 else "is"
        if not self.is_absent:
            where = f"empty in {self.empty:,} of {self.of:,} rows"
            return f"column {self.column} is {where}: {rows} {verb} read as {self.read_as}."
        return (
            f"column {self.column} is absent: {rows} {verb} read as {self.read_as}. If the "
            f"catalogue says otherwise, name its column: mapping.{table}.columns.{name}."
        )

    def to_json(self) -> dict[str, object]:
        """Returns it as JSON."""
        return {**vars(self), "line": self.line()}


_NOT_COMPARED = "the file has it: nothing is compared"


def _grant(purpose: Purpose) -> LenientColumn:
    return LenientColumn(
        "assets",
        grant_column(purpose),
        "not denied by the agency: the contributors' consents alone decide",
        lambda deal: purpose in deal.needed_purposes,
    )


_ASSETS = (
    LenientColumn("assets", "licence_code", "under the agency's own licence, without terms of use"),
    LenientColumn("assets", "exclusive", "not licensed exclusively to anybody"),
    *(
        LenientColumn("assets", name, "not licensed exclusively to anybody", unless="exclusive")
        for name in ("exclusive_purposes", "exclusive_from", "exclusive_until")
    ),
    LenientColumn("assets", "territories_in", "licensed for the whole world"),
    LenientColumn("assets", "territories_out", "excluded from no territory"),
    LenientColumn("assets", "valid_from", "licensed from the start of every deal"),
    LenientColumn("assets", "valid_until", "licensed without an end"),
    *(_grant(purpose) for purpose in Purpose),
    LenientColumn(
        "assets",
        "people_count",
        "acceptable: rights.unknown_people_count accepts that nobody counted the people",
        lambda deal: deal.rights.unknown_people_count == "accept",
    ),
    LenientColumn("assets", "minors", "showing no minor", unless="people_count"),
    LenientColumn(
        "assets",
        "property",
        "acceptable: rights.unknown_property accepts that nobody looked for property",
        lambda deal: deal.rights.unknown_property == "accept",
    ),
    LenientColumn(
        "assets",
        "sensitive",
        "not sensitive, which nobody said",
        lambda deal: deal.rights.sensitive == "refuse",
    ),
    LenientColumn("assets", "release_ids", "naming no release, so that none denies them"),
    LenientColumn(
        "assets",
        "digital_source_type",
        "acceptable: rights.unknown_source accepts that nobody stated the source",
        lambda deal: deal.rights.unknown_source == "accept",
    ),
    LenientColumn(
        "assets",
        "keywords",
        "without any word of select.keywords_none",
        lambda deal: bool(deal.select.keywords_none),
    ),
    LenientColumn("assets", "sha256", _NOT_COMPARED),
    LenientColumn("assets", "bytes", _NOT_COMPARED),
    LenientColumn("assets", "width", _NOT_COMPARED),
    LenientColumn("assets", "height", _NOT_COMPARED),
    LenientColumn(
        "assets",
        "duration_ms",
        _NOT_COMPARED,
        lambda deal: "video" in deal.media,
        only="video",
    ),
)
_CONSENTS = (
    LenientColumn("consents", "asset_id", "said of all assets of the contributor"),
    LenientColumn(
        "consents",
        "basis",
        "not given by silence, which rights.consent_basis does not ask about",
        lambda deal: not deal.rights.demands_explicit,
    ),
)
_RELEASES = (
    LenientColumn(
        "releases",
        "subject_ref",
        "of one unknown person: no revocation reaches its twins, and no witness is its subject",
    ),
    LenientColumn(
        "releases",
        "witness_ref",
        "witnessed by nobody, whom rights.witness does not ask for",
        lambda deal: deal.rights.witness == "independent",
    ),
    LenientColumn("releases", "minor", "of an adult"),
    LenientColumn("releases", "valid_until", "valid without an end"),
    LenientColumn("releases", "revoked_at", "not revoked"),
    LenientColumn(
        "releases", "ml_use", "not allowing machine learning, but not denying it to the asset"
    ),
    *(
        LenientColumn(
            "releases",
            name,
            'of any day: rights.shoot_range is "when-given"',
            lambda deal: deal.rights.shoot_range == "when-given",
        )
        for name in ("shoot_from", "shoot_until")
    ),
)
LENIENT_COLUMNS = {"assets": _ASSETS, "consents": _CONSENTS, "releases": _RELEASES}


def count_unstated(name: str, table: pa.Table) -> Counter[str]:
    """Counts the rows of a table that say nothing in each column, whatever the deal.

    Args:
        name: The table's name.
        table: Its rows, or some of them.
    """
    counts: Counter[str] = Counter()
    for lenient in LENIENT_COLUMNS.get(name, ()):
        values = table.column(lenient.name)
        if lenient.unless or lenient.only or pa.types.is_list(values.type):
            counts[lenient.name] = int(_lets_pass(lenient, table).sum())
        else:
            counts[lenient.name] = values.null_count
    return counts


def _lets_pass(lenient: LenientColumn, table: pa.Table) -> npt.NDArray[np.bool_]:
    empty = _is_empty(table, lenient.name)
    if lenient.unless:
        empty &= _is_empty(table, lenient.unless)
    if lenient.only:
        empty &= np.asarray(pc.equal(table.column("media_type"), pa.scalar(lenient.only)), np.bool_)
    return empty


def _is_empty(table: pa.Table, name: str) -> npt.NDArray[np.bool_]:
    values: Column = table.column(name).combine_chunks()
    if pa.types.is_list(values.type):
        values = pc.list_value_length(values)
    empty: Column = values.is_null()
    if pa.types.is_integer(values.type):
        empty = pc.less_equal(values.fill_null(0), pa.scalar(0))
    return np.array(empty, np.bool_)


def find_unstated(
    deal: Deal,
    present: Mapping[str, Set[str]],
    empty: Mapping[str, tuple[int, Mapping[str, int]]],
) -> tuple[Unstated, ...]:
    """Returns the columns that are absent or partly empty and that matter to a deal.

    Args:
        deal: The deal.
        present: The columns of each table that a file, also a joined one, has or the mapping
            states.
        empty: For each table its rows, and how many of them say nothing in each column.
    """
    found = []
    for table, columns in LENIENT_COLUMNS.items():
        rows, counts = empty.get(table, (0, {}))
        for lenient in columns:
            count = counts.get(lenient.name, 0)
            if count and lenient.matters(deal):
                is_absent = lenient.name not in present.get(table, set())
                found.append(Unstated(lenient.key, is_absent, count, rows, lenient.read_as))
    return tuple(sorted(found, key=lambda item: not item.is_absent))
