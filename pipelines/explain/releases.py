"""One asset's releases: what each says, and what its faults are for this asset and deal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipelines.rights.arrow import column, one_of
from pipelines.rights.lines import one_line
from pipelines.rights.people import screen_people
from pipelines.rights.screen import Findings, RightsIndex, reasons_of
from schemas.deal import Deal
from schemas.reasons import Reason

# The columns of `releases` that a fault is about.
_COLUMNS: dict[Reason, tuple[str, ...]] = {
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
_SHORT = frozenset({Reason.RELEASE_MODEL_MISSING, Reason.RELEASE_PROPERTY_MISSING})
_KINDS = ("model", "property")
_TOLD = ("signed_at", "valid_until", "shoot_from", "shoot_until")


@dataclass(frozen=True)
class ReleaseLine:
    """A release that an asset names.

    Attributes:
        release_id: Its id.
        kind: model, property or another; "" where the releases table does not have it.
        facts: Its dates, where it has them, as (column, value).
        faults: Why it does not count for this asset under this deal; none for a valid one.
        at_fault: The values that its faults are about, as (column, value).
    """

    release_id: str
    kind: str
    facts: tuple[tuple[str, str], ...]
    faults: tuple[Reason, ...]
    at_fault: tuple[tuple[str, str], ...]

    @property
    def counts(self) -> bool:
        """Whether it counts as a valid release of a person or of property."""
        return not self.faults and self.kind in _KINDS

    def seen(self, fault: Reason) -> str:
        """The values that gave one of its faults."""
        about = _COLUMNS.get(fault, ())
        values = ", ".join(f"{name}={text}" for name, text in self.at_fault if name in about)
        return f"{self.release_id}: {values or 'not in the releases table'}"


def release_lines(
    one: pa.Table, releases: pa.Table, index: RightsIndex, deal: Deal
) -> tuple[ReleaseLine, ...]:
    """Every release that an asset names, once, in its order.

    Args:
        one: The asset's row, a table of one.
        releases: schemas.catalogue.RELEASES_SCHEMA.
        index: The same, judged for the deal and the instant.
        deal: The deal.
    """
    named = [name for name in dict.fromkeys(column(one, "release_ids")[0].as_py() or ()) if name]
    if not named:
        return ()
    chosen = one_of(column(releases, "release_id"), named)
    rows = {row["release_id"]: row for row in releases.filter(pa.array(chosen)).to_pylist()}
    kinds = [str(rows.get(name, {}).get("kind") or "") for name in named]
    faults = _judge_alone(one, named, kinds, index, deal)
    return tuple(
        _line(name, kind, rows.get(name, {}), against)
        for name, kind, against in zip(named, kinds, faults, strict=True)
    )


def _line(name: str, kind: str, row: dict[str, Any], against: tuple[Reason, ...]) -> ReleaseLine:
    about = dict.fromkeys(column for fault in against for column in _COLUMNS.get(fault, ()))
    facts = ((told, one_line(row[told])) for told in _TOLD if row.get(told) is not None)
    at_fault = ((told, one_line(row[told])) for told in about) if row else ()
    return ReleaseLine(one_line(name), one_line(kind), tuple(facts), against, tuple(at_fault))


def _judge_alone(
    one: pa.Table, named: list[str], kinds: list[str], index: RightsIndex, deal: Deal
) -> list[tuple[Reason, ...]]:
    """What screening says of each release, by itself.

    The asset is asked for once a release, as if it showed one person or one property and had that
    release alone: what is then said against the asset is said against the release.
    """
    count = len(named)
    alone = {
        "release_ids": pa.array([[name] for name in named], pa.list_(pa.string())),
        "people_count": pa.array([int(kind == "model") for kind in kinds], pa.int32()),
        "property": pa.array([kind == "property" for kind in kinds]),
        # Whether a minor's release is among them is asked of the asset, not of one release.
        "minors": pa.array([False] * count),
        "licence_class": pa.array(["creative"] * count),  # editorial material needs no release
    }
    asked = one.take(pa.array([0] * count, pa.int64()))
    for name, values in alone.items():
        asked = asked.set_column(asked.schema.get_field_index(name), name, values)
    found = Findings(count)
    screen_people(found.add, asked, index.releases, deal)
    return [
        tuple(r for r in reasons_of(int(bits)) if r.startswith("release.") and r not in _SHORT)
        for bits in found.mask
    ]
