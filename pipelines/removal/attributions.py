"""Attributions of what is left of a delivery, for the agency's patch and the buyer's copy."""

from __future__ import annotations

from collections.abc import Collection

from pipelines.format.attribution import attribution_csv, without_samples
from pipelines.removal.output import PatchOutput
from pipelines.storage.tables import parquet_bytes
from schemas import layout


def write_attributions(output: PatchOutput, removed: Collection[str]) -> None:
    """Writes the attributions without those of removed samples; earlier releases have none.

    Args:
        output: The patched delivery.
        removed: Keys of the removed samples.
    """
    if layout.ATTRIBUTION_TABLE not in output.before.listed:
        return
    left = without_samples(output.before.table(layout.ATTRIBUTION_TABLE), removed)
    output.write(layout.ATTRIBUTION_TABLE, parquet_bytes(left))
    output.write(layout.ATTRIBUTION_CSV, attribution_csv(left))
