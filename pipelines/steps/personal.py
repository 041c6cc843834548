"""Counts personal data, renditions and flagged captions, and takes personal data out of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import pyarrow as pa

from pipelines.features.fetched_asset import FetchedAsset
from pipelines.run.personal_counts import PersonalCounts
from pipelines.run.sample_counts import SampleCounts
from pipelines.signals.file.contact_texts import kinds_in, without_personal_data
from pipelines.storage.columns import rows_of
from schemas.catalogue import AssetDescription
from schemas.signal import PersonalKind, personal_kinds_of
from schemas.unit import ClearedRow, UnitRow

_COUNTED = ["media_type", "rendition", "captions", "dropped_flags"]
_DELIVERED = ["title", "description", "keywords", "personal_kinds"]


def kinds_in_texts(row: AssetDescription) -> set[PersonalKind]:
    """Returns the kinds of personal data in the texts of an asset that are delivered."""
    return kinds_in([row["title"], row["description"], *(row["keywords"] or [])])


def without_personal_texts(row: ClearedRow) -> ClearedRow:
    """Returns a row with e-mail addresses, phone numbers and by-lines taken out of its texts."""
    cleaned: ClearedRow = {**row}
    if row["title"]:
        cleaned["title"] = without_personal_data(row["title"])
    if row["description"]:
        cleaned["description"] = without_personal_data(row["description"])
    if row["keywords"]:
        cleaned["keywords"] = [without_personal_data(word) for word in row["keywords"]]
    return cleaned


def count_read(
    assets: Iterable[FetchedAsset], in_texts: Mapping[str, Set[PersonalKind]]
) -> PersonalCounts:
    """Counts the assets whose files were read.

    Args:
        assets: The assets.
        in_texts: The kinds in the texts of each, as the catalogue has them, by asset id.
    """
    counts = PersonalCounts()
    for item in assets:
        if item.digest:
            counts.add_asset(personal_kinds_of(item.reading), in_texts[item.row["asset_id"]])
    return counts


def count_delivered(rows: pa.Table) -> PersonalCounts:
    """Counts samples by their rows (schemas.unit.UNIT_SCHEMA)."""
    counts = PersonalCounts()
    for row in rows_of(rows.select(_DELIVERED), UnitRow):
        counts.add_asset(row["personal_kinds"], kinds_in_texts(row))
    return counts


def count_samples(rows: pa.Table) -> SampleCounts:
    """Counts renditions, and flagged captions, of samples (schemas.unit.UNIT_SCHEMA)."""
    counts = SampleCounts()
    for row in rows_of(rows.select(_COUNTED), UnitRow):
        flags = [flag for caption in row["captions"] for flag in caption["flags"]]
        counts.add_sample(row["media_type"], row["rendition"], flags, row["dropped_flags"])
    return counts
