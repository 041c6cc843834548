"""Reads the grants in the catalogue's `assets` table as signals."""

from __future__ import annotations

from pipelines.signals.file.metadata_blocks import printable
from schemas.catalogue import AssetRow, grant_column
from schemas.rights import PURPOSES, Permission
from schemas.signal import Origin, Reading, Signal, raw_sha256

AGENCY = "agency"


def read_grants(row: AssetRow) -> Reading:
    """Reads the grant columns of one row of `assets`. An unknown value counts as a denial."""
    signals = []
    for purpose in PURPOSES:
        column = grant_column(purpose)
        said = row.get(column)
        if said is None:
            continue
        value = Permission(said) if said in list(Permission) else Permission.DENY
        where = f"assets.{column}"
        signals.append(
            Signal(
                Origin.CATALOGUE,
                purpose,
                value,
                AGENCY,
                where,
                raw_sha256(said),
                "",
                printable(said),
            )
        )
    return Reading(tuple(signals))
