"""Lists one asset's releases, with their faults for this asset and deal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from pipelines.rights.arrow import column, one_of
from pipelines.rights.formatting import one_line
from pipelines.rights.index import RightsIndex
from pipelines.rights.release_traits import IS_MODEL, IS_PROPERTY
from pipelines.rights.releases import NamedReleases
from pipelines.rights.rules.listing import SCREENING_RULES
from pipelines.storage.columns import rows_of
from schemas.catalogue import ReleaseRow
from schemas.deal import Deal

_FAULT_COLUMNS = {
    rule.code: rule.release_fault.columns for rule in SCREENING_RULES if rule.release_fault
}
_UNKNOWN_ID = "release.unknown_id"
_RELEASE_KINDS = ("model", "property")
_DATE_COLUMNS = ("signed_at", "valid_until", "shoot_from", "shoot_until")


@dataclass(frozen=True)
class ReleaseLine:
    """A release that an asset names.

    Attributes:
        release_id: Its id.
        kind: model, property or another; "" if it is not in the releases table.
        facts: Its dates, as far as it has them, as (column, value).
        faults: Codes of the reasons why it is not valid for this asset and deal; none if it is.
        fault_values: The values that its faults are about, as (column, value).
    """

    release_id: str
    kind: str
    facts: tuple[tuple[str, str], ...]
    faults: tuple[str, ...]
    fault_values: tuple[tuple[str, str], ...]

    @property
    def is_valid(self) -> bool:
        """Whether it is a valid release of a person or of property."""
        return not self.faults and self.kind in _RELEASE_KINDS

    def evidence(self, fault: str) -> str:
        """The values that gave one of its faults."""
        fault_columns = _FAULT_COLUMNS.get(fault, ())
        values = ", ".join(
            f"{name}={text}" for name, text in self.fault_values if name in fault_columns
        )
        return f"{self.release_id}: {values or 'not in the releases table'}"


def release_lines(
    row_table: pa.Table, releases: pa.Table, index: RightsIndex, deal: Deal
) -> tuple[ReleaseLine, ...]:
    """Returns every release that an asset names, once, in the asset's order.

    Args:
        row_table: The asset's row, as a table of one row.
        releases: The table (schemas.catalogue.RELEASES_SCHEMA).
        index: The same releases, judged for the deal and the instant.
        deal: The deal.
    """
    named = [
        name for name in dict.fromkeys(column(row_table, "release_ids")[0].as_py() or ()) if name
    ]
    if not named:
        return ()
    chosen = one_of(column(releases, "release_id"), named)
    rows: dict[str, Mapping[str, object]] = {
        row["release_id"]: row for row in rows_of(releases.filter(pa.array(chosen)), ReleaseRow)
    }
    found = index.releases.find(row_table, deal)
    items = found.lists.values.to_pylist()
    return tuple(
        _line(name, rows.get(name, {}), _faults(found, items.index(name))) for name in named
    )


def _faults(named: NamedReleases, item: int) -> tuple[str, ...]:
    """Returns a release's faults by screening's rules, whether or not the asset needs it."""
    if named.position[item] < 0:
        return (_UNKNOWN_ID,)
    if not any(named.has_trait(kind)[item] for kind in (IS_MODEL, IS_PROPERTY)):
        return ()  # a release of another kind is never valid
    return tuple(code for code in named.index.faults if named.has_fault(code)[item])


def _line(name: str, row: Mapping[str, object], faults: tuple[str, ...]) -> ReleaseLine:
    fault_columns = dict.fromkeys(
        column for fault in faults for column in _FAULT_COLUMNS.get(fault, ())
    )
    facts = ((field, one_line(row[field])) for field in _DATE_COLUMNS if row.get(field) is not None)
    fault_values = ((field, one_line(row[field])) for field in fault_columns) if row else ()
    kind = one_line(row.get("kind") or "")
    return ReleaseLine(one_line(name), kind, tuple(facts), faults, tuple(fault_values))
