"""One asset's releases: what each says, and what its faults are for this asset and deal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from pipelines.rights.arrow import column, one_of
from pipelines.rights.formatting import one_line
from pipelines.rights.people import screen_people
from pipelines.rights.screen import ReasonCollector, RightsIndex, reasons_of
from pipelines.storage.columns import rows_of
from schemas.catalogue import ReleaseRow
from schemas.deal import Deal
from schemas.reasons import Reason

# The columns of `releases` that a fault is about.
_FAULT_COLUMNS: dict[Reason, tuple[str, ...]] = {
    Reason.RELEASE_REVOKED: ("revoked_at",),
    Reason.RELEASE_EXPIRED: ("valid_until",),
    Reason.RELEASE_UNSIGNED: ("signed_at", "subject_signed", "photographer_signed"),
    Reason.RELEASE_GUARDIAN_MISSING: ("guardian_signed",),
    Reason.RELEASE_PURPOSE_NOT_COVERED: ("ml_use",),
    Reason.RELEASE_BIOMETRIC_MISSING: ("biometric_rider",),
    Reason.RELEASE_SHOOT_RANGE: ("shoot_from", "shoot_until"),
    Reason.RELEASE_BLANKET_RANGE: ("shoot_from", "shoot_until"),
    Reason.RELEASE_WITNESS: ("witness_ref", "subject_ref"),
}
_MISSING_RELEASE_REASONS = frozenset(
    {Reason.RELEASE_MODEL_MISSING, Reason.RELEASE_PROPERTY_MISSING}
)
_RELEASE_KINDS = ("model", "property")
_DATE_COLUMNS = ("signed_at", "valid_until", "shoot_from", "shoot_until")


@dataclass(frozen=True)
class ReleaseLine:
    """A release that an asset names.

    Attributes:
        release_id: Its id.
        kind: model, property or another; "" where the releases table does not have it.
        facts: Its dates, where it has them, as (column, value).
        faults: Why it does not count for this asset under this deal; none for a valid one.
        fault_values: The values that its faults are about, as (column, value).
    """

    release_id: str
    kind: str
    facts: tuple[tuple[str, str], ...]
    faults: tuple[Reason, ...]
    fault_values: tuple[tuple[str, str], ...]

    @property
    def is_valid(self) -> bool:
        """Whether it counts as a valid release of a person or of property."""
        return not self.faults and self.kind in _RELEASE_KINDS

    def evidence(self, fault: Reason) -> str:
        """The values that gave one of its faults."""
        fault_columns = _FAULT_COLUMNS.get(fault, ())
        values = ", ".join(
            f"{name}={text}" for name, text in self.fault_values if name in fault_columns
        )
        return f"{self.release_id}: {values or 'not in the releases table'}"


def release_lines(
    row_table: pa.Table, releases: pa.Table, index: RightsIndex, deal: Deal
) -> tuple[ReleaseLine, ...]:
    """Every release that an asset names, once, in its order.

    Args:
        row_table: The asset's row, a table of one.
        releases: schemas.catalogue.RELEASES_SCHEMA.
        index: The same, judged for the deal and the instant.
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
    kinds = [str(rows.get(name, {}).get("kind") or "") for name in named]
    faults = _judge_separately(row_table, named, kinds, index, deal)
    return tuple(
        _line(name, kind, rows.get(name, {}), reasons)
        for name, kind, reasons in zip(named, kinds, faults, strict=True)
    )


def _line(
    name: str, kind: str, row: Mapping[str, object], reasons: tuple[Reason, ...]
) -> ReleaseLine:
    fault_columns = dict.fromkeys(
        column for fault in reasons for column in _FAULT_COLUMNS.get(fault, ())
    )
    facts = ((field, one_line(row[field])) for field in _DATE_COLUMNS if row.get(field) is not None)
    fault_values = ((field, one_line(row[field])) for field in fault_columns) if row else ()
    return ReleaseLine(one_line(name), one_line(kind), tuple(facts), reasons, tuple(fault_values))


def _judge_separately(
    row_table: pa.Table, named: list[str], kinds: list[str], index: RightsIndex, deal: Deal
) -> list[tuple[Reason, ...]]:
    """What screening says of each release, by itself.

    The asset is asked for once a release, as if it showed one person or one property and had that
    release alone: what is then said against the asset is said against the release.
    """
    count = len(named)
    changed_columns = {
        "release_ids": pa.array([[name] for name in named], pa.list_(pa.string())),
        "people_count": pa.array([int(kind == "model") for kind in kinds], pa.int32()),
        "property": pa.array([kind == "property" for kind in kinds]),
        # Whether a minor's release is among them is asked of the asset, not of one release.
        "minors": pa.array([False] * count),
        "licence_class": pa.array(["creative"] * count),  # editorial material needs no release
    }
    test_rows = row_table.take(pa.array([0] * count, pa.int64()))
    for name, values in changed_columns.items():
        test_rows = test_rows.set_column(test_rows.schema.get_field_index(name), name, values)
    collected = ReasonCollector(count)
    screen_people(collected.add, test_rows, index.releases, deal)
    return [
        tuple(
            r
            for r in reasons_of(int(bits))
            if r.startswith("release.") and r not in _MISSING_RELEASE_REASONS
        )
        for bits in collected.mask
    ]
